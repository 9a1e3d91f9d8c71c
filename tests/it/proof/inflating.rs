//! Compressed messages are read as the reference reads them, however they are cut, and within their limits.

use super::{
    compression::{self, Compression, RSV1},
    reference::{self, Said},
};
use crate::support::Raw;
use statesocket::{Cause, Config, Connection, Delivery, Event, OutputBuffer, Role};
use std::{sync::Arc, time::Instant};

/// The head of a case: three choices of compression, those of the connection, and the number of cuts.
const HEAD: usize = 5;

/// The bytes of a case: three choices of [`Compression`], those of the connection, the number of cuts, the length of
/// each piece but the last, and the frames.
pub(crate) fn encode(choices: [u8; 4], cuts: &[u8], frames: &[u8]) -> Vec<u8> {
    [&choices[..], &[cuts.len() as u8], cuts, frames].concat()
}

/// What a case is about.
struct Case<'a> {
    compression: Compression,
    role: Role,
    config: Arc<Config>,
    cuts: &'a [u8],
    wire: Vec<u8>,
}

pub(crate) fn check(data: &[u8]) {
    let Some(case) = Case::read(data) else { return };
    let wire = case.wire.as_slice();
    let whole = hear(case.open(), [wire], None);
    assert_eq!(whole.0, case.said(), "the events are what the peer said");
    let mut rest = wire;
    let mut pieces = Vec::new();
    for len in case.cuts {
        let (piece, later) = rest.split_at(usize::from(*len).min(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces.push(rest);
    assert_eq!(hear(case.open(), pieces.iter().copied(), Some(case.cuts)), whole, "in pieces");
    assert_eq!(hear(case.open(), wire.chunks(1), None), whole, "byte by byte");
}

/// What the peer says: each a message, another frame, or the code that answers a violation.
pub(crate) fn kinds(data: &[u8]) -> Vec<String> {
    let kind = |said: &Said| match said {
        Said::Text(_) | Said::Binary(_) => "message".to_owned(),
        Said::Violation(code) => code.to_string(),
        Said::Ping(_) | Said::Pong(_) | Said::Close(_) => "control".to_owned(),
    };
    Case::read(data).map(|case| case.said().iter().map(kind).collect()).unwrap_or_default()
}

impl<'a> Case<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let (&[directions, how, history, choices, count], rest) = data.split_first_chunk::<HEAD>()?;
        let (cuts, frames) = rest.split_at_checked(usize::from(count))?;
        let compression = Compression::drawn([directions, how, history]);
        let role = if choices & 0x01 == 0 { Role::Server } else { Role::Client };
        let config = Config::default().with(|config| {
            compression.apply(config);
            (config.high_water, config.client_high_water) = (None, None);
            if choices & 0x02 != 0 {
                config.delivery = Delivery::Chunks;
            }
            // A little more than the window of 8 bits, and less than that.
            let limit = [16 << 20, 400, 60, 70_000][usize::from(choices >> 2 & 3)];
            (config.max_message_bytes, config.max_frame_bytes) = (limit, limit);
        });
        let wire = if choices & 0x10 == 0 { frames.to_vec() } else { framed(frames, role) };
        Some(Self { compression, role, config: Arc::new(config), cuts, wire })
    }

    fn open(&self) -> Connection {
        let agreed = compression::agreed(Some(self.compression));
        Connection::established(self.role, agreed, Arc::clone(&self.config), Instant::now())
    }

    fn said(&self) -> Vec<Said> {
        reference::read(&self.wire, self.role, &self.config, Some(self.compression.reach(self.role.peer())))
    }
}

/// Frames of a peer: for each, two bytes have its kind and its length, and its payload follows. So the bytes are those
/// of DEFLATE, and not masked.
fn framed(mut bytes: &[u8], role: Role) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut is_open = false;
    while let Some((&[kind, len], rest)) = bytes.split_first_chunk() {
        let (payload, rest) = rest.split_at(usize::from(len).min(rest.len()));
        bytes = rest;
        // A payload may be repeated, to grow long.
        let times = if kind & 0x40 == 0 { 1 } else { 300 };
        // A bit where none may be.
        let wrong = if kind & 0x98 == 0x98 { RSV1 } else { 0 };
        let frame = match kind & 7 {
            7 => Raw::new(Raw::PING, &payload[..payload.len().min(125)]).set(wrong),
            opcode => {
                let first = [Raw::TEXT, Raw::BINARY][usize::from(opcode & 1)];
                let frame = Raw::new(if is_open { Raw::CONTINUATION } else { first }, payload.repeat(times));
                let bit = if is_open {
                    wrong
                } else if kind & 0x20 == 0 {
                    RSV1
                } else {
                    0
                };
                is_open = kind & 0x08 != 0;
                if is_open { frame.set(bit).more() } else { frame.set(bit) }
            }
        };
        wire.extend(frame.for_endpoint(role));
    }
    wire
}

/// What the connection tells of `pieces`, and its output. If there are `loans`, memory is lent for some of the pieces.
fn hear<'p>(
    mut connection: Connection,
    pieces: impl IntoIterator<Item = &'p [u8]>,
    loans: Option<&[u8]>,
) -> (Vec<Said>, Vec<u8>) {
    let mut buffer = OutputBuffer::default();
    let (mut said, mut open) = (Vec::new(), None);
    let mut loans = loans.unwrap_or_default().iter();
    for piece in pieces {
        let is_lent = loans.next().is_some_and(|loan| loan & 1 == 0);
        if is_lent {
            connection.lend_buffer(&mut buffer);
        }
        let mut bytes = piece.to_vec();
        let mut input = bytes.as_mut_slice();
        while let Some(event) = connection.receive(&mut input, Instant::now()) {
            said.extend(told(&event, &mut open));
        }
        assert!(input.is_empty(), "all input is taken");
        check_memory(&connection);
        connection.reclaim_buffer(&mut buffer);
    }
    let mut output = Vec::new();
    while connection.output_len() > 0 {
        output.extend(connection.output());
        connection.advance(connection.output().len());
    }
    (said, output)
}

/// What the peer said, according to `event`; of chunks, once the last of a message is there.
fn told(event: &Event<'_>, open: &mut Option<Vec<u8>>) -> Option<Said> {
    match event {
        Event::Chunk { data, is_last } => {
            open.get_or_insert_default().extend(data.as_bytes());
            let bytes = if *is_last { open.take()? } else { return None };
            Some(match String::from_utf8(bytes) {
                Ok(text) if data.as_text().is_some() => Said::Text(text),
                Ok(text) => Said::Binary(text.into_bytes()),
                Err(error) => Said::Binary(error.into_bytes()),
            })
        }
        Event::Disconnect(end) => Some(match (&end.cause, &end.received) {
            (Cause::Protocol(error), _) => Said::Violation(error.close_code().into()),
            (Cause::PeerClosed, Some(close)) if close.code == 1005 => Said::Close(None),
            (Cause::PeerClosed, Some(close)) => Said::Close(Some((close.code.into(), close.reason.to_string()))),
            other => panic!("{other:?} ends the connection"),
        }),
        event => Said::of(event),
    }
}

/// I-21: at most the limit, the limit of the compressed bytes, twice while they wait, and an inflater.
fn check_memory(connection: &Connection) {
    const INFLATER: usize = 47_552;
    let limit = connection.config().max_message_bytes as usize;
    let most = limit + 2 * (limit + limit / 8 + 64) + INFLATER + 20 * 131;
    let held = connection.buffered_bytes();
    assert!(held <= most, "I-21: {held} bytes are held with a limit of {limit}");
}
