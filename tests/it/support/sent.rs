//! The output and the events of a connection, read without the code under test.

use super::{
    drain, feed,
    wire::{Raw, mask},
};
use statesocket::{Cause, Connection, Disconnect, Event, Phase, ProtocolError, Role};

pub(crate) const ROLES: [Role; 2] = [Role::Server, Role::Client];

/// The length of the HTTP head at the front of `bytes`, if it is complete.
pub(crate) fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// The part of a frame before its payload.
pub(crate) struct RawHeader {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    /// Where the payload begins, and its length.
    pub(crate) at: usize,
    pub(crate) len: usize,
}

impl RawHeader {
    /// The header at the front of `bytes`, if it is complete.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let form = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let (extended, rest) = rest.split_at_checked(form)?;
        let extended = extended.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let len = if form == 0 { usize::from(second & 0x7F) } else { extended };
        let key = if second & 0x80 == 0 { None } else { Some(*rest.first_chunk::<4>()?) };
        Some(Self { first, key, at: 2 + form + key.map_or(0, |key| key.len()), len })
    }

    pub(crate) fn unmasked(&self, payload: &[u8]) -> Vec<u8> {
        self.key.map_or_else(|| payload.to_vec(), |key| mask(payload, key))
    }
}

impl Raw {
    /// Takes a frame off the front of `bytes`. Unmasks its payload, keeps its key, and checks that its length is in the
    /// shortest form.
    pub(crate) fn parse(bytes: &mut &[u8]) -> Self {
        Self::parse_whole(bytes).expect("a sent frame is complete")
    }

    /// The same, or `None` if the frame is incomplete.
    pub(crate) fn parse_whole(bytes: &mut &[u8]) -> Option<Self> {
        let header = RawHeader::parse(bytes)?;
        let (whole, rest) = bytes.split_at_checked(header.at.checked_add(header.len)?)?;
        let frame = Self { first: header.first, payload: header.unmasked(&whole[header.at..]), key: header.key };
        assert_eq!(frame.bytes(), whole, "a sent frame has its length in the shortest form");
        *bytes = rest;
        Some(frame)
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.first & 0x0F
    }

    /// The bytes as the peer of an endpoint of role `local` must send them.
    pub(crate) fn for_endpoint(self, local: Role) -> Vec<u8> {
        match local {
            Role::Server => self.masked().bytes(),
            Role::Client => self.bytes(),
        }
    }
}

/// Takes all queued frames, and checks that a client masks them and a server does not.
pub(crate) fn sent(connection: &mut Connection) -> Vec<Raw> {
    let bytes = drain(connection);
    let mut rest = bytes.as_slice();
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let frame = Raw::parse(&mut rest);
        assert_eq!(frame.key.is_some(), connection.role() == Role::Client, "a client masks, a server does not");
        frames.push(Raw { key: None, ..frame });
    }
    frames
}

/// Hands in `frames` as the peer must send them, and returns all events.
pub(crate) fn peer_sends(connection: &mut Connection, frames: impl IntoIterator<Item = Raw>) -> Vec<Event<'static>> {
    let role = connection.role();
    let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
    feed(connection, &bytes)
}

/// All events that need no more input.
pub(crate) fn pending(connection: &mut Connection) -> Vec<Event<'static>> {
    std::iter::from_fn(|| connection.poll_event()).collect()
}

/// The `Disconnect` at the end of `events`; there must be no other.
#[track_caller]
pub(crate) fn disconnect_in(events: &[Event<'_>]) -> Disconnect {
    let (last, before) = events.split_last().expect("a disconnect is the last event");
    assert!(!before.iter().any(|event| matches!(event, Event::Disconnect(_))), "a second disconnect: {events:?}");
    let Event::Disconnect(disconnect) = last else { panic!("no disconnect at the end of {events:?}") };
    (**disconnect).clone()
}

/// Checks that further input of the peer has no effect.
#[track_caller]
pub(crate) fn assert_deaf(connection: &mut Connection, case: &str) {
    let (phase, disconnect) = (connection.phase(), connection.disconnected().cloned());
    let late = [Raw::new(Raw::PING, "late"), Raw::new(Raw::TEXT, "late"), Raw::close(1000, ""), Raw::new(0xB, "")];
    for frame in late {
        let events = peer_sends(connection, [frame]);
        assert_eq!(events, [], "{case}: events after the end");
    }
    assert_eq!(connection.output(), b"", "{case}: bytes after the end");
    assert_eq!((connection.phase(), connection.disconnected().cloned()), (phase, disconnect), "{case}");
}

/// Checks that `bytes` make an open connection fail as RFC 6455 section 7.1.7 requires.
#[track_caller]
pub(crate) fn assert_fails(connection: &mut Connection, bytes: &[u8], error: ProtocolError, case: &str) {
    let events = feed(connection, bytes);
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{case}: {events:?}") };
    assert_eq!(disconnect.cause, Cause::Protocol(error), "{case}");
    assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1006, false), "{case}");
    assert_eq!(disconnect.received, None, "{case}");
    assert_eq!(disconnect.initiator, Some(connection.local_party()), "{case}");
    assert_eq!(connection.phase(), Phase::Closed, "{case}");
    let close = disconnect.sent.as_ref().expect("a failing endpoint sends a Close");
    assert_eq!(close.code, error.close_code(), "{case}");
    assert_eq!(sent(connection), [Raw::close(close.code.into(), &close.reason)], "{case}");
    assert_deaf(connection, case);
}
