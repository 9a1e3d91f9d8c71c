//! What every session of a server was told and must be told, noted beside the server.

use super::Reached;
use statesocket::server::{SessionId, Tally};
use std::collections::{BTreeMap, BTreeSet};

/// The number of a client, which its request has in its query.
pub(super) type Number = usize;

/// The sender of the messages of the program itself.
pub(super) const PROGRAM: Number = usize::MAX;

/// From here on each sender has one message, whose order is not checked.
const UNORDERED: Number = 1 << 32;

/// A message.
pub(super) struct Sent {
    sender: Number,
    number: u64,
    pub(super) text: String,
}

/// The sessions with a handler, by the number of their client.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) sessions: BTreeMap<Number, Record>,
    /// The clients that have sent other bytes than a client sends, or lost some. What they say is not followed.
    pub(super) lawless: BTreeSet<Number>,
    /// The number of the next message, whoever sends it.
    next_message: u64,
    got: u64,
    dropped: u64,
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: SessionId,
    pub(super) stage: Stage,
    pub(super) has_panicked: bool,
    pub(super) rooms: BTreeSet<&'static str>,
    /// It was a member of a room when it ended.
    was_member: bool,
    /// The messages that the client must get unless its session ends, by sender.
    owed: BTreeMap<Number, BTreeSet<u64>>,
    /// The last message that the client has got, by sender.
    last: BTreeMap<Number, u64>,
    /// The number of the last message of the client.
    heard: u64,
}

/// How far a session has come. It only moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Requested,
    Open,
    /// Our code has ended it.
    Closing,
    /// `on_disconnect` was called.
    Ended,
}

impl Ledger {
    /// `on_request` is called.
    pub(super) fn request(&mut self, number: Number, id: SessionId) {
        let record = Record {
            id,
            stage: Stage::Requested,
            has_panicked: false,
            rooms: BTreeSet::new(),
            was_member: false,
            owed: BTreeMap::new(),
            last: BTreeMap::new(),
            heard: 0,
        };
        assert!(self.sessions.insert(number, record).is_none(), "client {number} has one request");
    }

    pub(super) fn of(&mut self, number: Number) -> &mut Record {
        self.sessions.get_mut(&number).expect("a handler is called after its request")
    }

    /// A method of a handler is called, other than `on_request` and `on_disconnect`.
    pub(super) fn call(&mut self, number: Number, may_have_ended: bool) {
        let record = self.of(number);
        assert!(!record.has_panicked, "client {number}: a handler that has panicked only hears of the end");
        assert!(record.stage < Stage::Ended || may_have_ended, "client {number}: a call after the end");
    }

    /// `on_disconnect` is called.
    pub(super) fn end(&mut self, number: Number) {
        let record = self.of(number);
        assert!(record.stage < Stage::Ended, "client {number}: a second end");
        record.stage = Stage::Ended;
        record.was_member |= !record.rooms.is_empty();
        record.rooms.clear();
    }

    /// The client has sent its message `count`, and its handler gets it.
    pub(super) fn hear(&mut self, number: Number, count: u64) {
        if self.lawless.contains(&number) {
            return;
        }
        let record = self.of(number);
        assert_eq!(count, record.heard + 1, "client {number}: messages come in order, and none is lost");
        record.heard = count;
    }

    pub(super) fn heard(&self, number: Number) -> u64 {
        self.sessions.get(&number).map_or(0, |record| record.heard)
    }

    /// The members of a room.
    pub(super) fn members(&self, room: &str) -> BTreeSet<SessionId> {
        self.sessions.values().filter(|record| record.rooms.contains(room)).map(|record| record.id).collect()
    }

    /// A new message of `sender`, or one whose order is not checked.
    pub(super) fn message(&mut self, sender: Number, is_ordered: bool, padding: usize) -> Sent {
        self.next_message += 1;
        let number = self.next_message;
        let sender = if is_ordered { sender } else { UNORDERED + number as usize };
        Sent { sender, number, text: format!("{sender} {number} {}", "x".repeat(padding)) }
    }

    /// The session of `number` must get the message unless it ends.
    pub(super) fn owe(&mut self, number: Number, message: &Sent) {
        let record = self.of(number);
        if record.stage == Stage::Open {
            record.owed.entry(message.sender).or_default().insert(message.number);
        }
    }

    /// The handler has said that the message may be dropped.
    pub(super) fn drop_message(&mut self, number: Number, text: &str) {
        self.dropped += 1;
        let (sender, message) = parse(text);
        self.of(number).owed.entry(sender).or_default().remove(&message);
    }

    /// The client `number` has got a message.
    pub(super) fn get(&mut self, number: Number, text: &str) {
        self.got += 1;
        let (sender, message) = parse(text);
        let record = self.of(number);
        let last = record.last.insert(sender, message).unwrap_or_default();
        assert!(last < message, "client {number}: {message} of {sender} comes after {last}");
        let owed = record.owed.entry(sender).or_default();
        owed.remove(&message);
        let lost = owed.first().copied().filter(|owed| *owed < message);
        assert_eq!(lost, None, "client {number}: {message} of {sender} has overtaken it, or it is lost");
    }

    pub(super) fn reached(&self, tally: Tally) -> Reached {
        let count = |is: fn(&Record) -> bool| self.sessions.values().filter(|record| is(record)).count();
        Reached {
            tally,
            got: self.got,
            heard: self.sessions.values().map(|record| record.heard).sum(),
            dropped: self.dropped,
            members: count(|record| record.was_member),
            panicked: count(|record| record.has_panicked),
        }
    }

    /// The messages that the client has not got.
    pub(super) fn missing(&self, number: Number) -> Vec<u64> {
        self.sessions.get(&number).map_or_else(Vec::new, |record| record.owed.values().flatten().copied().collect())
    }
}

/// The sender and the number of a message.
fn parse(text: &str) -> (Number, u64) {
    let mut words = text.split(' ');
    let mut next = || words.next().expect("a message names its sender and itself");
    (next().parse().expect("a number"), next().parse().expect("a number"))
}
