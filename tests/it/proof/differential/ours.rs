//! statesocket on the bytes. Its application echoes messages.

use super::trace::{Case, End, Fault, Item, Trace};
use statesocket::{Agreed, Cause, CloseCode, Config, Connection, Disconnect, Event, Message, ProtocolError};
use std::{sync::Arc, time::Instant};

/// Hands in the bytes one by one, so that the position of each event is known. In one piece they must give the same.
pub(super) fn run(case: &Case) -> Trace {
    let trace = Endpoint::new(case).run(&case.wire, 1);
    let whole = Endpoint::new(case).run(&case.wire, usize::MAX);
    assert_eq!(
        (whole.items(), whole.end, &whole.output),
        (trace.items(), trace.end, &trace.output),
        "in one piece, and byte by byte"
    );
    trace
}

struct Endpoint {
    connection: Connection,
    now: Instant,
    items: Vec<(usize, Item)>,
    end: Option<(usize, End)>,
    output: Vec<u8>,
}

impl Endpoint {
    fn new(case: &Case) -> Self {
        let mut config = Config::default();
        config.max_frame_bytes = case.limits.frame as u64;
        config.max_message_bytes = case.limits.message as u64;
        config.max_fragments = case.limits.fragments;
        let now = Instant::now();
        let mut connection = Connection::established(case.role, Agreed::new().seed([7; 32]), Arc::new(config), now);
        if case.has_closed {
            connection.close(1000, "done").expect("the connection is open");
        }
        Self { connection, now, items: Vec::new(), end: None, output: Vec::new() }
    }

    fn run(mut self, wire: &[u8], piece: usize) -> Trace {
        let mut bytes = wire.to_vec();
        let mut at = 0;
        self.write();
        for piece in bytes.chunks_mut(piece.min(wire.len().max(1))) {
            at += piece.len();
            let mut input = piece;
            while let Some(event) = self.connection.receive(&mut input, self.now) {
                self.note(at, event.into_owned());
                self.write();
            }
        }
        self.connection.receive_eof();
        while let Some(event) = self.connection.poll_event() {
            self.note(at, event);
        }
        self.write();
        let (end_at, end) = self.end.expect("each connection ends with a Disconnect");
        Trace { items: self.items, end, end_at, output: self.output }
    }

    fn note(&mut self, at: usize, event: Event<'static>) {
        assert_eq!(self.end, None, "an event after the end: {event:?}");
        let item = match event {
            Event::Message(message) => {
                if self.connection.can_send() {
                    self.connection.send(&message).expect("the output has room");
                }
                match message {
                    Message::Text(text) => Item::Text(text.into_owned()),
                    Message::Binary(bytes) => Item::Binary(bytes.into_owned()),
                }
            }
            Event::Ping(payload) => Item::Ping(payload.into_owned()),
            Event::Pong(payload) => Item::Pong(payload.into_owned()),
            Event::Disconnect(disconnect) => return self.note_end(at, &disconnect),
            other => panic!("not an event of an open connection: {other:?}"),
        };
        self.items.push((at, item));
    }

    fn note_end(&mut self, at: usize, disconnect: &Disconnect) {
        let end = match &disconnect.cause {
            Cause::PeerClosed | Cause::LocalClosed => {
                let close = disconnect.received.as_ref().expect("a Close has arrived");
                assert_eq!((disconnect.code, disconnect.is_clean), (close.code, true), "{disconnect:?}");
                assert_eq!(disconnect.reason, close.reason.as_str(), "{disconnect:?}");
                let has_body = close.code != CloseCode::NO_STATUS_RECEIVED;
                let body = has_body.then(|| (u16::from(close.code), close.reason.to_string()));
                self.items.push((at, Item::Close(body)));
                End::Closed
            }
            Cause::Protocol(error) => End::Failed(fault(*error)),
            Cause::TransportLost(None) => End::Lost,
            other => panic!("an unexpected end: {other:?}"),
        };
        if end != End::Closed {
            assert_eq!((disconnect.code, disconnect.is_clean), (CloseCode::ABNORMAL_CLOSURE, false), "{disconnect:?}");
        }
        self.end = Some((at, end));
    }

    fn write(&mut self) {
        let bytes = self.connection.output();
        let len = bytes.len();
        self.output.extend(bytes);
        self.connection.advance(len);
    }
}

fn fault(error: ProtocolError) -> Fault {
    match error {
        ProtocolError::ReservedBits => Fault::Reserved,
        ProtocolError::UnknownOpCode(_) => Fault::OpCode,
        ProtocolError::UnmaskedFrame | ProtocolError::MaskedFrame => Fault::Mask,
        ProtocolError::LengthNotMinimal => Fault::LengthNotMinimal,
        ProtocolError::LengthOverflow => Fault::LengthOverflow,
        ProtocolError::ControlTooLong => Fault::ControlTooLong,
        ProtocolError::FragmentedControl => Fault::FragmentedControl,
        ProtocolError::UnexpectedContinuation => Fault::Continuation,
        ProtocolError::InterleavedMessage => Fault::Interleaved,
        ProtocolError::InvalidText | ProtocolError::InvalidCloseReason => Fault::Utf8,
        ProtocolError::CloseBodyTooShort => Fault::CloseBody,
        ProtocolError::InvalidCloseCode(code) => Fault::CloseCode(code),
        ProtocolError::FrameTooLarge { .. } => Fault::FrameSize,
        ProtocolError::MessageTooLarge { .. } => Fault::MessageSize,
        ProtocolError::TooManyFragments { .. } => Fault::Fragments,
        other => panic!("a violation unknown to the comparison: {other:?}"),
    }
}
