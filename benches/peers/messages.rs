//! Implementations that take bytes and return messages.

use crate::{
    driver::{Driver, MAX_BYTES, Refusal, Sample},
    socket::{Socket, Stream},
};
use bytes::{Bytes, BytesMut};
use rsws::{
    Config, Limits, OpCode,
    protocol::{Frame, FrameValidator, MessageAssembler},
};
use std::{hint::black_box, io, rc::Rc};
use tungstenite::protocol::{WebSocketConfig, WebSocketContext};

pub struct Tungstenite {
    stream: Stream,
    context: WebSocketContext,
    message: tungstenite::Message,
}

impl Tungstenite {
    pub fn new(socket: Rc<Socket>, sample: Sample) -> Self {
        let limit = Some(MAX_BYTES);
        let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
        let message = if sample.is_text {
            tungstenite::Message::text(sample.into_text())
        } else {
            tungstenite::Message::binary(sample.payload)
        };
        let context = WebSocketContext::new(tungstenite::protocol::Role::Server, Some(config));
        Self { stream: Stream(socket), context, message }
    }
}

impl Driver for Tungstenite {
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal> {
        let result = loop {
            let message = match self.context.read(&mut self.stream) {
                Ok(message) => message,
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(error.to_string()),
            };
            match &message {
                tungstenite::Message::Text(text) => self.stream.0.deliver(true, text.as_bytes()),
                tungstenite::Message::Binary(bytes) => self.stream.0.deliver(false, bytes),
                _ => continue,
            }
            if echo {
                self.context.write(&mut self.stream, message).expect("there is room for an echo");
            }
        };
        if echo {
            // After a refusal, flushing may fail.
            let flushed = self.context.flush(&mut self.stream);
            assert!(flushed.is_ok() || result.is_err(), "{flushed:?}");
        }
        result
    }

    fn send(&mut self, count: usize) {
        for _ in 0..count {
            let message = black_box(&self.message).clone();
            self.context.write(&mut self.stream, message).expect("there is room");
        }
        self.context.flush(&mut self.stream).expect("it can be written");
    }
}

pub struct Sockudo {
    socket: Rc<Socket>,
    protocol: sockudo_ws::protocol::Protocol,
    input: BytesMut,
    messages: Vec<sockudo_ws::Message>,
    output: BytesMut,
    message: sockudo_ws::Message,
}

impl Sockudo {
    pub fn new(socket: Rc<Socket>, sample: Sample) -> Self {
        let payload = Bytes::from(sample.payload);
        Self {
            socket,
            protocol: sockudo_ws::protocol::Protocol::new(sockudo_ws::Role::Server, MAX_BYTES, MAX_BYTES),
            input: BytesMut::new(),
            messages: Vec::new(),
            output: BytesMut::new(),
            message: if sample.is_text {
                sockudo_ws::Message::Text(payload)
            } else {
                sockudo_ws::Message::Binary(payload)
            },
        }
    }

    fn write(&mut self) {
        self.socket.write(&self.output);
        self.output.clear();
    }
}

impl Driver for Sockudo {
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal> {
        self.input.reserve(self.socket.readable());
        self.socket.read(&mut self.input);
        let result = self.protocol.process_into(&mut self.input, &mut self.messages);
        for message in &self.messages {
            if !message.is_text() && !message.is_binary() {
                continue;
            }
            self.socket.deliver(message.is_text(), message.as_bytes());
            if echo {
                self.protocol.encode_message(message, &mut self.output).expect("a message can be sent");
            }
        }
        self.messages.clear();
        if echo {
            self.write();
        }
        result.map_err(|error| error.to_string())
    }

    fn send(&mut self, count: usize) {
        for _ in 0..count {
            self.protocol.encode_message(black_box(&self.message), &mut self.output).expect("a message can be sent");
        }
        self.write();
    }
}

pub struct Rsws {
    socket: Rc<Socket>,
    validator: FrameValidator,
    assembler: MessageAssembler,
    input: Vec<u8>,
    output: Vec<u8>,
    frame: Frame,
}

impl Rsws {
    pub fn new(socket: Rc<Socket>, sample: Sample) -> Self {
        let limits = Limits { max_frame_size: MAX_BYTES, max_message_size: MAX_BYTES, ..Limits::default() };
        let opcode = if sample.is_text { OpCode::Text } else { OpCode::Binary };
        Self {
            socket,
            validator: FrameValidator::new(rsws::Role::Server, limits.clone()),
            assembler: MessageAssembler::new(Config::server().with_limits(limits)),
            input: Vec::new(),
            output: Vec::new(),
            frame: Frame::new_from_bytes(true, opcode, Bytes::from(sample.payload)),
        }
    }

    fn push(output: &mut Vec<u8>, frame: &Frame) {
        let from = output.len();
        output.resize(from + frame.wire_size(false), 0);
        frame.write(&mut output[from..], None).expect("there is room");
    }

    /// Takes the frame at `from` in `input`. Returns its length, or `None` if it is incomplete.
    fn take(&mut self, from: usize, echo: bool) -> Result<Option<usize>, rsws::Error> {
        let input = &self.input[from..];
        let (frame, len) = match Frame::parse(input) {
            Ok(parsed) => parsed,
            Err(rsws::Error::IncompleteFrame { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_masked = input[1] & 0x80 != 0;
        self.validator.validate_incoming(is_masked, frame.rsv1, frame.rsv2, frame.rsv3, frame.payload().len())?;
        frame.validate()?;
        if let Some(message) = self.assembler.push(frame)? {
            self.socket.deliver(message.opcode == OpCode::Text, &message.payload);
            if echo {
                Self::push(&mut self.output, &Frame::new_from_bytes(true, message.opcode, message.payload));
            }
        }
        Ok(Some(len))
    }
}

impl Driver for Rsws {
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal> {
        self.socket.read(&mut self.input);
        let mut taken = 0;
        while let Some(len) = self.take(taken, echo).map_err(|error| error.to_string())? {
            taken += len;
        }
        self.input.drain(..taken);
        if echo {
            self.socket.drain(&mut self.output);
        }
        Ok(())
    }

    fn send(&mut self, count: usize) {
        for _ in 0..count {
            Self::push(&mut self.output, black_box(&self.frame));
        }
        self.socket.drain(&mut self.output);
    }
}
