//! The frames of one direction, each with the verdict of its receiver.

use crate::{
    frames::{Frame, FrameReader, MAX_SHOWN},
    rules::Violation,
};
use statesocket::{Agreed, Cause, Config, Connection, Event, Role};
use std::{mem, sync::Arc, time::Instant};

/// Reads the frames of one direction, and hands their bytes to the connection that would receive them.
#[derive(Debug)]
pub struct Receiver {
    frames: FrameReader,
    /// It reads nothing after a frame that it refuses.
    judge: Connection,
    now: Instant,
    /// The beginning of what the judge has inflated of the current frame.
    inflated: Vec<u8>,
    /// The current message is compressed.
    is_compressed: bool,
    /// The current frame has been shown in part.
    is_shown: bool,
}

/// What some bytes have brought.
#[derive(Debug, Default)]
pub struct Received {
    /// A frame to be shown: a whole one, or the part of one that is refused.
    pub shown: Option<Shown>,
    /// The opcode of the frame that is now whole.
    pub whole: Option<u8>,
    /// The rule that the bytes break.
    pub violation: Option<Violation>,
}

/// A frame, and the beginning of its inflated text.
pub type Shown = (Frame, Option<Vec<u8>>);

/// What has come of a frame that is not whole.
#[derive(Debug)]
pub enum Rest {
    /// Nothing that was not shown.
    Nothing,
    /// A part of its header.
    Header,
    /// Its header, and a part of its payload.
    Frame(Shown),
}

impl Receiver {
    /// The receiver in the role of `local`.
    #[must_use]
    pub fn new(local: Role, agreed: &Agreed, config: &Arc<Config>, now: Instant) -> Self {
        Self {
            frames: FrameReader::default(),
            judge: Connection::established(local, agreed.clone(), Arc::clone(config), now),
            now,
            inflated: Vec::new(),
            is_compressed: false,
            is_shown: false,
        }
    }

    /// Takes bytes up to the end of the current frame.
    pub fn take(&mut self, bytes: &mut &[u8]) -> Received {
        let (taken, whole) = self.frames.take(bytes);
        let violation = self.judge(&bytes[..taken]);
        *bytes = &bytes[taken..];
        if let Some(frame) = whole {
            let (opcode, was_shown) = (frame.opcode, mem::take(&mut self.is_shown));
            let shown = self.with_inflated(frame);
            return Received { shown: (!was_shown).then_some(shown), whole: Some(opcode), violation };
        }
        let shown = match violation {
            Some(_) => self.frames.partial().cloned().map(|frame| self.with_inflated(frame)),
            None => None,
        };
        self.is_shown |= shown.is_some();
        Received { shown, whole: None, violation }
    }

    /// What has come of a frame that is not whole, if no more of it comes.
    pub fn rest(&mut self) -> Rest {
        if self.is_shown {
            return Rest::Nothing;
        }
        match self.frames.partial().cloned() {
            Some(frame) => Rest::Frame(self.with_inflated(frame)),
            None if self.frames.is_mid_frame() => Rest::Header,
            None => Rest::Nothing,
        }
    }

    /// Hands bytes to the judge. Returns the rule that they break.
    fn judge(&mut self, bytes: &[u8]) -> Option<Violation> {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Some(event) = self.judge.receive(&mut input, self.now) {
            match event {
                Event::Chunk { data, .. } => {
                    let data = data.as_bytes();
                    let shown = data.len().min(MAX_SHOWN.saturating_sub(self.inflated.len()));
                    self.inflated.extend_from_slice(&data[..shown]);
                }
                Event::Disconnect(end) => {
                    if let Cause::Protocol(error) = end.cause {
                        return Some(Violation::of_frame(&error));
                    }
                }
                _ => {}
            }
        }
        // What it would answer goes nowhere.
        self.judge.advance(self.judge.output_len());
        None
    }

    /// Adds what was inflated of the frame.
    fn with_inflated(&mut self, frame: Frame) -> Shown {
        if !frame.is_data() {
            return (frame, None);
        }
        let inflated = mem::take(&mut self.inflated);
        if frame.opcode != 0 {
            self.is_compressed = frame.is_compressed() && self.judge.deflate().is_some();
        }
        (frame, self.is_compressed.then_some(inflated))
    }
}
