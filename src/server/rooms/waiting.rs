//! Waiting messages: their numbers, and the sessions that they wait for.

use super::super::session_id::LocalId;
use crate::{SharedMessage, SharedMessages};
use std::collections::VecDeque;

/// How many published messages there were when something happened. Messages have numbers from 1 on.
pub(super) type Sequence = u64;

/// The number of a message, and the room in which it waits. Those of a room that the session has left have none.
pub(super) type Place = (Sequence, Option<usize>);

/// A session for which messages may wait in a room.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    pub(super) id: LocalId,
    /// When it has joined the room.
    pub(super) since: Sequence,
}

/// All messages that wait for a session, in order.
pub(super) struct Listed {
    pub(super) id: LocalId,
    /// The number of the last message when the list was made.
    pub(super) published: Sequence,
    pub(super) messages: VecDeque<Place>,
}

/// The next of the messages that wait for a session.
#[derive(Clone, Copy)]
pub(crate) enum Next<'a> {
    One(&'a SharedMessage),
    /// All that wait.
    All(&'a SharedMessages),
}
