//! Frames are read as the reference reads them, and answered as RFC 6455 requires.

use super::{
    compression,
    reference::{self, Said},
    settings,
};
use crate::support::{Raw, feed};
use statesocket::{Cause, CloseReply, Config, Connection, Delivery, Event, Message, Phase, Role};
use std::{sync::Arc, time::Instant};

/// Up to this many Pongs may be queued; of the Pings beyond, only the latest is answered.
const MAX_PONGS: usize = 16;

/// The first byte is the configuration, the end may agree on compression, and the rest is the input of an endpoint of
/// role `role`.
pub(crate) fn check(role: Role, data: &[u8]) {
    let (compression, data) = compression::split(data);
    let Some((&choices, wire)) = data.split_first() else { return };
    // Nothing is written in between, so a full output would hold the rest for good.
    let marks_off = |config: &mut Config| (config.high_water, config.client_high_water) = (None, None);
    let mut config = settings::config(choices).with(marks_off);
    if let Some(compression) = compression {
        compression.apply(&mut config);
    }
    let config = Arc::new(config);
    let mut connection =
        Connection::established(role, compression::agreed(compression), Arc::clone(&config), Instant::now());
    let events = feed(&mut connection, wire);

    let said = reference::read(wire, role, &config, compression.map(|it| it.reach(role.peer())));
    let (told, end) = match said.split_last() {
        Some((end, told)) if end.is_end() => (told, Some(end)),
        _ => (said.as_slice(), None),
    };
    let disconnects = events.iter().filter(|event| matches!(event, Event::Disconnect(_))).count();
    assert_eq!(disconnects, usize::from(end.is_some()), "exactly one Disconnect: {events:?}");
    let heard: Vec<Said> = match config.delivery {
        Delivery::Messages => events.iter().filter_map(Said::of).collect(),
        _ => joined(&events).iter().filter_map(Said::of).collect(),
    };
    assert_eq!(heard, told, "the events are what the peer said");

    let mut expected = pongs(told);
    match end {
        None => assert_eq!(connection.phase(), Phase::Open),
        Some(Said::Close(close)) => {
            check_closed(&connection, close.as_ref());
            if config.close_reply == CloseReply::Automatic {
                expected.push(
                    close.as_ref().map_or_else(|| Raw::new(Raw::CLOSE, []), |(code, why)| Raw::close(*code, why)),
                );
            }
        }
        Some(Said::Violation(code)) => expected.push(check_failed(&connection, *code)),
        Some(other) => unreachable!("{other:?} is not an end"),
    }
    assert_eq!(written(connection.output(), role), expected, "the answers");
}

/// The frames in `bytes`, after a check of their masks and of the shortest form of their lengths.
pub(super) fn written(mut bytes: &[u8], role: Role) -> Vec<Raw> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let frame = Raw::parse(&mut bytes);
        assert_eq!(frame.key.is_some(), role == Role::Client, "a client masks and a server does not: {frame:?}");
        frames.push(Raw { key: None, ..frame });
    }
    frames
}

/// The messages that the chunks make, and all other events. A message without its last chunk is left out.
pub(super) fn joined(events: &[Event<'static>]) -> Vec<Event<'static>> {
    let mut open: Option<Message<'static>> = None;
    let mut whole = Vec::new();
    for event in events {
        let Event::Chunk { data, is_last } = event else {
            whole.push(event.clone());
            continue;
        };
        let message = match (open.take(), data) {
            (None, data) => data.clone(),
            (Some(Message::Text(before)), Message::Text(data)) => format!("{before}{data}").into(),
            (Some(Message::Binary(before)), Message::Binary(data)) => [&before[..], data].concat().into(),
            (Some(before), data) => panic!("{data:?} continues {before:?}"),
        };
        if *is_last { whole.push(Event::Message(message)) } else { open = Some(message) }
    }
    whole
}

/// RFC 6455 section 5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response", and 5.5.3:
/// it "MAY elect to send a Pong frame for only the most recently processed Ping frame".
fn pongs(told: &[Said]) -> Vec<Raw> {
    let pings = told.iter().filter_map(|said| if let Said::Ping(payload) = said { Some(payload) } else { None });
    let mut pongs: Vec<Raw> = pings.map(|payload| Raw::new(Raw::PONG, payload)).collect();
    if pongs.len() > MAX_PONGS {
        pongs.drain(MAX_PONGS - 1..pongs.len() - 1);
    }
    pongs
}

fn check_closed(connection: &Connection, close: Option<&(u16, String)>) {
    let disconnect = connection.disconnected().expect("the end is reported");
    let (code, reason) = close.map_or((1005, ""), |(code, reason)| (*code, reason.as_str()));
    assert_eq!((u16::from(disconnect.code), disconnect.reason.as_str()), (code, reason));
    assert_eq!(disconnect.cause, Cause::PeerClosed);
    assert_eq!(disconnect.initiator, Some(connection.local_party().peer()));
    let is_automatic = connection.config().close_reply == CloseReply::Automatic;
    assert_eq!(disconnect.is_clean, is_automatic);
    assert_eq!(connection.phase() == Phase::Closed, is_automatic);
}

/// Returns the Close that answers a violation.
fn check_failed(connection: &Connection, code: u16) -> Raw {
    let disconnect = connection.disconnected().expect("the end is reported");
    assert_eq!(
        (u16::from(disconnect.code), disconnect.is_clean),
        (1006, false),
        "no Close was received: {disconnect:?}"
    );
    let Cause::Protocol(error) = &disconnect.cause else { panic!("a violation: {disconnect:?}") };
    assert_eq!(u16::from(error.close_code()), code, "{error}");
    let sent = disconnect.sent.as_ref().expect("RFC 6455 section 7.1.7 requires a Close");
    assert_eq!(u16::from(sent.code), code, "{error}");
    assert_eq!(connection.phase(), Phase::Closed);
    Raw::close(code, &sent.reason)
}
