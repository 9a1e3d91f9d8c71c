//! A person, and what it may have heard.

use crate::support::{Member, SETTINGS};
use statesocket_rooms::{
    broker::{Entry, Said},
    id::Id,
    protocol::FromServer,
};
use std::collections::BTreeMap;

/// A person in a room, with one connection after another.
pub struct Person {
    pub room: &'static str,
    pub name: String,
    pub member: Option<Member>,
    pub last: Option<Id>,
    heard: Vec<Entry>,
    /// The text of each message by its key, and the answer.
    pub said: BTreeMap<u64, (String, Option<FromServer>)>,
    pub key: u64,
    /// The messages that it had heard when it joined without knowing any, and the place of joining.
    first_joined: Option<(usize, Id)>,
}

impl Person {
    pub fn new(room: &'static str, name: String) -> Self {
        let (heard, said) = (Vec::new(), BTreeMap::new());
        Self { room, name, member: None, last: None, heard, said, key: 0, first_joined: None }
    }

    /// Takes what has come.
    pub fn hear(&mut self) {
        let Some(member) = &mut self.member else { return };
        for news in member.look() {
            member.has_heard = true;
            match news {
                FromServer::Message { id, name, text } => {
                    let said = Said { room: self.room.to_owned(), name, text };
                    self.heard.push(Entry { id, said });
                }
                FromServer::Joined { id, may_have_gap, room } => {
                    assert_eq!((&*room, may_have_gap), (self.room, false), "{}: nothing is dropped", self.name);
                    if self.last.is_none() && self.first_joined.is_none() {
                        self.first_joined = Some((self.heard.len(), id));
                    }
                }
                FromServer::Acknowledged { key, .. } | FromServer::Refused { key, .. } => {
                    let (_, answer) = self.said.get_mut(&key).expect("an answer to a message");
                    assert_eq!(answer.replace(news), None, "{}: one answer to {key}", self.name);
                }
                FromServer::Present { .. } | FromServer::Broker { .. } => {}
            }
        }
        self.last = member.last.or(self.last);
    }

    /// `stored` is what the broker has of this room.
    pub fn check(&self, stored: &[Entry]) {
        let name = &self.name;
        let since = match self.heard.first() {
            Some(first) => stored.iter().position(|entry| entry.id == first.id).expect("what is heard is stored"),
            None => stored.len(),
        };
        assert_eq!(self.heard, stored[since..], "{name} hears everything once, and in order");
        if let Some((heard, id)) = self.first_joined {
            let older = stored.iter().filter(|entry| entry.id <= id).count();
            assert!(heard >= older.min(SETTINGS.newest), "{name} got {heard} of {older} when it came");
        } else {
            assert!(!self.heard.is_empty(), "{name} has joined");
        }
        for (key, (text, answer)) in &self.said {
            let stored: Vec<_> = stored.iter().filter(|entry| entry.said.text == *text).collect();
            match answer {
                Some(FromServer::Acknowledged { id, .. }) => {
                    let ids: Vec<_> = stored.iter().map(|entry| entry.id).collect();
                    assert_eq!(ids, [*id], "{name}: the acknowledged {key} is stored once");
                }
                Some(FromServer::Refused { may_be_stored: false, .. }) => {
                    assert!(stored.is_empty(), "{name}: the refused {key} is not stored");
                }
                Some(_) | None => assert!(stored.len() <= 1, "{name}: {key} is stored once at most"),
            }
        }
    }
}
