//! What members and servers say to each other: text messages with JSON.
//!
//! A member connects to `/ws/{room_id}?name=anna`, and with `&after=ID` to get everything after the message that it had
//! last. `after=0` gets everything that is kept. Without it a member gets the newest messages of the room.

use crate::id::Id;
use serde::{Deserialize, Serialize};

/// A member says something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromMember {
    /// The answer has the same. A member counts its messages with it.
    pub key: u64,
    /// What it says.
    pub text: String,
}

/// A server says something to a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromServer {
    /// The member has got the older messages that it wants; now it gets each one that comes.
    Joined {
        /// The room.
        room: String,
        /// All messages up to this id have been told.
        id: Id,
        /// Messages after the one that the member had last may be gone: they are not kept any more.
        may_have_gap: bool,
    },
    /// A message in the room, also to the member that has said it.
    Message {
        /// Its place. A member that comes back gives the last one as `after`.
        id: Id,
        /// Who has said it.
        name: String,
        /// What.
        text: String,
    },
    /// The broker has stored the message `key` of this member: it reaches every member of the room.
    Acknowledged {
        /// The key of the message.
        key: u64,
        /// Its place.
        id: Id,
    },
    /// The message `key` of this member is not acknowledged, and nobody tries again by itself.
    Refused {
        /// The key of the message.
        key: u64,
        /// Why.
        reason: String,
        /// The broker was lost before its answer came: the message may reach the members nevertheless.
        may_be_stored: bool,
    },
    /// Who is in the room, in all processes.
    Present {
        /// How many members.
        count: usize,
        /// The names of the first ones.
        names: Vec<String>,
    },
    /// The broker is lost, or back.
    Broker {
        /// Whether messages are refused.
        is_lost: bool,
    },
}
