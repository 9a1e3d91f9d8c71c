//! Several connections that share engines: each gets what was sent to it, and refers to nothing else.

use super::{
    compression::{self, Compression},
    frames::{joined, written},
    reference::Said,
};
use crate::support::Fragments;
use arbitrary::{Result, Unstructured};
use statesocket::{Config, Connection, Delivery, Event, OutputBuffer, Role, SharedMessage, SharedMessages, Timer};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// After this many steps, more prove nothing.
const MAX_STEPS: usize = 120;

/// After this many bytes in all, too.
const MAX_BYTES: usize = 600_000;

/// One direction of a pair.
struct Way {
    /// What was said, and not heard yet.
    said: Vec<Said>,
    /// All bytes that the sender has written.
    wire: Vec<u8>,
    /// Those that have not arrived.
    unread: Vec<u8>,
    events: Vec<Event<'static>>,
}

struct Pair {
    /// The client, the server.
    ends: [Connection; 2],
    /// What each of them sends.
    ways: [Way; 2],
    compression: Compression,
    /// Each end has its time.
    now: [Instant; 2],
}

/// Draws pairs, then messages, deliveries and loans.
pub(crate) fn check(data: &[u8]) {
    let mut source = Unstructured::new(data);
    let mut pairs = Vec::new();
    // The list ends when the bytes run out; that is no fault.
    let _ = exchange(&mut pairs, &mut source);
    for pair in &mut pairs {
        pair.finish();
    }
}

fn exchange(pairs: &mut Vec<Pair>, source: &mut Unstructured<'_>) -> Result<()> {
    let mut pool = [OutputBuffer::default(), OutputBuffer::default()];
    for _ in 0..=source.int_in_range(0..=2)? {
        pairs.push(Pair::new(source.arbitrary()?, source.arbitrary()?));
    }
    let mut bytes = 0;
    for _ in 0..MAX_STEPS {
        if source.is_empty() || bytes > MAX_BYTES {
            break;
        }
        let (pair, end) = (source.choose_index(pairs.len())?, source.choose_index(2)?);
        let lent = source.int_in_range(0..=2)?;
        let mut buffer = pool.get_mut(lent);
        let pair = &mut pairs[pair];
        if let Some(buffer) = &mut buffer {
            pair.ends[end].lend_buffer(buffer);
        }
        let result = pair.step(end, source);
        pair.write(end);
        if let Some(buffer) = &mut buffer {
            pair.ends[end].reclaim_buffer(buffer);
        }
        bytes += result?;
    }
    // One message to all, compressed once.
    let text = text(source)?;
    let news = SharedMessage::text(&text);
    for pair in pairs {
        pair.ends[1].lend_buffer(&mut pool[0]);
        pair.say(1, Said::Text(text.clone()), |server| server.send_shared(&news));
        pair.say(1, Said::Text(text.clone()), |server| server.send_text(&text));
        pair.write(1);
        pair.ends[1].reclaim_buffer(&mut pool[0]);
    }
    Ok(())
}

impl Pair {
    fn new(choices: [u8; 3], chunks: bool) -> Self {
        let compression = Compression::drawn(choices);
        let config = Config::default().with(|config| {
            compression.apply(config);
            config.delivery = if chunks { Delivery::Chunks } else { Delivery::Messages };
            (config.high_water, config.client_high_water) = (None, None);
            (config.ping_interval, config.pong_timeout) = (Some(Duration::from_secs(10)), None);
            (config.idle_timeout, config.message_timeout) = (None, None);
        });
        let (config, now) = (Arc::new(config), Instant::now());
        let open = |role| {
            let agreed = compression::agreed(Some(compression));
            Connection::established(role, agreed, Arc::clone(&config), now)
        };
        let way = || Way { said: Vec::new(), wire: Vec::new(), unread: Vec::new(), events: Vec::new() };
        Self { ends: [open(Role::Client), open(Role::Server)], ways: [way(), way()], compression, now: [now; 2] }
    }

    /// Sends or receives something at `end`. Returns the number of bytes that this was about.
    fn step(&mut self, end: usize, source: &mut Unstructured<'_>) -> Result<usize> {
        if self.ends[end].is_mid_message() {
            let part = text(source)?;
            return self.fragment(end, part, source);
        }
        Ok(match source.int_in_range(0..=12)? {
            0..=2 => {
                let text = text(source)?;
                self.say(end, Said::Text(text.clone()), |from| from.send_text(&text))
            }
            3 => {
                let text = text(source)?;
                self.say(end, Said::Binary(text.clone().into_bytes()), |from| from.send(text.into_bytes()))
            }
            4 => {
                let text = text(source)?;
                self.say(end, Said::Text(text.clone()), |from| from.send_shared(&SharedMessage::text(&text)))
            }
            5 => {
                let text = text(source)?;
                let batch: SharedMessages =
                    [SharedMessage::text(&text), SharedMessage::binary(b"and").uncompressed()].iter().collect();
                self.ways[end].said.push(Said::Text(text));
                self.say(end, Said::Binary(b"and".to_vec()), |from| from.send_shared_all(&batch))
            }
            6 => {
                let text = text(source)?;
                self.say(end, Said::Text(text.clone()), |from| from.send_uncompressed(&text[..]))
            }
            7 => {
                let text = text(source)?;
                self.ways[end].said.push(Said::Text(String::new()));
                self.fragment(end, text, source)?
            }
            8 => self.say(end, Said::Ping(b"ping".to_vec()), |from| from.ping(b"ping")),
            9 => {
                self.keep_alive(end);
                0
            }
            _ => self.read(end, source)?,
        })
    }

    fn say<E: std::fmt::Debug>(
        &mut self,
        end: usize,
        said: Said,
        send: impl FnOnce(&mut Connection) -> std::result::Result<(), E>,
    ) -> usize {
        let before = self.ends[end].output_len();
        // The shared message at the end may meet one in fragments.
        if self.ends[end].is_mid_message() {
            assert!(send(&mut self.ends[end]).is_err(), "a message is in progress");
            return 0;
        }
        send(&mut self.ends[end]).expect("there is room, and no message in progress");
        let len = if let Said::Text(text) = &said { text.len() } else { 0 };
        self.ways[end].said.push(said);
        self.ends[end].output_len() - before + len
    }

    fn fragment(&mut self, end: usize, part: String, source: &mut Unstructured<'_>) -> Result<usize> {
        let is_last = self.ends[end].is_mid_message() && source.arbitrary()?;
        self.ends[end].send_text_fragment(&part, is_last).expect("there is room");
        let open = self.ways[end].said.iter_mut().rfind(|said| matches!(said, Said::Text(_)));
        let Some(Said::Text(text)) = open else { unreachable!("a text is in progress") };
        text.push_str(&part);
        if !is_last && source.ratio(1, 4)? {
            self.ends[end].ping(b"within").expect("there is room");
            // A Ping within a message comes before it.
            let at = self.ways[end].said.len() - 1;
            self.ways[end].said.insert(at, Said::Ping(b"within".to_vec()));
        }
        Ok(part.len())
    }

    /// A Ping of the connection itself, at which it may forget what it has sent.
    fn keep_alive(&mut self, end: usize) {
        if let Some((deadline, Timer::Ping)) = self.ends[end].poll_timeout(self.now[end]) {
            self.now[end] = deadline;
            self.ends[end].handle_timeout(deadline);
        }
    }

    /// Moves the output of `end` to the wire.
    fn write(&mut self, end: usize) {
        while self.ends[end].output_len() > 0 {
            let bytes = self.ends[end].output().to_vec();
            self.ends[end].advance(bytes.len());
            self.ways[end].wire.extend(&bytes);
            self.ways[end].unread.extend(bytes);
        }
    }

    /// Hands a part of what has been written to `end`.
    fn read(&mut self, end: usize, source: &mut Unstructured<'_>) -> Result<usize> {
        let most = self.ways[1 - end].unread.len();
        let len = if source.arbitrary()? { most } else { source.int_in_range(0..=most)? };
        self.hand_in(end, len);
        Ok(len)
    }

    fn hand_in(&mut self, end: usize, len: usize) {
        let mut bytes: Vec<u8> = self.ways[1 - end].unread.drain(..len).collect();
        let mut input = bytes.as_mut_slice();
        while let Some(event) = self.ends[end].receive(&mut input, self.now[end]) {
            assert!(!matches!(event, Event::Disconnect(_)), "{event:?}");
            self.ways[1 - end].events.push(event.into_owned());
        }
        assert!(input.is_empty(), "all input is taken");
    }

    /// All arrives, as it was sent; and nothing of it refers farther back than was agreed on.
    fn finish(&mut self) {
        for end in [0, 1] {
            self.write(end);
            if self.ends[end].is_mid_message() {
                self.ends[end].send_text_fragment("", true).expect("there is room");
                self.write(end);
            }
        }
        for end in [0, 1] {
            self.hand_in(end, self.ways[1 - end].unread.len());
            self.write(end);
        }
        self.hand_in(0, self.ways[1].unread.len());
        for (way, role) in self.ways.iter().zip([Role::Client, Role::Server]) {
            let events = joined(&way.events);
            let heard: Vec<_> =
                events.iter().filter_map(Said::of).filter(|said| !matches!(said, Said::Pong(_))).collect();
            let [told, heard] = [&way.said, &heard].map(|said| without_keepalives(said));
            assert_eq!(heard, told, "a {role:?} is heard as it has spoken");
            let frames = compression::plain(written(&way.wire, role), Some(self.compression.reach(role)));
            assert!(frames.iter().all(|frame| frame.first & 0x70 == 0), "no other bit is set");
        }
    }
}

/// What the application has sent: the connection sends Pings of its own.
fn without_keepalives(said: &[Said]) -> Vec<Said> {
    let is_of_application =
        |said: &&Said| !matches!(said, Said::Ping(payload) if !matches!(&payload[..], b"ping" | b"within"));
    said.iter().filter(is_of_application).cloned().collect()
}

/// A text: of few words, as messages are, or of the bytes of the source; short or long.
fn text(source: &mut Unstructured<'_>) -> Result<String> {
    let len = *source.choose(&[0, 5, 31, 33, 100, 255, 257, 600, 4_000, 9_000, 70_000])?;
    if source.ratio(1, 4)? {
        let bytes = source.bytes(len.min(source.len()))?;
        return Ok(bytes.iter().map(|byte| char::from(*byte)).collect());
    }
    let mut number = u32::from(source.arbitrary::<u8>()?);
    let mut text = String::new();
    while text.len() < len {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text += ["{\"id\":", "\"name\":\"κόσμε\",", "1234567,", "},"][(number >> 30) as usize];
        text.push(char::from(b'a' + (number >> 24) as u8 % 26));
    }
    Ok(text)
}
