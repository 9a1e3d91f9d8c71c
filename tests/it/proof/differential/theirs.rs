//! tungstenite on the bytes. Its application echoes messages.

use super::trace::{Case, End, Fault, Item, Limits, Trace};
use std::io::{self, Read, Write};
use tungstenite::{
    Error, Message, WebSocket,
    error::{CapacityError, ProtocolError},
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};

/// A socket in memory that yields one byte at a time, so that the position of each event is known.
pub(super) struct Bytewise {
    wire: Vec<u8>,
    read: usize,
    pub(super) output: Vec<u8>,
}

impl Bytewise {
    pub(super) const fn new(wire: Vec<u8>) -> Self {
        Self { wire, read: 0, output: Vec::new() }
    }
}

impl Read for Bytewise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.wire[self.read..]).take(1).read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

impl Write for Bytewise {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads up to the first Close or error; nothing after an error matters.
pub(super) fn run(case: &Case) -> Trace {
    let limits = WebSocketConfig::default()
        .read_buffer_size(0)
        .max_frame_size(Some(case.limits.frame))
        .max_message_size(Some(case.limits.message));
    let mut socket = WebSocket::from_raw_socket(Bytewise::new(case.wire.clone()), case.role.into(), Some(limits));
    if case.has_closed {
        let close = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        socket.close(Some(close)).expect("memory takes what is written");
    }
    let mut items = Vec::new();
    let end = loop {
        let message = match socket.read() {
            Ok(message) => message,
            Err(error) => break end(&error, case.limits),
        };
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.can_write() {
            socket.send(message.clone()).expect("memory takes what is written");
        }
        let item = item(message);
        let is_close = matches!(item, Item::Close(_));
        items.push((socket.get_ref().read, item));
        if is_close {
            break End::Closed;
        }
    };
    // A server reports the end of the connection as an error.
    let _ = socket.flush();
    let end_at = socket.get_ref().read;
    Trace { items, end, end_at, output: socket.get_ref().output.clone() }
}

fn item(message: Message) -> Item {
    match message {
        Message::Text(text) => Item::Text(text.to_string()),
        Message::Binary(bytes) => Item::Binary(bytes.to_vec()),
        Message::Ping(payload) => Item::Ping(payload.to_vec()),
        Message::Pong(payload) => Item::Pong(payload.to_vec()),
        Message::Close(frame) => Item::Close(frame.map(|close| (close.code.into(), close.reason.to_string()))),
        Message::Frame(_) => panic!("tungstenite reports no raw frames"),
    }
}

fn end(error: &Error, limits: Limits) -> End {
    End::Failed(match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return End::Lost,
        Error::Protocol(ProtocolError::NonZeroReservedBits) => Fault::Reserved,
        Error::Protocol(ProtocolError::InvalidOpcode(_)) => Fault::OpCode,
        Error::Protocol(ProtocolError::UnmaskedFrameFromClient | ProtocolError::MaskedFrameFromServer) => Fault::Mask,
        Error::Protocol(ProtocolError::FragmentedControlFrame) => Fault::FragmentedControl,
        Error::Protocol(ProtocolError::ControlFrameTooBig) => Fault::ControlTooLong,
        Error::Protocol(ProtocolError::UnexpectedContinueFrame) => Fault::Continuation,
        Error::Protocol(ProtocolError::ExpectedFragment(_)) => Fault::Interleaved,
        Error::Protocol(ProtocolError::InvalidCloseSequence) => Fault::CloseBody,
        Error::Utf8(_) => Fault::Utf8,
        Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) if *max_size == limits.frame => {
            Fault::FrameSize
        }
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Fault::MessageSize,
        other => panic!("an error unknown to the comparison: {other:?}"),
    })
}
