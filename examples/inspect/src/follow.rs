//! Segments of all connections of a capture to conversations.

use crate::{
    capture::Segment,
    conversation::Conversation,
    finding::{Ends, Finding, Moment, Sink, What},
    flow::Half,
};
use statesocket::Role;
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};

/// The most connections that are followed at a time. The oldest makes room for a new one.
pub const MAX_CONNECTIONS: usize = 1000;

/// The most memory of segments that wait for missing ones, of one direction and of all, in bytes. Few
/// senders have more under way, so beyond that the capture lacks the missing segments for good.
const MAX_HELD: usize = 4 << 20;
const MAX_HELD_BY_ALL: usize = 64 << 20;

/// Both addresses, in one order for both directions.
type Pair = (SocketAddr, SocketAddr);

/// Follows all connections of a capture, or those of one port.
#[derive(Debug, Default)]
pub struct Follow {
    port: Option<u16>,
    is_open: bool,
    connections: BTreeMap<u64, Followed>,
    numbers: HashMap<Pair, u64>,
    held: usize,
    last: Moment,
    /// What has been found so far.
    pub totals: Totals,
}

/// How many connections there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All connections.
    pub connections: u64,
    /// Those that were no WebSocket.
    pub others: u64,
    /// Those in which an end broke a rule.
    pub violations: u64,
}

#[derive(Debug)]
struct Followed {
    pair: Pair,
    ends: Ends,
    conversation: Conversation,
    client: Half,
    server: Half,
}

impl Follow {
    /// Follows all connections; with a `port`, those in which an end has it. `is_open` says that they begin behind
    /// their handshakes.
    #[must_use]
    pub fn new(port: Option<u16>, is_open: bool) -> Self {
        Self { port, is_open, ..Self::default() }
    }

    /// Takes the next segment of the capture.
    pub fn take(&mut self, segment: &Segment<'_>, sink: Sink<'_>) {
        self.last = segment.moment;
        if self.port.is_some_and(|port| port != segment.from.port() && port != segment.to.port()) {
            return;
        }
        let Some(number) = self.number_of(segment, sink) else { return };
        let sink = &mut counting(&mut self.totals, sink);
        let Some(followed) = self.connections.get_mut(&number) else { return };
        self.held -= followed.held();
        followed.take(segment, self.held, sink);
        self.held += followed.held();
        if segment.flags.rst {
            let from = followed.role_of(segment.from);
            followed.conversation.end(from, segment.moment, true, sink);
        }
    }

    /// The capture has ended.
    pub fn finish(&mut self, sink: Sink<'_>) {
        let sink = &mut counting(&mut self.totals, sink);
        for (_, mut followed) in std::mem::take(&mut self.connections) {
            followed.finish(self.last, sink);
        }
        self.numbers.clear();
        self.held = 0;
    }

    /// The number of the connection of a segment, which may begin with it.
    fn number_of(&mut self, segment: &Segment<'_>, sink: Sink<'_>) -> Option<u64> {
        let pair = (segment.from.min(segment.to), segment.from.max(segment.to));
        let is_first = segment.flags.syn && !segment.flags.ack;
        if let Some(number) = self.numbers.get(&pair).copied() {
            let is_other = |followed: &Followed| is_first && followed.is_other(segment);
            if !self.connections.get(&number).is_some_and(is_other) {
                return Some(number);
            }
            self.drop_connection(number, sink);
        }
        if !segment.flags.syn && segment.payload.is_empty() {
            return None;
        }
        if self.connections.len() >= MAX_CONNECTIONS
            && let Some(oldest) = self.connections.keys().next().copied()
        {
            self.drop_connection(oldest, sink);
        }
        self.totals.connections += 1;
        let number = self.totals.connections;
        let ends = ends_of(segment, self.port);
        let conversation = if self.is_open { Conversation::opened(number) } else { Conversation::new(number) };
        conversation.begin(segment.moment, Some(ends), sink);
        let (client, server) = (Half::default(), Half::default());
        self.connections.insert(number, Followed { pair, ends, conversation, client, server });
        self.numbers.insert(pair, number);
        Some(number)
    }

    fn drop_connection(&mut self, number: u64, sink: Sink<'_>) {
        if let Some(mut followed) = self.connections.remove(&number) {
            self.numbers.remove(&followed.pair);
            self.held -= followed.held();
            followed.finish(self.last, &mut counting(&mut self.totals, sink));
        }
    }
}

impl Followed {
    fn take(&mut self, segment: &Segment<'_>, held_by_others: usize, sink: Sink<'_>) {
        let (from, moment) = (self.role_of(segment.from), segment.moment);
        if !self.conversation.reads(from) {
            self.half(from).drop_early();
            if segment.flags.fin {
                self.conversation.end(from, moment, false, sink);
            }
            return;
        }
        let half = self.half(from);
        let mut sequence = segment.sequence;
        if segment.flags.syn {
            half.open(sequence);
            sequence = sequence.wrapping_add(1);
        }
        half.push(sequence, segment.payload, segment.flags.fin);
        while let Some(bytes) = self.half(from).pop() {
            self.conversation.feed(from, moment, &bytes, sink);
        }
        if self.half(from).has_ended() {
            self.conversation.end(from, moment, false, sink);
        }
        if self.half(from).held() > MAX_HELD || held_by_others + self.held() > MAX_HELD_BY_ALL {
            self.lose(from, moment, sink);
        }
    }

    /// Gives up bytes that are missing.
    fn lose(&mut self, from: Role, moment: Moment, sink: Sink<'_>) {
        if let Some(missing) = self.half(from).missing() {
            self.conversation.lose(from, moment, missing, sink);
        }
        self.half(from).drop_early();
    }

    fn finish(&mut self, moment: Moment, sink: Sink<'_>) {
        for role in [Role::Client, Role::Server] {
            self.lose(role, moment, sink);
        }
        self.conversation.finish(moment, sink);
    }

    /// Whether a SYN is that of a later connection between the same addresses.
    fn is_other(&self, syn: &Segment<'_>) -> bool {
        match self.role_of(syn.from) {
            Role::Client => self.client.is_other(syn.sequence),
            Role::Server => true,
        }
    }

    fn held(&self) -> usize {
        self.client.held() + self.server.held()
    }

    fn role_of(&self, from: SocketAddr) -> Role {
        if from == self.ends.client { Role::Client } else { Role::Server }
    }

    const fn half(&mut self, from: Role) -> &mut Half {
        match from {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }
}

/// The ends of a connection by its first segment. The client sends the first SYN. If the capture lacks that, the server
/// has the given port, or answers with HTTP.
fn ends_of(segment: &Segment<'_>, port: Option<u16>) -> Ends {
    let is_from_server = match (segment.flags.syn, port) {
        (true, _) => segment.flags.ack,
        (false, Some(port)) if segment.from.port() != segment.to.port() => segment.from.port() == port,
        (false, _) => segment.payload.starts_with(b"HTTP/"),
    };
    if is_from_server {
        Ends { client: segment.to, server: segment.from }
    } else {
        Ends { client: segment.from, server: segment.to }
    }
}

/// Counts what goes to `sink`.
fn counting<'a>(totals: &'a mut Totals, sink: Sink<'a>) -> impl FnMut(Finding) + 'a {
    move |found| {
        match &found.what {
            What::NotWebSocket { .. } => totals.others += 1,
            What::Violation { is_first: true, .. } => totals.violations += 1,
            _ => {}
        }
        sink(found);
    }
}
