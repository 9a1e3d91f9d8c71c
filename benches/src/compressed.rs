//! Messages on an open connection that compresses.

use crate::{
    Seen, Sink, Workload,
    deflate::{Compressor, Inflater, payloads},
    output::write_all,
    text::Stream,
    wire::{frame, read_any_frame},
};
use statesocket::{
    Agreed, Config, Connection, Deflate, Event, OutputBuffer, Role,
    handshake::{Extension, deflate},
    http::header::{HeaderValue, SEC_WEBSOCKET_EXTENSIONS},
};
use std::{sync::Arc, time::Instant};

const LEN: usize = 1 << 10;

/// The window of both ends, in bits.
const BITS: u8 = 12;

const COMPRESSED: u8 = 0xC1;

/// A server that has each message of 1 KiB of text in a read of its own, and sends it back at level 6.
pub struct CompressedEcho {
    stream: Stream,
    connection: Connection,
    now: Instant,
    has_takeover: bool,
    /// The messages of a run, each by itself for the first run, and then behind those before.
    wire: [Vec<Vec<u8>>; 2],
    buffer: Vec<Vec<u8>>,
    runs: usize,
    /// Lent while a read is handled, as in an event loop.
    spare: OutputBuffer,
}

impl CompressedEcho {
    /// With takeover and 4 KiB of history in both directions, or without takeover.
    #[must_use]
    pub fn new(has_takeover: bool) -> Self {
        let takeover = "permessage-deflate; client_max_window_bits; server_max_window_bits=12";
        let alone = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
        let offer = HeaderValue::from_static(if has_takeover { takeover } else { alone });
        let offer = Extension::all(&[(SEC_WEBSOCKET_EXTENSIONS, offer)].into_iter().collect(), 10);
        let (_, agreed) =
            deflate::answer(&offer.expect("the offer is right"), &Deflate::default()).expect("it is taken");
        let config = Config::default().with(|config| config.deflate = Some(Deflate::default()));
        let (now, agreed) = (Instant::now(), Agreed::new().seed([7; 32]).deflate(agreed));
        let stream = Stream::new(LEN);
        let mut compressor = Compressor::new(6, BITS);
        let mut frames = |history: usize| -> Vec<Vec<u8>> {
            let payloads = payloads(&stream, &mut compressor, history);
            payloads.iter().map(|payload| frame(COMPRESSED, payload, Role::Server)).collect()
        };
        let wire = [frames(0), frames(if has_takeover { 1 << BITS } else { 0 })];
        Self {
            stream,
            connection: Connection::established(Role::Server, agreed, Arc::new(config), now),
            now,
            has_takeover,
            buffer: wire[0].clone(),
            wire,
            runs: 0,
            spare: OutputBuffer::default(),
        }
    }
}

impl Workload for CompressedEcho {
    fn units(&self) -> usize {
        self.stream.count()
    }

    /// Payloads are unmasked in place.
    fn reset(&mut self) {
        self.buffer.clone_from(&self.wire[self.runs.min(1)]);
        self.runs += 1;
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        for message in &mut self.buffer {
            self.connection.lend_buffer(&mut self.spare);
            let mut input = &mut message[..];
            while let Some(event) = self.connection.receive(&mut input, self.now) {
                let Event::Message(message) = event else { panic!("only messages are sent: {event:?}") };
                self.connection.send(message).expect("there is room for an echo");
            }
            write_all(&mut self.connection, sink);
            self.connection.reclaim_buffer(&mut self.spare);
        }
    }

    fn check(&self, seen: &Seen) {
        let (mut output, mut inflater) = (&seen.output[..], Inflater::default());
        for n in 0..self.units() {
            let (payload, rest) = read_any_frame(COMPRESSED, output, Role::Client);
            // All that the server may refer to.
            let history = match (self.has_takeover, self.runs) {
                (false, _) => 0,
                (true, 1) => (n * LEN).min(1 << BITS),
                (true, _) => 1 << BITS,
            };
            let text = inflater.inflate([self.stream.before(n, history), &[]], &payload).expect("it can be inflated");
            assert!(text == self.stream.text(n), "message {n} is sent changed");
            output = rest;
        }
        assert!(output.is_empty(), "only the messages are sent");
    }
}
