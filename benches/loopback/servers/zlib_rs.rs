//! The floor of servers that compress: one engine for all connections, each of which keeps the last 4 KiB of text of
//! either direction, or nothing. It checks nothing.

use super::readiness::{Service, run};
use crate::opening::ACCEPT;
use mio::net::TcpStream;
use statesocket_benches::deflate::{Compressor, Inflater};
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Result, Write},
    net::TcpListener,
};

const BUFFER: usize = 128 << 10;

/// The window in bits, if messages refer to earlier ones.
const BITS: u8 = 12;

/// The first byte of a text message that is compressed.
const COMPRESSED: u8 = 0xC1;

struct Echo {
    inflater: Inflater,
    /// For messages that refer to earlier ones, and for others.
    compressors: [Compressor; 2],
    buffer: Box<[u8]>,
    output: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of an incomplete frame, or of the request.
    input: Vec<u8>,
    unsent: Vec<u8>,
    /// Whether messages refer to earlier ones, once that is agreed on.
    has_takeover: Option<bool>,
    received: VecDeque<u8>,
    sent: VecDeque<u8>,
}

pub fn serve<const LEVEL: u8>(listener: TcpListener) -> Result<()> {
    let compressors = [BITS, 15].map(|bits| Compressor::new(LEVEL, bits));
    let (buffer, output) = (vec![0; BUFFER].into_boxed_slice(), Vec::new());
    run(listener, Echo { inflater: Inflater::default(), compressors, buffer, output })
}

impl Service for Echo {
    type Connection = Connection;

    fn accept(&mut self, stream: TcpStream) -> Connection {
        let (input, unsent) = (Vec::new(), Vec::new());
        Connection { stream, input, unsent, has_takeover: None, received: VecDeque::new(), sent: VecDeque::new() }
    }

    fn ready(&mut self, connection: &mut Connection) -> bool {
        self.echo(connection).unwrap_or_else(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

impl Echo {
    /// Returns whether the connection stays open. It also stays open after the error `WouldBlock`.
    fn echo(&mut self, connection: &mut Connection) -> Result<bool> {
        loop {
            connection.write(&[])?;
            let len = connection.stream.read(&mut self.buffer)?;
            if len == 0 {
                return Ok(false);
            }
            let mut input = std::mem::take(&mut connection.input);
            let mut buffer = std::mem::take(&mut self.buffer);
            if input.is_empty() {
                let taken = self.answer(connection, &mut buffer[..len]);
                connection.input.extend_from_slice(&buffer[taken..len]);
            } else {
                input.extend_from_slice(&buffer[..len]);
                let taken = self.answer(connection, &mut input);
                connection.input.extend_from_slice(&input[taken..]);
            }
            self.buffer = buffer;
            connection.write(&self.output)?;
            // A short read has emptied the socket.
            if len < self.buffer.len() && connection.unsent.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Queues the answer to each complete message. Returns the number of bytes taken from `input`.
    fn answer(&mut self, connection: &mut Connection, input: &mut [u8]) -> usize {
        self.output.clear();
        let Some(has_takeover) = connection.has_takeover else {
            if !input.ends_with(b"\r\n\r\n") {
                return 0;
            }
            let offer = String::from_utf8_lossy(input);
            let has_takeover = !offer.contains("no_context_takeover");
            connection.has_takeover = Some(has_takeover);
            self.output.extend(response(has_takeover).bytes());
            return input.len();
        };
        let mut taken = 0;
        while let Some((range, end)) = frame(&input[taken..]) {
            let (head, payload) = input[taken..taken + end].split_at_mut(range);
            let key: [u8; 4] = head[range - 4..].try_into().expect("the key has four bytes");
            unmask(payload, key);
            let [with_history, alone] = &mut self.compressors;
            let compressor = if has_takeover { with_history } else { alone };
            let received = history(&connection.received);
            let text = self.inflater.inflate(received, payload).expect("a client of the bench compresses right");
            push_frame(&mut self.output, compressor.compress(history(&connection.sent), text));
            if has_takeover {
                keep(&mut connection.received, text);
                keep(&mut connection.sent, text);
            }
            taken += end;
        }
        taken
    }
}

impl Connection {
    /// Writes `bytes` behind those that the socket has not taken yet.
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut sent = 0;
        if self.unsent.is_empty() {
            if bytes.is_empty() {
                return Ok(());
            }
            sent = match self.stream.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                sent => sent?,
            };
        }
        self.unsent.extend_from_slice(&bytes[sent..]);
        while !self.unsent.is_empty() {
            let n = self.stream.write(&self.unsent)?;
            self.unsent.drain(..n);
        }
        self.unsent = Vec::new();
        Ok(())
    }
}

fn response(has_takeover: bool) -> String {
    let agreed = if has_takeover {
        format!("server_max_window_bits={BITS}; client_max_window_bits={BITS}")
    } else {
        "server_no_context_takeover; client_no_context_takeover".to_owned()
    };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Extensions: permessage-deflate; {agreed}\r\n\r\n"
    )
}

/// Where the payload of the masked frame at the front of `bytes` begins, and where it ends, if it is complete.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (begin, len) = match bytes.get(1)? & 0x7F {
        126 => (8, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (14, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        len => (6, usize::from(len)),
    };
    (begin + len <= bytes.len()).then_some((begin, begin + len))
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    // Long enough for vectors.
    let keys: [u8; 64] = std::array::from_fn(|n| key[n % 4]);
    for bytes in payload.chunks_mut(keys.len()) {
        bytes.iter_mut().zip(keys).for_each(|(byte, key)| *byte ^= key);
    }
}

fn push_frame(output: &mut Vec<u8>, payload: &[u8]) {
    output.push(COMPRESSED);
    match payload.len() {
        len @ 0..126 => output.push(len as u8),
        len => {
            output.push(126);
            output.extend(u16::try_from(len).expect("the messages of the bench are short").to_be_bytes());
        }
    }
    output.extend_from_slice(payload);
}

fn history(bytes: &VecDeque<u8>) -> [&[u8]; 2] {
    let (first, second) = bytes.as_slices();
    [first, second]
}

/// Appends `text`, and keeps the last bytes of all.
fn keep(history: &mut VecDeque<u8>, text: &[u8]) {
    let most = 1 << BITS;
    let text = &text[text.len().saturating_sub(most)..];
    history.drain(..(history.len() + text.len()).saturating_sub(most));
    history.reserve_exact(most - history.len());
    history.extend(text);
}
