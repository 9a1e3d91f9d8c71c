//! The bytes that all sessions of a server hold, and which sessions hold most of them.

use std::{
    collections::{BinaryHeap, HashMap},
    mem,
    time::{Duration, Instant},
};

/// The time between two looks at all sessions, while they hold much and the sum hardly changes. What the sum does not
/// show may have changed by then: who holds the bytes, and how many are shared.
const PAUSE: Duration = Duration::from_millis(100);

/// The bytes of a session are kept in units of this size, which 4 bytes of memory can count. A part of one does not
/// count.
const UNIT: usize = 64;

/// The bytes that all sessions hold.
///
/// The sum is kept turn by turn. Shared bytes count in it as often as they are queued, which may be too much; a look at
/// all sessions finds out by how much. There are looks only while the sum is high.
#[derive(Debug)]
pub(super) struct Holdings {
    /// In bytes.
    limit: usize,
    /// A look may be due from this sum on, in units: 0 while [`next_look`](Self::next_look) is set.
    watched: usize,
    /// What each session holds, by its key.
    held: Vec<Held>,
    /// In units.
    sum: usize,
    /// The sum at the last look, in bytes.
    seen: usize,
    /// The part of it that was counted more than once.
    surplus: usize,
    /// A session that comes to hold more than these units is not read.
    level: u32,
    /// The time of the next look, as long as the sum is high.
    next_look: Option<Instant>,
}

/// What a session holds, in units.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    all: u32,
    /// The part that it holds up to its end.
    kept: u32,
}

/// What a session holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    pub(super) key: usize,
    pub(super) bytes: usize,
    /// How many of them it holds up to its end, whether it is read or not.
    pub(super) kept: usize,
    /// How many of them other sessions may hold too, and where the last of those ends.
    pub(super) shared: Option<(usize, *const u8)>,
}

/// What a look at all sessions finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// All hold too much, and less than the limit without these, the largest first. Then look again.
    TooMuch { largest: Vec<usize> },
    /// These hold most, if it is necessary to stop reading from some, and all may hold so much more.
    Room { most: Vec<usize>, room: usize },
}

/// Sessions that have queued the same shared bytes last. They share what came before too: together they hold as much of
/// it as the one that lags most.
#[derive(Default)]
struct Sharers {
    most: usize,
    sum: usize,
}

impl Held {
    const fn besides_kept(self) -> u32 {
        self.all.saturating_sub(self.kept)
    }
}

impl Holding {
    /// Takes off the bytes that are kept, and returns their number.
    fn leave_out_kept(&mut self) -> usize {
        self.bytes = self.bytes.saturating_sub(self.kept);
        self.kept
    }
}

impl Holdings {
    pub(super) fn new(limit: usize) -> Self {
        let mut holdings =
            Self { limit, watched: 0, held: Vec::new(), sum: 0, seen: 0, surplus: 0, level: u32::MAX, next_look: None };
        holdings.set_limit(limit);
        holdings
    }

    /// Sets the limit, in bytes.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.watch(self.next_look);
    }

    /// Sets the time of the next look; `None` if the sum is low.
    fn watch(&mut self, next_look: Option<Instant>) {
        self.next_look = next_look;
        self.watched = if next_look.is_some() { 0 } else { mark(self.limit) / UNIT + 1 };
    }

    /// Makes a place for the session `key`, so that no message has to.
    pub(super) fn make_place(&mut self, key: usize) {
        if key >= self.held.len() {
            self.held.resize(key + 1, Held::default());
        }
    }

    /// The session `key` holds `bytes` now, `kept` of them up to its end. Returns whether it has come to hold so many,
    /// besides those it keeps, that it is not to be read.
    #[inline]
    pub(super) fn note(&mut self, key: usize, bytes: usize, kept: usize) -> bool {
        let units = bytes / UNIT;
        self.held[key].all as usize != units && self.change(key, units, kept / UNIT)
    }

    #[inline(never)]
    fn change(&mut self, key: usize, units: usize, kept: usize) -> bool {
        let [all, kept] = [units, kept].map(|units| u32::try_from(units).unwrap_or(u32::MAX));
        let now = Held { all, kept };
        let before = mem::replace(&mut self.held[key], now);
        self.sum = self.sum - before.all as usize + all as usize;
        before.besides_kept() <= self.level && now.besides_kept() > self.level
    }

    /// Whether all hold so much that some are not read.
    pub(super) const fn is_high(&self) -> bool {
        self.sum().saturating_sub(self.surplus) > mark(self.limit)
    }

    /// The sum, in bytes.
    pub(super) const fn sum(&self) -> usize {
        self.sum.saturating_mul(UNIT)
    }

    /// Whether a [look](Self::look) at all sessions is due: the sum is high, or was at the last one.
    #[inline(always)]
    pub(super) fn is_look_due(&self, now: Instant) -> bool {
        self.sum >= self.watched && self.is_due_while_high(now)
    }

    #[cold]
    #[inline(never)]
    fn is_due_while_high(&self, now: Instant) -> bool {
        self.next_look.is_none_or(|at| at <= now)
            || self.sum().abs_diff(self.seen) > step(self.limit)
            || self.sum().saturating_sub(self.surplus) > self.limit
    }

    /// The time at which a look is due even if nothing happens, since some sessions are not read.
    #[inline]
    pub(super) fn next_look(&self) -> Option<Instant> {
        if self.watched == 0 && self.level < u32::MAX { self.next_look } else { None }
    }

    /// Looks at all sessions.
    pub(super) fn look(&mut self, mut holdings: Vec<Holding>, now: Instant) -> Finding {
        let limit = self.limit;
        divide_shared(&mut holdings);
        let sum = holdings.iter().map(|holding| holding.bytes).sum::<usize>();
        self.seen = self.sum();
        self.surplus = self.seen.saturating_sub(sum);
        if sum > limit {
            self.watch(Some(now));
            return Finding::TooMuch { largest: largest(holdings, sum - limit + step(limit)) };
        }
        // The bytes may be more than the units say. A session that is not read now is looked at again.
        self.watch((sum.max(self.seen) > mark(limit)).then(|| now + PAUSE));
        // What is kept leaves less for the rest, and does not become less if nobody is read.
        let kept = holdings.iter_mut().map(Holding::leave_out_kept).sum::<usize>();
        let level = if sum > mark(limit) { level(&holdings, (limit - kept) / 2) } else { usize::MAX };
        self.level = u32::try_from(level / UNIT).unwrap_or(u32::MAX);
        holdings.retain(|holding| holding.bytes > level);
        Finding::Room { most: holdings.into_iter().map(|holding| holding.key).collect(), room: limit - sum }
    }

    /// Frees the memory for more than `capacity` sessions. None is left.
    pub(super) fn reset(&mut self, capacity: usize) {
        self.held.clear();
        self.held.shrink_to(capacity);
    }
}

/// Divides shared bytes among the sessions that hold them.
fn divide_shared(holdings: &mut [Holding]) {
    let mut all: HashMap<*const u8, Sharers> = HashMap::new();
    for (shared, end) in holdings.iter().filter_map(|holding| holding.shared) {
        let sharers = all.entry(end).or_default();
        sharers.most = sharers.most.max(shared);
        sharers.sum += shared;
    }
    for Holding { bytes, shared, .. } in holdings {
        if let Some((shared, end)) = shared {
            let Sharers { most, sum } = all[end];
            // A product of two lengths may need more bits than a length.
            let part = *shared as u128 * most as u128 / sum as u128;
            *bytes = bytes.saturating_sub(*shared) + part as usize;
        }
    }
}

/// The sum above which some sessions are not read.
const fn mark(limit: usize) -> usize {
    limit - limit / 4
}

/// A change of the sum that is worth a look.
const fn step(limit: usize) -> usize {
    limit / 16
}

/// The keys of the largest, until they hold `excess` bytes together.
fn largest(holdings: Vec<Holding>, mut excess: usize) -> Vec<usize> {
    let mut heap: BinaryHeap<_> = holdings.into_iter().map(|holding| (holding.bytes, holding.key)).collect();
    let mut keys = Vec::new();
    while excess > 0
        && let Some((bytes, key)) = heap.pop()
    {
        keys.push(key);
        excess = excess.saturating_sub(bytes);
    }
    keys
}

/// The largest power of two, or 0, with which all together hold at most `sum` if none holds more.
fn level(holdings: &[Holding], sum: usize) -> usize {
    const SIZES: usize = usize::BITS as usize;
    // By the number of bits.
    let (mut counts, mut sums) = ([0; SIZES + 1], [0; SIZES + 1]);
    for Holding { bytes, .. } in holdings {
        let bits = (usize::BITS - bytes.leading_zeros()) as usize;
        counts[bits] += 1;
        sums[bits] += bytes;
    }
    let (mut below, mut above) = (0, holdings.len());
    for bits in 0..SIZES {
        below += sums[bits];
        above -= counts[bits];
        if above.saturating_mul(1 << bits).saturating_add(below) > sum {
            return (1 << bits) >> 1;
        }
    }
    usize::MAX
}

#[cfg(test)]
mod tests;
