//! Who is in which room, in all processes.
//!
//! Each process notes its own members in the broker, once per second where someone has come or gone, and all of them
//! every ten seconds. Who is not noted for half a minute is gone, so that the members of a killed process disappear.

use crate::{broker::Presence, protocol::FromServer};
use std::collections::{BTreeSet, HashMap};

/// The ticks between two notes of a member.
const TICKS_PER_NOTE: u64 = 10;

/// The most names that are told.
const MAX_NAMES: usize = 50;

/// The members of this process by room, and what they have been told of the others.
#[derive(Debug, Default)]
pub struct Rooms {
    rooms: HashMap<String, Room>,
    ticks: u64,
}

#[derive(Debug, Default)]
struct Room {
    here: BTreeSet<String>,
    gone: BTreeSet<String>,
    /// Someone has come since they were noted.
    is_changed: bool,
    /// Someone is to be told even if there is no news.
    is_untold: bool,
    /// Who was there when they were told.
    told: Vec<String>,
}

impl Rooms {
    /// A member comes: a string of this process and this member, as [`name_of`] reads it.
    pub fn enter(&mut self, room: &str, member: String) {
        let room = self.rooms.entry(room.to_owned()).or_default();
        room.gone.remove(&member);
        room.here.insert(member);
        room.is_changed = true;
    }

    /// A member hears from now on what is told in the room.
    pub fn tell_again(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.is_untold = true;
        }
    }

    /// A member goes.
    pub fn leave(&mut self, room: &str, member: String) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.here.remove(&member);
            room.gone.insert(member);
        }
    }

    /// A second has passed: what is to be noted, in every room that has a member or had one.
    pub fn tick(&mut self) -> Vec<Presence> {
        let is_due = self.ticks.is_multiple_of(TICKS_PER_NOTE);
        self.ticks += 1;
        let mut notes = Vec::new();
        self.rooms.retain(|name, room| {
            let is_noted = std::mem::take(&mut room.is_changed) || is_due;
            let here = if is_noted { room.here.iter().cloned().collect() } else { Vec::new() };
            let gone = std::mem::take(&mut room.gone).into_iter().collect();
            notes.push(Presence { room: name.clone(), here, gone });
            !room.here.is_empty()
        });
        notes
    }

    /// The members of a room could not be noted. Those who have gone are forgotten by the broker in time.
    pub fn not_noted(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.is_changed = true;
        }
    }

    /// The broker may have forgotten all members.
    pub fn note_all(&mut self) {
        self.rooms.values_mut().for_each(|room| room.is_changed = true);
    }

    /// Who is in a room, in all processes. Returns what its members are to be told, if it is news.
    pub fn news(&mut self, room: &str, mut members: Vec<String>) -> Option<FromServer> {
        let room = self.rooms.get_mut(room)?;
        members.sort_unstable_by(|a, b| (name_of(a), a).cmp(&(name_of(b), b)));
        if !std::mem::take(&mut room.is_untold) && members == room.told {
            return None;
        }
        let names = members.iter().take(MAX_NAMES).map(|member| name_of(member).to_owned()).collect();
        let news = FromServer::Present { count: members.len(), names };
        room.told = members;
        Some(news)
    }
}

/// The string of a member that no other process has.
#[must_use]
pub fn member(process: u64, number: u64, name: &str) -> String {
    format!("{process:x}:{number}:{name}")
}

/// The name in such a string.
fn name_of(member: &str) -> &str {
    member.splitn(3, ':').nth(2).unwrap_or(member)
}
