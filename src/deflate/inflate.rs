//! Compressed messages to plain ones: RFC 7692 section 7.2.2.

mod step;

pub(crate) use step::{Due, InflateError, Step};

use super::{
    engines::{Engines, INFLATER, MAX_PIECE, prime},
    history::History,
};
use std::{fmt, mem};
use zlib_rs::{Inflate, InflateFlush, Status};

/// The receiving direction of a connection: what messages may refer back to, and the message in progress.
///
/// Memory: between messages the history, at most 2^bits bytes with context takeover and none without. In a message, up
/// to 4 KiB of compressed bytes as they came; with more, an inflater of 46 KiB, and without takeover 2^bits bytes of
/// the message so far.
pub(crate) struct Receiving {
    /// The plain text that the next block may refer to. It grows as pieces are handed out.
    history: History,
    /// Messages may refer to earlier ones.
    has_takeover: bool,
    /// Compressed bytes, of which `fed` have been inflated.
    held: Vec<u8>,
    fed: usize,
    /// Belongs to the message from its first inflated byte to its end.
    inflater: Option<Box<Inflate>>,
    stage: Stage,
    /// The last call of the inflater has left room, so that nothing more comes of what it has taken.
    is_drained: bool,
    /// The plain bytes of the message so far.
    size: u64,
    /// The work since the last [`take_work`](Self::take_work).
    work: usize,
    /// What ends the connection, once the bytes before it have been handed out.
    error: Option<InflateError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No byte of the message has been inflated.
    Empty,
    Blocks,
    /// A final block has ended with the last byte. Section 7.2.3.4 allows more blocks.
    Ended,
    /// All payload has been taken, and this many bytes of [`TAIL`].
    Tail(usize),
}

/// Section 7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message." The empty
/// final block behind them ends the stream, but only if a block can begin there: if the message is whole.
const TAIL: [u8; 6] = [0x00, 0x00, 0xFF, 0xFF, 0x03, 0x00];

/// The length of what section 7.2.2 appends.
const MARKER: usize = 4;

/// Compressed bytes that are held before a message gets an inflater, unless it ends before. A peer that sends fewer and
/// stops cannot hold the memory of one.
pub(crate) const MAX_HELD: usize = 4 << 10;

/// The work of a compressed byte, in bytes of text. A block may have no text, only codes, whose tables take time: four
/// times as much as this.
const WORK_PER_BYTE: usize = 8;

impl Receiving {
    /// `bits`, 8 to 15, is the window that the peer keeps to.
    pub(crate) const fn new(bits: u8, has_takeover: bool) -> Self {
        Self {
            history: History::new(bits),
            has_takeover,
            held: Vec::new(),
            fed: 0,
            inflater: None,
            stage: Stage::Empty,
            is_drained: true,
            size: 0,
            work: 0,
            error: None,
        }
    }

    /// The work of all steps since the last call, in bytes of text that could be inflated in that time.
    pub(crate) const fn take_work(&mut self) -> usize {
        mem::replace(&mut self.work, 0)
    }

    /// Whether messages may refer to earlier ones.
    pub(crate) const fn has_takeover(&self) -> bool {
        self.has_takeover
    }

    /// The memory on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.kept() + self.buffered()
    }

    /// The memory of the history, in bytes.
    pub(crate) fn kept(&self) -> usize {
        self.history.held_bytes()
    }

    /// [Settles](History::settle) what is kept.
    pub(crate) fn settle(&mut self) {
        self.history.settle();
    }

    /// The memory for the message in progress, in bytes. The history does not count.
    pub(crate) fn buffered(&self) -> usize {
        let inflater = if self.inflater.is_some() { INFLATER } else { 0 };
        self.held.capacity() + inflater
    }

    /// Keeps compressed bytes for the next [`step`](Self::step): the rest of an input after a
    /// [piece](Step::Piece), if the input cannot wait for the next piece to be wanted.
    pub(crate) fn hold(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
        self.held.try_reserve(bytes.len())?;
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// Inflates from what is held and the front of `input`, until there are 64 KiB, the input is used up, or the
    /// message ends. `due` says what ends with the input. `limit` is the most bytes of plain text in a message.
    ///
    /// Call it again with the rest of the input and the same `due` after a [`Step::Piece`]. Pieces and errors are the
    /// same for any division of the payload into inputs, apart from where a piece ends. After an error no further
    /// message can be inflated.
    pub(crate) fn step<'e>(
        &mut self,
        engines: &'e mut Engines,
        input: &mut &[u8],
        due: Due,
        limit: u64,
    ) -> Result<Step<'e>, InflateError> {
        if let Some(error) = self.error {
            if let Some(inflater) = self.inflater.take() {
                engines.give_back(inflater);
            }
            return Err(error);
        }
        if self.inflater.is_none() && due == Due::Later && self.held.len() + input.len() < MAX_HELD {
            self.hold(mem::take(input))?;
            return Ok(Step::NeedsInput);
        }
        let mut may_prime = true;
        let mut inflater = match self.inflater.take() {
            Some(inflater) => inflater,
            // An empty payload is no DEFLATE, yet peers send it for an empty message.
            None if self.held.is_empty() && input.is_empty() => {
                return Ok(if due == Due::Last { Step::End(&[]) } else { Step::NeedsInput });
            }
            None => {
                may_prime = false;
                self.work += self.work_of_priming();
                engines.take_inflater(&self.history).ok_or(InflateError::NoMemory)?
            }
        };
        let scratch = engines.scratch().ok_or(InflateError::NoMemory)?;
        let output = &mut scratch[..MAX_PIECE];
        let (len, pause) = self.inflate(&mut inflater, output, input, due == Due::Last, limit, may_prime);
        if pause == Pause::End {
            engines.give_back(inflater);
            let piece = engines.filled(len);
            self.end(piece)?;
            return Ok(Step::End(piece));
        }
        self.inflater = Some(inflater);
        if len > 0 {
            let piece = engines.filled(len);
            self.history.push(piece)?;
            return Ok(Step::Piece(piece));
        }
        match pause {
            // As with each call after an error.
            Pause::Failed => self.step(engines, input, due, limit),
            Pause::Full => Ok(Step::Piece(&[])),
            Pause::NeedsInput | Pause::End => Ok(Step::NeedsInput),
        }
    }

    /// Inflates to the front of `output`. Returns the number of bytes there, and why it stops. Primes the inflater once
    /// at most.
    fn inflate(
        &mut self,
        inflater: &mut Inflate,
        output: &mut [u8],
        input: &mut &[u8],
        is_last: bool,
        limit: u64,
        mut may_prime: bool,
    ) -> (usize, Pause) {
        let mut len = 0;
        while len < output.len() {
            if self.is_drained && self.next_bytes(input).is_empty() {
                match self.stage {
                    _ if !is_last => return (len, Pause::NeedsInput),
                    Stage::Empty | Stage::Ended => return (len, Pause::End),
                    Stage::Blocks => self.stage = Stage::Tail(0),
                    Stage::Tail(_) => return (len, self.fail(InflateError::Corrupt)),
                }
                continue;
            }
            if self.stage == Stage::Ended {
                // The blocks behind may refer to those before, which are in the history once they are handed out.
                if len > 0 || !may_prime {
                    return (len, Pause::Full);
                }
                prime(inflater, &self.history);
                self.work += self.work_of_priming();
                (self.stage, may_prime) = (Stage::Blocks, false);
            }
            // One byte over the limit is enough to know.
            let allowed = limit.saturating_sub(self.size).saturating_add(1);
            let room = usize::try_from(allowed).unwrap_or(usize::MAX).min(output.len() - len);
            let (taken, made) = (inflater.total_in(), inflater.total_out());
            let bytes = self.next_bytes(input);
            let is_behind = matches!(self.stage, Stage::Tail(MARKER..));
            let result = inflater.decompress(bytes, &mut output[len..len + room], InflateFlush::NoFlush);
            let (taken, made) = ((inflater.total_in() - taken) as usize, (inflater.total_out() - made) as usize);
            if is_behind && made > 0 {
                // The final block of the tail has become text: it came within a block.
                return (len, self.fail(InflateError::Corrupt));
            }
            self.work += made + taken * WORK_PER_BYTE;
            self.is_drained = made < room;
            self.advance(taken, input);
            len += made;
            self.size += made as u64;
            if self.size > limit {
                // All that is allowed is handed out, however the payload came.
                return (len - 1, self.fail(InflateError::TooLarge { size: self.size }));
            }
            match (result, self.stage) {
                (Ok(Status::StreamEnd), Stage::Tail(taken)) if taken == TAIL.len() => return (len, Pause::End),
                (Err(_), _) | (Ok(Status::StreamEnd), Stage::Tail(_)) => {
                    return (len, self.fail(InflateError::Corrupt));
                }
                (Ok(Status::StreamEnd), _) => (self.stage, self.is_drained) = (Stage::Ended, true),
                (Ok(Status::Ok | Status::BufError), Stage::Empty) => self.stage = Stage::Blocks,
                (Ok(Status::Ok | Status::BufError), _) => {}
            }
        }
        (len, Pause::Full)
    }

    /// The work of [`prime`]. Where a block ends, two bytes may cause it.
    fn work_of_priming(&self) -> usize {
        32 + self.history.len() / 32
    }

    /// The compressed bytes to inflate next.
    fn next_bytes<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match self.stage {
            Stage::Tail(taken) if taken < MARKER => &TAIL[taken..MARKER],
            Stage::Tail(taken) => &TAIL[taken..],
            Stage::Empty | Stage::Blocks | Stage::Ended if self.held.is_empty() => input,
            Stage::Empty | Stage::Blocks | Stage::Ended => &self.held[self.fed..],
        }
    }

    /// Takes off the first `n` bytes of [`next_bytes`](Self::next_bytes).
    fn advance(&mut self, n: usize, input: &mut &[u8]) {
        match &mut self.stage {
            Stage::Tail(taken) => *taken += n,
            Stage::Empty | Stage::Blocks | Stage::Ended if self.held.is_empty() => *input = &input[n..],
            Stage::Empty | Stage::Blocks | Stage::Ended => {
                self.fed += n;
                if self.fed == self.held.len() {
                    (self.held, self.fed) = (Vec::new(), 0);
                }
            }
        }
    }

    const fn fail(&mut self, error: InflateError) -> Pause {
        self.error = Some(error);
        Pause::Failed
    }

    /// Ends the message with `piece`.
    fn end(&mut self, piece: &[u8]) -> Result<(), InflateError> {
        (self.stage, self.is_drained, self.size) = (Stage::Empty, true, 0);
        if self.has_takeover {
            self.history.push(piece)?;
        } else {
            self.history.clear();
        }
        Ok(())
    }
}

/// Why the inflater stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// The output has to be handed out first.
    Full,
    NeedsInput,
    End,
    /// An error is due, behind the output.
    Failed,
}

/// Without the text of the peer.
impl fmt::Debug for Receiving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving")
            .field("history", &self.history.len())
            .field("has_takeover", &self.has_takeover)
            .field("held", &(self.held.len() - self.fed))
            .field("stage", &self.stage)
            .field("size", &self.size)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
