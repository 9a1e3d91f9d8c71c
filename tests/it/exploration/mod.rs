//! All that two endpoints can do to each other, and a peer that misbehaves to one, explored breadth-first over real
//! connections.
//!
//! What may happen without end (messages, Pings, jumps of the clock, cuts of the network) may happen a few times;
//! within that, every order of everything is visited. States are told apart by a digest: of the `Debug` text of each
//! connection and of what was noted of it, of the bytes on their way, and of the time. Each property has its name in
//! `property.rs`, and a violation is reported with the fewest actions that lead there. `PROPTEST_CASES` raises how
//! often things may happen: by one for eight times the default, by two for 64 times.

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
