//! The network between both ends: a connection like TCP's, and everything that can happen to it.

use super::{Time, random::Random};
use crate::support::head_len;
use rand::RngExt;
use std::{
    collections::VecDeque,
    io,
    ops::{Range, RangeInclusive},
};

pub(super) const NEVER: Time = Time::MAX;

/// The properties of one direction, and its fate.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Bytes that may be written and not yet read.
    pub(super) window: usize,
    /// The most bytes that travel together.
    pub(super) chunk: usize,
    pub(super) latency: RangeInclusive<Time>,
    /// A period in which nothing arrives. Bytes arrive at its end, which may be never.
    pub(super) stalls: Vec<Range<Time>>,
    /// What happens after this many bytes.
    pub(super) end: Option<(usize, WayEnd)>,
    /// A fault of the network, which TCP does not have, this many bytes behind the head.
    pub(super) tampering: Option<(usize, Tampering)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayEnd {
    /// The connection is reset.
    Reset,
    /// The reader sees the end of the stream; bytes written after that are lost.
    Eof,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tampering {
    Lost,
    Duplicated,
    Swapped,
    Reordered,
}

impl Tampering {
    pub(super) const ALL: [Self; 4] = [Self::Lost, Self::Duplicated, Self::Swapped, Self::Reordered];
}

/// The result of a read.
#[derive(Debug)]
pub(super) enum ReadOutcome {
    Some(Vec<u8>),
    WouldBlock,
    Eof,
    Failed,
}

/// Both directions, and both sockets. The end of index `i` writes to `directions[i]`.
#[derive(Debug)]
pub(super) struct Network {
    directions: [Direction; 2],
    sockets: [Socket; 2],
    /// Whether a reset drops bytes that have arrived and were not read, as on most systems.
    discards_on_reset: bool,
    random: Random,
}

#[derive(Debug)]
struct Direction {
    way: Way,
    chunks: VecDeque<(Time, Vec<u8>)>,
    in_flight: usize,
    last_arrival: Time,
    eof_at: Option<Time>,
    /// Ended by the writer, or by [`WayEnd`].
    has_happened: bool,
    written: Vec<u8>,
    read: Vec<u8>,
}

#[derive(Debug)]
struct Socket {
    is_closed: bool,
    is_shut: bool,
    reset_at: Time,
}

impl Network {
    pub(super) fn new(ways: [Way; 2], discards_on_reset: bool, random: Random) -> Self {
        Self {
            directions: ways.map(Direction::new),
            sockets: [NEVER; 2].map(|reset_at| Socket { is_closed: false, is_shut: false, reset_at }),
            discards_on_reset,
            random,
        }
    }

    /// All bytes that the end of index `by` has written.
    pub(super) fn written(&self, by: usize) -> &[u8] {
        &self.directions[by].written
    }

    /// All bytes that the end of index `by` has read.
    pub(super) fn read_by(&self, by: usize) -> &[u8] {
        &self.directions[1 - by].read
    }

    /// Whether the planned end of a direction, or tampering, has happened.
    pub(super) fn has_interfered(&self) -> bool {
        self.directions.iter().any(|direction| direction.has_happened)
    }

    /// When the end of index `by` can read something, the end of the stream included.
    pub(super) fn readable_at(&self, by: usize) -> Time {
        let direction = &self.directions[1 - by];
        let arrival = direction.chunks.front().map(|(at, _)| *at).or(direction.eof_at).unwrap_or(NEVER);
        arrival.min(self.sockets[by].reset_at)
    }

    /// When the end of index `by` can write or gets an error: [`NEVER`] while the window is full.
    pub(super) fn writable_at(&self, by: usize, now: Time) -> Time {
        let direction = &self.directions[by];
        if direction.in_flight < direction.way.window { now } else { self.sockets[by].reset_at }
    }

    pub(super) fn read(&mut self, by: usize, most: usize, now: Time) -> ReadOutcome {
        let is_reset = self.sockets[by].reset_at <= now;
        let direction = &mut self.directions[1 - by];
        let bytes = if is_reset && self.discards_on_reset { Vec::new() } else { direction.take(most, now) };
        if !bytes.is_empty() {
            return ReadOutcome::Some(bytes);
        }
        if is_reset {
            return ReadOutcome::Failed;
        }
        let is_at_eof = direction.chunks.is_empty() && direction.eof_at.is_some_and(|at| at <= now);
        if is_at_eof { ReadOutcome::Eof } else { ReadOutcome::WouldBlock }
    }

    /// Writes as many of `bytes` as fit, at most `most`.
    pub(super) fn write(&mut self, by: usize, bytes: &[u8], most: usize, now: Time) -> io::Result<usize> {
        assert!(!self.sockets[by].is_shut, "{} bytes are written after writing was shut down", bytes.len());
        if self.sockets[by].reset_at <= now {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let direction = &mut self.directions[by];
        // A duplicated byte may be one too many.
        let room = direction.way.window.saturating_sub(direction.in_flight);
        let before_end = match direction.way.end {
            Some((at, _)) => at.saturating_sub(direction.written.len()),
            None => usize::MAX,
        };
        let n = bytes.len().min(room).min(most);
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let carried = n.min(before_end);
        direction.carry(&bytes[..carried], now, &mut self.random);
        if carried == before_end && !direction.has_happened {
            self.end_way(by, now);
        }
        self.directions[by].written.extend(&bytes[carried..n]);
        if self.sockets[1 - by].is_closed {
            // Bytes for a closed socket are answered with a reset.
            let there = self.directions[by].arrival(now, &mut self.random);
            let back = self.directions[1 - by].arrival(there, &mut self.random);
            self.reset(by, back);
        }
        Ok(n)
    }

    /// Shuts down writing: written bytes arrive, and then the end of the stream.
    pub(super) fn shut_down(&mut self, by: usize, now: Time) {
        assert!(!self.sockets[by].is_shut, "writing is shut down a second time");
        self.sockets[by].is_shut = true;
        let direction = &mut self.directions[by];
        let arrival = direction.arrival(now, &mut self.random);
        direction.eof_at.get_or_insert(arrival);
    }

    /// Closes a socket. If bytes are unread, the other end gets a reset.
    pub(super) fn close(&mut self, by: usize, now: Time) {
        assert!(!self.sockets[by].is_closed, "a socket is closed a second time");
        self.sockets[by].is_closed = true;
        if !self.directions[1 - by].chunks.is_empty() {
            let arrival = self.directions[by].arrival(now, &mut self.random);
            self.reset(1 - by, arrival);
        }
        if !self.sockets[by].is_shut {
            self.shut_down(by, now);
        }
    }

    fn end_way(&mut self, by: usize, now: Time) {
        let arrival = self.directions[by].arrival(now, &mut self.random);
        let direction = &mut self.directions[by];
        direction.has_happened = true;
        match direction.way.end {
            Some((_, WayEnd::Eof)) => direction.eof_at = Some(arrival),
            Some((_, WayEnd::Reset)) => {
                let back = self.directions[1 - by].arrival(now, &mut self.random);
                self.reset(1 - by, arrival);
                self.reset(by, back);
            }
            None => unreachable!("the direction has a planned end"),
        }
    }

    fn reset(&mut self, whose: usize, at: Time) {
        let reset_at = &mut self.sockets[whose].reset_at;
        *reset_at = at.min(*reset_at);
    }
}

impl Direction {
    fn new(way: Way) -> Self {
        Self {
            way,
            chunks: VecDeque::new(),
            in_flight: 0,
            last_arrival: 0,
            eof_at: None,
            has_happened: false,
            written: Vec::new(),
            read: Vec::new(),
        }
    }

    /// When bytes written at this moment arrive: never before earlier ones.
    fn arrival(&mut self, now: Time, random: &mut Random) -> Time {
        let mut arrival = now.saturating_add(random.random_range(self.way.latency.clone())).max(self.last_arrival);
        for stall in &self.way.stalls {
            if stall.contains(&arrival) {
                arrival = stall.end;
            }
        }
        self.last_arrival = arrival;
        arrival
    }

    fn carry(&mut self, bytes: &[u8], now: Time, random: &mut Random) {
        self.written.extend(bytes);
        let carried = self.tamper(bytes);
        let mut rest = carried.as_deref().unwrap_or(bytes);
        while !rest.is_empty() {
            let (chunk, behind) = rest.split_at(random.random_range(1..=self.way.chunk.min(rest.len())));
            rest = behind;
            self.in_flight += chunk.len();
            let arrival = self.arrival(now, random);
            self.chunks.push_back((arrival, chunk.to_vec()));
        }
    }

    /// Tampers with `bytes`, the last ones written, if this is the place and the effect is visible.
    fn tamper(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        /// At least this many lie in one frame, more than the key of an empty one.
        const BLOCK: usize = 8;
        let (due, tampering) = self.way.tampering.filter(|_| !self.has_happened)?;
        let head_len = head_len(&self.written)?;
        let first = self.written.len() - bytes.len();
        let at = (head_len + due).saturating_sub(first);
        let mut bytes = bytes.to_vec();
        match tampering {
            Tampering::Lost if at < bytes.len() => drop(bytes.remove(at)),
            Tampering::Duplicated if at < bytes.len() => bytes.insert(at, bytes[at]),
            Tampering::Swapped => {
                let differs = (at..bytes.len().saturating_sub(1)).find(|&i| bytes[i] != bytes[i + 1])?;
                bytes.swap(differs, differs + 1);
            }
            Tampering::Reordered if at + 2 * BLOCK <= bytes.len() => {
                let blocks = &mut bytes[at..at + 2 * BLOCK];
                if blocks[..BLOCK] == blocks[BLOCK..] {
                    return None;
                }
                blocks.rotate_left(BLOCK);
            }
            Tampering::Lost | Tampering::Duplicated | Tampering::Reordered => return None,
        }
        self.has_happened = true;
        Some(bytes)
    }

    /// At most `most` of the bytes that have arrived, however they travelled.
    fn take(&mut self, most: usize, now: Time) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some((_, chunk)) = self.chunks.front_mut().filter(|(at, _)| *at <= now) {
            let n = chunk.len().min(most - taken.len());
            taken.extend(chunk.drain(..n));
            if !chunk.is_empty() {
                break;
            }
            self.chunks.pop_front();
        }
        self.in_flight -= taken.len();
        self.read.extend(&taken);
        taken
    }
}
