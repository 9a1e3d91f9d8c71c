//! The meaning of a wire, read in the plainest way: all of it at once, with no regard to speed.

use super::compression::{Past, RSV1, Reach};
use statesocket::{Config, Delivery, Event, Message, Role};

/// A statement of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A Close, with code and reason unless it is empty. Nothing after it counts.
    Close(Option<(u16, String)>),
    /// A violation, which is answered with a Close of this code. Nothing after it counts.
    Violation(u16),
}

impl Said {
    /// What the peer said, according to `event`.
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        match event {
            Event::Message(Message::Text(text)) => Some(Self::Text(text.to_string())),
            Event::Message(Message::Binary(bytes)) => Some(Self::Binary(bytes.to_vec())),
            Event::Ping(payload) => Some(Self::Ping(payload.to_vec())),
            Event::Pong(payload) => Some(Self::Pong(payload.to_vec())),
            _ => None,
        }
    }

    /// Whether nothing after it counts.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Close(_) | Self::Violation(_))
    }
}

/// What the peer of an endpoint of role `local` says with `wire`, if it may compress as far as `reach` says. An
/// incomplete frame at its end is not said yet.
pub(crate) fn read(wire: &[u8], local: Role, config: &Config, reach: Option<Reach>) -> Vec<Said> {
    let past = reach.map(Past::new);
    let mut reader = Reader { wire, local, config, past, message: None, said: Vec::new() };
    match reader.frames() {
        Err(Stop::NeedsMore) => {}
        Err(Stop::Violation(code)) => reader.said.push(Said::Violation(code)),
        Ok(()) => {
            assert!(reader.said.last().is_some_and(Said::is_end), "only a Close ends the reading without an error")
        }
    }
    reader.said
}

struct Reader<'a> {
    wire: &'a [u8],
    local: Role,
    config: &'a Config,
    /// What compressed messages may refer to; `None` if there are none.
    past: Option<Past>,
    message: Option<Open>,
    said: Vec<Said>,
}

/// A message whose last frame has not arrived.
struct Open {
    is_text: bool,
    /// The payload, which is compressed if the message is.
    bytes: Vec<u8>,
    is_compressed: bool,
    /// An inflater has begun. Until then the bytes wait.
    is_inflated: bool,
    announced: u64,
    frames: u32,
}

enum Stop {
    NeedsMore,
    Violation(u16),
}

const PROTOCOL: Stop = Stop::Violation(1002);
const NOT_UTF8: Stop = Stop::Violation(1007);
const TOO_BIG: Stop = Stop::Violation(1009);
const POLICY: Stop = Stop::Violation(1008);

impl<'a> Reader<'a> {
    fn frames(&mut self) -> Result<(), Stop> {
        loop {
            let first = self.byte()?;
            let (is_final, opcode) = (first & 0x80 != 0, first & 0x0F);
            let is_control = opcode >= 8;
            let may_be_compressed = self.past.is_some() && matches!(opcode, 1 | 2);
            let reserved = if may_be_compressed { 0x70 & !RSV1 } else { 0x70 };
            demand(first & reserved == 0 && matches!(opcode, 0..=2 | 8..=10))?;
            demand(is_final || !is_control)?;
            let second = self.byte()?;
            demand((second & 0x80 != 0) == (self.local == Role::Server))?;
            let len = self.len(second & 0x7F, is_control)?;
            let key = if self.local == Role::Server { self.take(4)? } else { &[0; 4] };
            if is_control {
                let payload = unmask(self.take(len)?, key);
                match opcode {
                    8 => return self.close(&payload),
                    9 => self.said.push(Said::Ping(payload)),
                    _ => self.said.push(Said::Pong(payload)),
                }
            } else {
                self.open(opcode, len, first & RSV1 != 0)?;
                self.data(len, key, is_final)?;
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Stop> {
        let len = usize::try_from(len).map_err(|_| Stop::NeedsMore)?;
        let (taken, rest) = self.wire.split_at_checked(len).ok_or(Stop::NeedsMore)?;
        self.wire = rest;
        Ok(taken)
    }

    fn len(&mut self, short: u8, is_control: bool) -> Result<u64, Stop> {
        demand(short < 126 || !is_control)?;
        let (size, least) = match short {
            126 => (2, 126),
            127 => (8, 1 << 16),
            _ => return Ok(short.into()),
        };
        let len = self.take(size)?.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
        demand(len >= least && len >> 63 == 0)?;
        Ok(len)
    }

    fn open(&mut self, opcode: u8, len: u64, is_compressed: bool) -> Result<(), Stop> {
        demand((opcode == 0) == self.message.is_some())?;
        let fresh = || Open {
            is_text: opcode == 1,
            bytes: Vec::new(),
            is_compressed,
            is_inflated: false,
            announced: 0,
            frames: 0,
        };
        let message = self.message.get_or_insert_with(fresh);
        message.announced = message.announced.saturating_add(len);
        message.frames += 1;
        // Bytes that do not compress become longer.
        let limit = |limit: u64| if message.is_compressed { limit.saturating_add(limit / 8 + 64) } else { limit };
        if len > limit(self.config.max_frame_bytes) || message.announced > limit(self.config.max_message_bytes) {
            return Err(TOO_BIG);
        }
        if message.frames > self.config.max_fragments { Err(POLICY) } else { Ok(()) }
    }

    fn data(&mut self, len: u64, key: &[u8], is_final: bool) -> Result<(), Stop> {
        let here = usize::try_from(len).unwrap_or(usize::MAX).min(self.wire.len());
        let is_whole = here as u64 == len;
        let payload = unmask(self.take(here as u64)?, key);
        let message = self.message.as_mut().expect("the header has begun the message");
        message.bytes.extend(payload);
        if message.is_compressed {
            return self.compressed(is_final, is_whole);
        }
        if message.is_text
            && let Err(error) = std::str::from_utf8(&message.bytes)
        {
            // An incomplete code point is wrong only at the end of the message.
            let is_cut = error.error_len().is_none();
            if !is_cut || (is_final && is_whole) {
                return Err(NOT_UTF8);
            }
        }
        if !is_whole {
            return Err(Stop::NeedsMore);
        }
        if is_final && let Some(message) = self.message.take() {
            self.said.push(said(message.is_text, message.bytes));
        }
        Ok(())
    }

    /// A part of a compressed message has come. It waits until a frame ends, or 4 KiB are there.
    fn compressed(&mut self, is_final: bool, is_whole: bool) -> Result<(), Stop> {
        let message = self.message.as_mut().expect("the header has begun the message");
        let past = self.past.as_mut().expect("without an agreement the bit is refused");
        let is_last = is_final && is_whole;
        let is_due = is_whole && self.config.delivery == Delivery::Chunks && !message.bytes.is_empty();
        message.is_inflated |= is_due || message.bytes.len() >= 4096;
        if message.is_inflated || is_last {
            let (text, is_right) = past.read(&message.bytes, is_last);
            let limit = usize::try_from(self.config.max_message_bytes).unwrap_or(usize::MAX);
            let allowed = &text[..text.len().min(limit)];
            if message.is_text && std::str::from_utf8(allowed).is_err_and(|error| error.error_len().is_some()) {
                return Err(NOT_UTF8);
            }
            if text.len() > limit {
                return Err(TOO_BIG);
            }
            if !is_right || is_last && message.is_text && std::str::from_utf8(&text).is_err() {
                return Err(NOT_UTF8);
            }
            if is_last {
                past.push(&text);
                let is_text = message.is_text;
                self.message = None;
                self.said.push(said(is_text, text));
            }
        }
        if is_whole { Ok(()) } else { Err(Stop::NeedsMore) }
    }

    fn close(&mut self, body: &[u8]) -> Result<(), Stop> {
        self.said.push(match body {
            [] => Said::Close(None),
            [_] => return Err(PROTOCOL),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                demand(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999))?;
                let reason = String::from_utf8(reason.to_vec()).map_err(|_| NOT_UTF8)?;
                Said::Close(Some((code, reason)))
            }
        });
        Ok(())
    }
}

/// A whole message, whose text has been checked.
fn said(is_text: bool, bytes: Vec<u8>) -> Said {
    match String::from_utf8(bytes) {
        Ok(text) if is_text => Said::Text(text),
        Ok(text) => Said::Binary(text.into_bytes()),
        Err(error) => Said::Binary(error.into_bytes()),
    }
}

fn demand(is_met: bool) -> Result<(), Stop> {
    if is_met { Ok(()) } else { Err(PROTOCOL) }
}

fn unmask(bytes: &[u8], key: &[u8]) -> Vec<u8> {
    bytes.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}
