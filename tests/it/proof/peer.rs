//! A peer whose bytes are mostly right.

use super::compression::{self, RSV1};
use crate::support::{
    Raw, accepted_head,
    blocks::{Blocks, Part},
    request_head, response_head,
};
use arbitrary::{Result, Unstructured};
use statesocket::{Config, Connection, Phase, Role, handshake::Connect};
use std::{sync::Arc, time::Instant};

/// What the peer of an endpoint of role `local` has still to send.
pub(crate) struct Peer {
    local: Role,
    /// The bytes that it has begun to send and that the endpoint does not have yet.
    unsaid: Vec<u8>,
    /// Whether it is inside a fragmented message, as far as it follows the rules.
    is_mid_message: bool,
    /// The message that it is inside is compressed.
    is_compressed: bool,
    /// The windows and takeovers that it answers with; `None` if it knows no compression.
    directions: Option<u8>,
}

impl Peer {
    pub(crate) fn new(local: Role, directions: Option<u8>) -> Self {
        Self { local, unsaid: Vec::new(), is_mid_message: false, is_compressed: false, directions }
    }

    /// The next bytes for an endpoint in `phase`: a whole head or some frames, or a part of them. The rest of a part
    /// comes next. `may_compress` says that this was agreed on.
    pub(crate) fn say(&mut self, phase: Phase, may_compress: bool, source: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        if self.unsaid.is_empty() {
            self.unsaid = match (phase, self.local) {
                (Phase::Idle, _) => request(self.directions.is_some(), source)?,
                (Phase::Requested, Role::Client) => answer(self.directions, source)?,
                _ => self.frames(may_compress, source)?,
            };
        }
        let rest = if source.ratio(1, 4)? {
            let at = source.int_in_range(0..=self.unsaid.len())?;
            self.unsaid.split_off(at)
        } else {
            Vec::new()
        };
        Ok(std::mem::replace(&mut self.unsaid, rest))
    }

    fn frames(&mut self, may_compress: bool, source: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for _ in 0..=source.int_in_range(0..=3)? {
            let mut frame = self.frame(source)?;
            if may_compress && frame.opcode() < 3 {
                self.compress(&mut frame, source)?;
            }
            // Sometimes more Pings than are each answered.
            let times = if frame.first == 0x80 | Raw::PING && source.ratio(1, 16)? { 20 } else { 1 };
            bytes.extend(frame.for_endpoint(self.local).repeat(times));
        }
        if source.ratio(1, 24)? && !bytes.is_empty() {
            let at = source.int_in_range(0..=bytes.len() - 1)?;
            bytes[at] ^= 1 << source.int_in_range(0..=7)?;
        }
        Ok(bytes)
    }

    /// Compresses a frame of a message, if its message is; most are.
    fn compress(&mut self, frame: &mut Raw, source: &mut Unstructured<'_>) -> Result<()> {
        if frame.opcode() != Raw::CONTINUATION {
            self.is_compressed = source.ratio(3, 4)?;
            frame.first |= if self.is_compressed { RSV1 } else { 0 };
        }
        if !self.is_compressed {
            return Ok(());
        }
        let text = Part::Text(&frame.payload);
        let blocks = match source.int_in_range(0..=4)? {
            0 => Blocks::default().stored(false, &frame.payload),
            1 => Blocks::default().fixed(false, &[text]),
            2 => Blocks::default().fixed(true, &[text]),
            3 => {
                // It may be out of the window.
                let distance = *source.choose(&[1, 1, 2, 3, 5, 8, 40, 400])?;
                Blocks::default().fixed(false, &[text, Part::Copy { len: source.int_in_range(3..=258)?, distance }])
            }
            _ => {
                Blocks::default().fixed(false, &[Part::Text(b"plain and "), Part::Copy { len: 9, distance: 10 }, text])
            }
        };
        // Each fragment but the last ends at a byte, as that of a flush does.
        let is_last = frame.first & 0x80 != 0;
        frame.payload = if is_last { blocks.message() } else { blocks.stored(false, b"").unfinished() };
        Ok(())
    }

    fn frame(&mut self, source: &mut Unstructured<'_>) -> Result<Raw> {
        let payload = source.int_in_range(0..=12).and_then(|len| source.bytes(len)).unwrap_or(b"dry");
        let text = String::from_utf8_lossy(payload).into_owned();
        Ok(match source.int_in_range(0..=23)? {
            0..=7 | 18.. if self.is_mid_message => {
                self.is_mid_message = source.arbitrary()?;
                let frame = Raw::new(Raw::CONTINUATION, text);
                if self.is_mid_message { frame.more() } else { frame }
            }
            0..=5 => Raw::new(Raw::TEXT, text),
            6..=9 => Raw::new(Raw::BINARY, payload),
            10 | 11 => {
                self.is_mid_message = true;
                Raw::new(if source.arbitrary()? { Raw::TEXT } else { Raw::BINARY }, text).more()
            }
            12..=16 => Raw::new(Raw::PING, payload),
            17 => Raw::new(Raw::PONG, payload),
            18 => close(source, &text)?,
            19 if source.ratio(1, 4)? => Raw::new(source.int_in_range(3..=15)?, payload),
            20 if source.ratio(1, 4)? => Raw::new(Raw::BINARY, vec![b'a'; source.int_in_range(100..=300)?]),
            _ => Raw::new(Raw::BINARY, b"plain"),
        })
    }
}

/// Codes with a meaning, without one, and that are never on the wire.
const CODES: [u16; 16] =
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999, 1005, 999];

fn close(source: &mut Unstructured<'_>, reason: &str) -> Result<Raw> {
    Ok(match source.int_in_range(0..=7)? {
        0 => Raw::new(Raw::CLOSE, []),
        1 if source.ratio(1, 4)? => Raw::new(Raw::CLOSE, [3]),
        _ => Raw::close(*source.choose(&CODES)?, reason),
    })
}

fn request(offers: bool, source: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let offer = ("Sec-WebSocket-Extensions", if offers { compression::OFFER } else { "" });
    Ok(match source.int_in_range(0..=15)? {
        0 => b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_vec(),
        1 => b"BREW /pot HTTP/1.1\r\n\r\n".to_vec(),
        2 => request_head("/", &[("Sec-WebSocket-Version", "12")]),
        _ => request_head("/chat", &[("Sec-WebSocket-Protocol", "chat, superchat"), offer]),
    })
}

/// The request of all driven clients: their seed is fixed, so the key is always the same.
pub(super) fn connect() -> Connect {
    let connect = Connect::new("ws://server.example.com/chat").expect("a valid URI").seed([7; 32]);
    connect.subprotocol("chat").and_then(|connect| connect.subprotocol("superchat")).expect("two tokens")
}

/// Responses to that request.
fn answer(directions: Option<u8>, source: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let client = Connection::client(&connect(), Arc::new(Config::default()), Instant::now());
    let answer = directions.map(compression::answer).unwrap_or_default();
    let accepted = accepted_head(client.output(), &[("Sec-WebSocket-Extensions", &answer)]);
    Ok(match source.int_in_range(0..=15)? {
        0 => [response_head("HTTP/1.1 404 Not Found", &[("Content-Length", "6")]), b"absent".to_vec()].concat(),
        1 => [response_head("HTTP/1.1 403 Forbidden", &[]), b"until the end".to_vec()].concat(),
        2 => response_head("HTTP/1.1 103 Early Hints", &[]),
        3 => response_head("HTTP/1.1 101 Switching Protocols", &[("Upgrade", "websocket")]),
        4 => [response_head("HTTP/1.1 100 Continue", &[]), accepted].concat(),
        _ => accepted,
    })
}
