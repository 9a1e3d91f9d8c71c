//! One room: its members, and the messages that wait in it.

use super::{
    super::session_id::LocalId,
    waiting::{Next, Sequence},
};
use crate::{SharedMessage, SharedMessages};
use std::collections::BTreeMap;

/// The memory of a waiting message besides its payload, in bytes, at least.
pub(super) const MESSAGE_BYTES: usize = 128;

pub(super) struct Room {
    name: Box<str>,
    /// The members, and when each has joined.
    members: BTreeMap<LocalId, Sequence>,
    /// In the order of their numbers.
    waiting: Vec<Published>,
    /// The waiting messages in one piece.
    joined: Option<SharedMessages>,
}

struct Published {
    number: Sequence,
    message: SharedMessage,
    /// The member that does not get it.
    except: Option<LocalId>,
}

/// How many of the waiting messages are for one member.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Some,
    All,
}

impl Room {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), members: BTreeMap::new(), waiting: Vec::new(), joined: None }
    }

    pub(super) const fn name(&self) -> &str {
        &self.name
    }

    /// Makes the session `id` a member, which gets the messages after `since`. It is none.
    pub(super) fn add(&mut self, id: LocalId, since: Sequence) {
        self.members.insert(id, since);
    }

    /// Removes the member `id`. Returns when it has joined; `None` if it is no member.
    pub(super) fn remove(&mut self, id: LocalId) -> Option<Sequence> {
        self.members.remove(&id)
    }

    /// When the member `id` has joined.
    pub(super) fn since(&self, id: LocalId) -> Option<Sequence> {
        self.members.get(&id).copied()
    }

    pub(super) fn is_member(&self, id: LocalId) -> bool {
        self.members.contains_key(&id)
    }

    /// The members, the oldest session first.
    pub(super) fn members(&self) -> impl ExactSizeIterator<Item = LocalId> {
        self.members.keys().copied()
    }

    /// The members, the oldest session first, and when each has joined.
    pub(super) fn members_since(&self) -> impl Iterator<Item = (LocalId, Sequence)> {
        self.members.iter().map(|(id, since)| (*id, *since))
    }

    pub(super) const fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The bytes of the waiting messages.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|published| waiting_bytes(&published.message)).sum()
    }

    /// Adds a waiting message, which is the last one, for all members but `except`.
    pub(super) fn push(&mut self, number: Sequence, message: SharedMessage, except: Option<LocalId>) {
        self.waiting.push(Published { number, message, except });
        self.joined = None;
    }

    /// Forgets the messages up to `number`.
    pub(super) fn forget(&mut self, number: Sequence) {
        self.waiting.retain(|published| published.number > number);
        self.joined = None;
    }

    /// The waiting messages after `since` for the member `id`.
    #[inline]
    pub(super) fn all_for(&self, id: LocalId, since: Sequence) -> impl Iterator<Item = (Sequence, &SharedMessage)> {
        let first = self.waiting.partition_point(|published| published.number <= since);
        let waiting = self.waiting[first..].iter().filter(move |published| published.is_for(id));
        waiting.map(|published| (published.number, &published.message))
    }

    /// How many of the waiting messages come after `since` and are for the member `id`; `None` if there is none.
    #[inline]
    pub(super) fn part_for(&self, id: LocalId, since: Sequence) -> Option<Part> {
        if self.waiting.first()?.number > since && self.waiting.iter().all(|published| published.is_for(id)) {
            return Some(Part::All);
        }
        self.all_for(id, since).next().map(|_| Part::Some)
    }

    /// All waiting messages, in one piece, and the number of the last one.
    #[inline]
    pub(super) fn all(&mut self) -> Option<(Sequence, Next<'_>)> {
        match &self.waiting[..] {
            [] => None,
            [one] => Some((one.number, Next::One(&one.message))),
            [.., last] => Some((last.number, Next::All(join(&mut self.joined, &self.waiting)))),
        }
    }

    /// The first waiting message after `since` for the member `id`.
    pub(super) fn first_after(&self, since: Sequence, id: LocalId) -> Option<(Sequence, Next<'_>)> {
        self.all_for(id, since).next().map(|(number, message)| (number, Next::One(message)))
    }

    pub(super) fn message(&self, number: Sequence) -> Option<&SharedMessage> {
        let place = self.waiting.binary_search_by_key(&number, |published| published.number).ok()?;
        Some(&self.waiting[place].message)
    }
}

impl Published {
    #[inline]
    fn is_for(&self, id: LocalId) -> bool {
        self.except != Some(id)
    }
}

/// The waiting messages in one piece.
fn join<'j>(joined: &'j mut Option<SharedMessages>, waiting: &[Published]) -> &'j SharedMessages {
    joined.get_or_insert_with(|| waiting.iter().map(|published| &published.message).collect())
}

/// The bytes of a message that waits.
pub(super) fn waiting_bytes(message: &SharedMessage) -> usize {
    MESSAGE_BYTES.saturating_add(message.payload().len())
}
