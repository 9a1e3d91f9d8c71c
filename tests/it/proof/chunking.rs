//! However the bytes are cut, in either direction: the same events, the same output, the same end.

use super::{
    compression::{self, Compression},
    frames::joined,
    settings,
};
use crate::support::{accepted_head, client, drain, request_head, waiting};
use statesocket::{Config, Connection, Delivery, Event, Hold, Phase, Role, handshake::Accept};
use std::{io, sync::Arc, time::Instant};

/// How a connection begins, before the wire of the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Established(Role),
    /// A server that has received nothing.
    Server,
    /// A client that has queued its request.
    Client,
    /// A server that first gets a valid request.
    Requested,
    /// A client that first gets a valid response.
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

    /// The role that receives the wire.
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

    fn connection(self, config: Config, compression: Option<Compression>) -> Connection {
        let now = Instant::now();
        match self {
            Self::Established(role) => {
                Connection::established(role, compression::agreed(compression), Arc::new(config), now)
            }
            Self::Server | Self::Requested => Connection::server(Arc::new(config), now),
            Self::Client | Self::Accepted => client(config, &["chat"]),
        }
    }

    /// The bytes that the peer sends first.
    fn head(self, config: &Config, is_compressed: bool) -> Vec<u8> {
        let offer = [("Sec-WebSocket-Extensions", compression::OFFER)];
        let answer = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=9")];
        match self {
            Self::Established(_) | Self::Server | Self::Client => Vec::new(),
            Self::Requested => request_head("/chat?a=b", if is_compressed { &offer } else { &[] }),
            Self::Accepted => {
                let request = drain(&mut client(config.clone(), &["chat"]));
                accepted_head(&request, if is_compressed { &answer } else { &[] })
            }
        }
    }
}

/// The bytes of a case: configuration, start, number of cuts, the length of each piece but the last, the wire.
pub(crate) fn encode(choices: u8, start: Start, cuts: &[u8], wire: &[u8]) -> Vec<u8> {
    let start = Start::ALL.iter().position(|other| *other == start).expect("the start is in the list") as u8;
    let count = cuts.len() as u8;
    [&[choices, start, count], cuts, wire].concat()
}

pub(crate) fn check(data: &[u8]) {
    let (compression, data) = compression::split(data);
    let Some((&[choices, start, count], rest)) = data.split_first_chunk() else { return };
    let Some((cuts, wire)) = rest.split_at_checked(usize::from(count)) else { return };
    let start = Start::ALL[usize::from(start) % Start::ALL.len()];
    let mut config = settings::config(choices);
    if let Some(compression) = compression {
        compression.apply(&mut config);
    }
    let wire = [&start.head(&config, compression.is_some()), wire].concat();
    let outcome = |pieces: &[&[u8]], answer, writes: &[u8]| {
        run(start.connection(config.clone(), compression), pieces, answer, writes)
    };

    // This run writes at once what the others write in pieces.
    let whole = outcome(&[&wire], Answer::AtOnce, &[]);
    let singles: Vec<&[u8]> = wire.chunks(1).collect();
    let mut others = vec![(pieces(&wire, cuts), Answer::AtOnce), (singles, Answer::AtOnce)];
    if start == Start::Requested && wire.len() <= config.max_early_bytes {
        others.push((pieces(&wire, cuts), Answer::Late));
    }
    for (pieces, answer) in others {
        let other = outcome(&pieces, answer, cuts);
        if config.delivery == Delivery::Messages {
            assert_eq!(other, whole);
        } else {
            // The end of a chunk means nothing, and neither do the chunks of a message that failed.
            assert_eq!(
                Outcome { events: joined(&other.events), ..other },
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
    /// When all pieces have arrived.
    Late,
}

/// Hands in `pieces`. Like an application, accepts a request and echoes messages when their events come. Writes the
/// output in pieces of the lengths `writes`.
fn run(mut connection: Connection, pieces: &[&[u8]], answer: Answer, writes: &[u8]) -> Outcome {
    let (mut events, mut output) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut buffer = piece.to_vec();
        let mut input = buffer.as_mut_slice();
        loop {
            while let Some(event) = connection.receive(&mut input, Instant::now()) {
                react(&mut connection, &event, answer);
                events.push(event.into_owned());
            }
            if input.is_empty() {
                break;
            }
            // The output is full. It is written before the rest is handed in, whatever the pieces.
            assert_eq!(connection.held_by(), Some(Hold::Output), "`receive` takes all input, or is held");
            write_all(&mut connection, &mut output);
        }
        assert_eq!(connection.poll_event(), None, "all events are reported");
    }
    if answer == Answer::Late && connection.request().is_some() {
        connection.accept(Accept::new()).expect("a request is pending");
        loop {
            while let Some(event) = connection.poll_event() {
                react(&mut connection, &event, answer);
                events.push(event);
            }
            if connection.held_by().is_none() {
                break;
            }
            write_all(&mut connection, &mut output);
        }
    }
    let phase = connection.phase();
    output.extend(write_out(connection, writes));
    Outcome { events, output, phase }
}

fn react(connection: &mut Connection, event: &Event<'_>, answer: Answer) {
    match event {
        Event::Request(request) if request.is_websocket() && answer == Answer::AtOnce => {
            connection.accept(Accept::new()).expect("a request is pending");
        }
        // A message that does not fit the output is not echoed. The pieces do not affect whether it fits.
        Event::Message(message) => drop(connection.send(message)),
        _ => {}
    }
}

fn write_all(connection: &mut Connection, output: &mut Vec<u8>) {
    while connection.output_len() > 0 {
        output.extend(drain(connection));
    }
}

/// Takes the output in pieces of the lengths `writes`, by each way to write in turn, and the rest at once.
fn write_out(mut connection: Connection, writes: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    for (at, len) in writes.iter().map(|len| usize::from(*len)).enumerate() {
        match at % 3 {
            0 => {
                let bytes = connection.output();
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
    write_all(&mut connection, &mut output);
    output
}

/// A writer that takes this many bytes, then blocks.
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

/// The pieces of `wire` of the lengths `cuts`, and the rest as the last one.
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
