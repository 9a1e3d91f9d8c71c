//! Implementations of frames only. Their drivers add no checks, and take only messages of one frame.

use crate::{
    driver::{Driver, MAX_BYTES, Refusal, Sample},
    socket::Socket,
};
use soketto::{
    Parsing,
    base::{Codec, Header, OpCode},
};
use std::{hint::black_box, rc::Rc};
use websocket_sans_io::{FrameInfo, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent};

pub struct SansIo {
    socket: Rc<Socket>,
    decoder: WebsocketFrameDecoder,
    encoder: WebsocketFrameEncoder,
    input: Vec<u8>,
    /// The first bytes of a message that is incomplete.
    partial: Vec<u8>,
    output: Vec<u8>,
    sample: Sample,
}

impl SansIo {
    pub fn new(socket: Rc<Socket>, sample: Sample) -> Self {
        Self {
            socket,
            decoder: WebsocketFrameDecoder::new(),
            encoder: WebsocketFrameEncoder::new(),
            input: Vec::new(),
            partial: Vec::new(),
            output: Vec::new(),
            sample,
        }
    }

    fn push(encoder: &mut WebsocketFrameEncoder, output: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
        let payload_length = payload.len() as u64;
        let header = FrameInfo { opcode, payload_length, mask: None, fin: true, reserved: 0 };
        output.extend_from_slice(&encoder.start_frame(&header));
        output.extend_from_slice(payload);
    }
}

impl Driver for SansIo {
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal> {
        self.input.clear();
        self.socket.read(&mut self.input);
        let mut input = self.input.as_mut_slice();
        let mut whole: &[u8] = &[];
        loop {
            let Ok(result) = self.decoder.add_data(input);
            let (taken, rest) = std::mem::take(&mut input).split_at_mut(result.consumed_bytes);
            input = rest;
            match result.event {
                None if taken.is_empty() => break,
                None => {}
                Some(WebsocketFrameEvent::Start { frame_info, .. }) if frame_info.is_reasonable() => whole = &[],
                Some(WebsocketFrameEvent::Start { frame_info, .. }) => return Err(format!("{frame_info:?}")),
                Some(WebsocketFrameEvent::PayloadChunk { .. }) if whole.is_empty() && self.partial.is_empty() => {
                    whole = taken;
                }
                Some(WebsocketFrameEvent::PayloadChunk { .. }) => self.partial.extend_from_slice(taken),
                Some(WebsocketFrameEvent::End { frame_info, original_opcode }) if frame_info.fin => {
                    if original_opcode.is_data() {
                        let payload = if self.partial.is_empty() { whole } else { &self.partial };
                        self.socket.deliver(original_opcode == Opcode::Text, payload);
                        if echo {
                            Self::push(&mut self.encoder, &mut self.output, original_opcode, payload);
                        }
                    }
                    self.partial.clear();
                    whole = &[];
                }
                Some(WebsocketFrameEvent::End { .. }) => return Err("a fragment".to_owned()),
            }
        }
        self.partial.extend_from_slice(whole);
        if echo {
            self.socket.drain(&mut self.output);
        }
        Ok(())
    }

    fn send(&mut self, count: usize) {
        let opcode = if self.sample.is_text { Opcode::Text } else { Opcode::Binary };
        for _ in 0..count {
            Self::push(&mut self.encoder, &mut self.output, opcode, black_box(&self.sample.payload));
        }
        self.socket.drain(&mut self.output);
    }
}

pub struct Soketto {
    socket: Rc<Socket>,
    codec: Codec,
    input: Vec<u8>,
    output: Vec<u8>,
    sample: Sample,
}

impl Soketto {
    pub fn new(socket: Rc<Socket>, sample: Sample) -> Self {
        let mut codec = Codec::new();
        codec.set_max_data_size(MAX_BYTES);
        Self { socket, codec, input: Vec::new(), output: Vec::new(), sample }
    }

    fn push(codec: &mut Codec, output: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
        let mut header = Header::new(opcode);
        header.set_payload_len(payload.len());
        output.extend_from_slice(codec.encode_header(&header));
        output.extend_from_slice(payload);
    }
}

impl Driver for Soketto {
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal> {
        self.socket.read(&mut self.input);
        let mut taken = 0;
        while let Parsing::Done { value: header, offset } =
            self.codec.decode_header(&self.input[taken..]).map_err(|error| error.to_string())?
        {
            let from = taken + offset;
            let Some(payload) = self.input.get_mut(from..from + header.payload_len()) else { break };
            taken = from + payload.len();
            Codec::apply_mask(&header, payload);
            if header.opcode().is_control() {
                continue;
            }
            self.socket.deliver(header.opcode() == OpCode::Text, payload);
            if echo {
                Self::push(&mut self.codec, &mut self.output, header.opcode(), payload);
            }
        }
        self.input.drain(..taken);
        if echo {
            self.socket.drain(&mut self.output);
        }
        Ok(())
    }

    fn send(&mut self, count: usize) {
        let opcode = if self.sample.is_text { OpCode::Text } else { OpCode::Binary };
        for _ in 0..count {
            Self::push(&mut self.codec, &mut self.output, opcode, black_box(&self.sample.payload));
        }
        self.socket.drain(&mut self.output);
    }
}
