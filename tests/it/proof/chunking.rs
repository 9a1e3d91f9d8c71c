//! However bytes are cut, coming in or going out, a connection tells the same, writes the same, and ends the same.

use super::{frames::joined, settings};
use crate::support::{accepted_head, client, drain, into_owned, request_head, waiting};
use statesocket::{Agreed, Config, Connection, Delivery, Event, Phase, Role, handshake::Accept};
use std::{io, sync::Arc, time::Instant};

/// Where a connection begins, and what has been said before the wire of the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Established(Role),
    /// A server that waits for a request.
    Server,
    /// A client that waits for an answer.
    Client,
    /// A server to which a right request comes first.
    Requested,
    /// A client to which a right answer comes first.
    Accepted,
}

impl Start {
    pub(crate) const ALL: [Self; 6] = [
        Self::Established(Role::Server),
        Self::Established(Role::Client),
        Self::Server,
        Self::Client,
        Self::Requested,
        Self::Accepted,
    ];

    /// Whose bytes come in.
    pub(crate) fn role(self) -> Role {
        match self {
            Self::Established(role) => role,
            Self::Server | Self::Requested => Role::Server,
            Self::Client | Self::Accepted => Role::Client,
        }
    }

    /// Whether a head is still to come.
    pub(crate) fn takes_head(self) -> bool {
        matches!(self, Self::Server | Self::Client)
    }

    fn connection(self, config: Config) -> Connection {
        let now = Instant::now();
        match self {
            Self::Established(role) => {
                Connection::established(role, Agreed::new().seed([7; 32]), Arc::new(config), now)
            }
            Self::Server | Self::Requested => Connection::server(Arc::new(config), now),
            Self::Client | Self::Accepted => client(config, &["chat"]),
        }
    }

    /// What the peer says first.
    fn head(self) -> Vec<u8> {
        match self {
            Self::Established(_) | Self::Server | Self::Client => Vec::new(),
            Self::Requested => request_head("/chat?a=b", &[]),
            Self::Accepted => accepted_head(&drain(&mut client(Config::default(), &["chat"])), &[]),
        }
    }
}

/// The bytes of a case: configuration, start, how many cuts, the length of each piece but the last, the wire.
pub(crate) fn encode(choices: u8, start: Start, cuts: &[u8], wire: &[u8]) -> Vec<u8> {
    let start = Start::ALL.iter().position(|other| *other == start).expect("it is one of them") as u8;
    let count = cuts.len() as u8;
    [&[choices, start, count], cuts, wire].concat()
}

pub(crate) fn check(data: &[u8]) {
    let Some((&[choices, start, count], rest)) = data.split_first_chunk() else { return };
    let Some((cuts, wire)) = rest.split_at_checked(usize::from(count)) else { return };
    let start = Start::ALL[usize::from(start) % Start::ALL.len()];
    let config = settings::config(choices);
    let wire = [&start.head(), wire].concat();

    // What the others write in pieces this one writes at once.
    let whole = run(start, &config, &[&wire], Answer::AtOnce, &[]);
    let singles: Vec<&[u8]> = wire.chunks(1).collect();
    let mut others = vec![(pieces(&wire, cuts), Answer::AtOnce), (singles, Answer::AtOnce)];
    if start == Start::Requested && wire.len() <= config.max_early_bytes {
        others.push((pieces(&wire, cuts), Answer::Late));
    }
    for (pieces, answer) in others {
        let outcome = run(start, &config, &pieces, answer, cuts);
        if config.delivery == Delivery::Messages {
            assert_eq!(outcome, whole);
        } else {
            // Where a chunk ends means nothing, and so does how much was told of a message that came to nothing.
            assert_eq!(
                Outcome { events: joined(&outcome.events), ..outcome },
                Outcome { events: joined(&whole.events), output: whole.output.clone(), ..whole }
            );
        }
    }
}

/// Everything that a connection shows.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<Event<'static>>,
    output: Vec<u8>,
    phase: Phase,
}

/// When the application accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    AtOnce,
    /// When all has come.
    Late,
}

/// Hands in `pieces`; accepts a request and echoes messages as their events come, as an application does. What it
/// writes is taken off in pieces as long as `writes` say.
fn run(start: Start, config: &Config, pieces: &[&[u8]], answer: Answer, writes: &[u8]) -> Outcome {
    let mut connection = start.connection(config.clone());
    let mut events = Vec::new();
    for piece in pieces {
        let mut buffer = piece.to_vec();
        let mut input = buffer.as_mut_slice();
        while let Some(event) = connection.receive(&mut input, Instant::now()) {
            react(&mut connection, &event, answer);
            events.push(into_owned(event));
        }
        assert!(input.is_empty(), "all is taken before there is no more event");
        assert_eq!(connection.poll_event(), None, "all has been told");
    }
    if answer == Answer::Late && connection.request().is_some() {
        connection.accept(Accept::new()).expect("a request is pending");
        while let Some(event) = connection.poll_event() {
            react(&mut connection, &event, answer);
            events.push(event);
        }
    }
    let phase = connection.phase();
    Outcome { events, output: write_out(connection, writes), phase }
}

fn react(connection: &mut Connection, event: &Event<'_>, answer: Answer) {
    match event {
        Event::Request(request) if request.is_websocket() && answer == Answer::AtOnce => {
            connection.accept(Accept::new()).expect("a request is pending");
        }
        // A message that finds no room is not echoed; whether it does has nothing to do with the pieces.
        Event::Message(message) => drop(connection.send(message)),
        _ => {}
    }
}

/// Takes off all that waits, in pieces of the lengths `writes`, by each of the ways to write; the rest at once.
fn write_out(mut connection: Connection, writes: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    for (at, len) in writes.iter().map(|len| usize::from(*len)).enumerate() {
        match at % 3 {
            0 => {
                let bytes = connection.transmit();
                let taken = &bytes[..len.min(bytes.len())];
                output.extend(taken);
                let taken = taken.len();
                connection.advance(taken);
            }
            1 => {
                let bytes = waiting(&connection);
                let taken = &bytes[..len.min(bytes.len())];
                output.extend(taken);
                connection.advance(taken.len());
            }
            _ => {
                let room = Room { left: len, output: &mut output };
                connection.write_to(room).expect("a full writer would block");
            }
        }
    }
    while connection.queued() > 0 {
        output.extend(drain(&mut connection));
    }
    output
}

/// A writer that takes so many bytes and then would block.
struct Room<'a> {
    left: usize,
    output: &'a mut Vec<u8>,
}

impl io::Write for Room<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.left.min(bytes.len());
        self.output.extend(&bytes[..taken]);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The pieces of `wire` of the lengths `cuts`; what is left is the last.
fn pieces<'a>(mut wire: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for len in cuts {
        let (piece, rest) = wire.split_at(usize::from(*len).min(wire.len()));
        pieces.push(piece);
        wire = rest;
    }
    pieces.push(wire);
    pieces
}
