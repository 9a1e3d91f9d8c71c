//! Everything that two endpoints can do to each other, and a misbehaving peer to one, explored breadth-first with real
//! connections.
//!
//! Things that could happen without end (messages, Pings, jumps of the clock, cuts of the network) may happen a few
//! times; within that, every order of everything is visited. States are compared by a digest of the `Debug` text of
//! each connection, the notes about it, the bytes on their way, and the time. `property.rs` names each property, and a
//! violation is reported with the fewest actions that lead there. `PROPTEST_CASES` raises the bounds: by one for eight
//! times the default, by two for 64 times.

mod adversary;
mod endpoint;
mod everything;
mod explorer;
mod ledger;
mod machine;
mod output;
mod pair;
mod property;
mod seeded;
mod subject;

use crate::support::config;
use statesocket::{CloseReply, Config};

fn replying(reply: CloseReply) -> Config {
    config(|config| config.close_reply = reply)
}
