//! What a seed decides: the network, the configurations, and the acts of the applications.

use super::{
    CLIENT, SERVER, Time,
    network::{NEVER, Way, WayEnd},
    random::{Random, any_magnitude, one_of, seeded},
    script::{self, Act, Ending, Reply},
    settings,
};
use rand::RngExt;
use statesocket::Config;
use std::{ops::Range, sync::Arc};

pub(super) const SECOND: Time = 1_000_000;

/// A whole run, except for the numbers that it draws on its way.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Empty if the network only delays and splits, and applications and limits cause no trouble either.
    pub(super) troubles: Vec<Trouble>,
    pub(super) ways: [Way; 2],
    pub(super) discards_on_reset: bool,
    /// How late a loop may notice an event that it waits for.
    pub(super) lateness: Time,
    pub(super) offers: &'static [&'static str],
    pub(super) decision: Decision,
    pub(super) ends: [EndPlan; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Stall,
    StallForEver,
    Reset,
    HalfClose,
    ShortTimeouts,
    SmallLimit,
    Abort,
    /// An end gives up before the connection is open.
    GivesUp,
    NoDecision,
    /// The application must answer a Close and does not.
    NoReply,
    /// An application pauses reading and never resumes it.
    PausesForEver,
    ReadsSlowly,
}

impl Trouble {
    pub(super) const ALL: [Self; 12] = [
        Self::Stall,
        Self::StallForEver,
        Self::Reset,
        Self::HalfClose,
        Self::ShortTimeouts,
        Self::SmallLimit,
        Self::Abort,
        Self::GivesUp,
        Self::NoDecision,
        Self::NoReply,
        Self::PausesForEver,
        Self::ReadsSlowly,
    ];
}

/// How and after which time the server's application answers the request.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    Accept { after: Time, subprotocol: Option<&'static str>, headers: usize },
    Reject { after: Time, status: u16, body: Vec<u8> },
    Close { after: Time },
    ShutDown { after: Time },
    Never,
}

#[derive(Debug)]
pub(super) struct EndPlan {
    pub(super) config: Arc<Config>,
    /// The acts, and their times after the opening.
    pub(super) acts: Vec<(Time, Act)>,
    pub(super) ending: Option<(Time, Ending)>,
    /// Done at this time after the start, unless the connection is open by then.
    pub(super) gives_up: Option<(Time, Ending)>,
    /// The answer to a Close that the application must answer; `None` for none.
    pub(super) reply: Option<Reply>,
    pub(super) echoes: bool,
    /// Stops reading at that message, for this long.
    pub(super) pauses_at: Option<(usize, Time)>,
    /// Ends the connection in reaction to that message.
    pub(super) closes_at: Option<(usize, Ending)>,
    /// Reads only once per period, but then at least so many bytes.
    pub(super) reads_slowly: Option<(Time, usize)>,
    /// Of the Pings that come together, answers only the last one.
    pub(super) answers_latest_ping: bool,
    /// The most bytes of a read, and of a write.
    pub(super) sizes: [usize; 2],
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = seeded(seed);
        let mut troubles = Vec::new();
        if random.random_bool(0.6) {
            troubles.push(one_of(&mut random, &Trouble::ALL));
            if random.random_bool(0.5) {
                troubles.push(one_of(&mut random, &Trouble::ALL));
            }
        }
        Self::with_troubles(seed, troubles, &mut random)
    }

    /// A plan without any trouble.
    pub(super) fn lossless(seed: u64) -> Self {
        Self::with_troubles(seed, Vec::new(), &mut seeded(seed))
    }

    pub(super) fn is_lossless(&self) -> bool {
        self.troubles.is_empty()
    }

    pub(super) fn has(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }

    fn with_troubles(seed: u64, troubles: Vec<Trouble>, random: &mut Random) -> Self {
        let has = |trouble| troubles.contains(&trouble);
        let is_fast = !has(Trouble::ShortTimeouts) && random.random_bool(0.4);
        let mut ways = [CLIENT, SERVER].map(|_| way(random, is_fast));
        let unlucky = random.random_range(0..2);
        // With long timeouts or none it only delays; short ones notice.
        let may_stall = if troubles.is_empty() { !is_fast } else { has(Trouble::ShortTimeouts) };
        if has(Trouble::Stall) || (may_stall && random.random_bool(0.5)) {
            ways[unlucky].stalls = stalls(random);
        }
        if has(Trouble::StallForEver) {
            ways[unlucky].stalls.push(random.random_range(0..5 * SECOND)..NEVER);
        }
        if has(Trouble::ShortTimeouts) {
            // Large messages take time, and stay queued.
            ways.iter_mut().for_each(|way| way.window = any_magnitude(random, 20..=1_000));
            ways.iter_mut().for_each(|way| way.chunk = 4_000);
        }
        if has(Trouble::Reset) {
            ways[unlucky].end = Some((place(random), WayEnd::Reset));
        }
        if has(Trouble::HalfClose) {
            ways[unlucky].end = Some((place(random), WayEnd::Eof));
        }
        let offers = one_of(random, &[&[][..], &["chat"], &["chat", "superchat"]]);
        let decision = decision(random, &troubles, offers);
        let largest = ways.iter().map(|way| way.window.min(way.chunk)).min().unwrap_or_default();
        let mut ends = [CLIENT, SERVER].map(|_| end(random, &troubles, is_fast, largest));
        // Otherwise nothing might end the connection.
        let closer = random.random_range(0..2);
        if ends.iter().all(|end| end.ending.is_none()) {
            ends[closer].ending = Some(script::ending(random, has(Trouble::Abort)));
        }
        if random.random_bool(0.2) {
            let at_once = ends[closer].ending.as_ref().map_or(SECOND, |(at, _)| *at);
            ends[1 - closer].ending = Some((at_once, script::ending(random, has(Trouble::Abort)).1));
        }
        if has(Trouble::GivesUp) {
            ends[unlucky].gives_up = Some(script::giving_up(random));
        }
        if has(Trouble::PausesForEver) {
            ends[unlucky].pauses_at = Some((1, NEVER));
        }
        if has(Trouble::ReadsSlowly) {
            let period = random.random_range(SECOND / 10..5 * SECOND);
            ends[unlucky].reads_slowly = Some((period, any_magnitude(random, 2_000..=200_000)));
        }
        let lateness =
            if random.random() { 0 } else { random.random_range(0..if is_fast { 1_000 } else { SECOND / 10 }) };
        Self { seed, troubles, ways, discards_on_reset: random.random(), lateness, offers, decision, ends }
    }
}

/// A direction without any trouble: large and fast, or any other.
fn way(random: &mut Random, is_fast: bool) -> Way {
    let (window, latency) = if is_fast {
        (64 << 10, random.random_range(0..5_000))
    } else {
        (any_magnitude(random, 1..=64 << 10), random.random_range(0..200_000))
    };
    let chunk = size(random, is_fast);
    Way { window, chunk, latency: latency / 4..=latency, stalls: Vec::new(), end: None, tampering: None }
}

/// The size of the pieces that are read, written or carried.
fn size(random: &mut Random, is_fast: bool) -> usize {
    any_magnitude(random, if is_fast { 1 << 10 } else { 1 }..=64 << 10)
}

fn stalls(random: &mut Random) -> Vec<Range<Time>> {
    (0..random.random_range(1..4))
        .map(|_| {
            let from = random.random_range(SECOND / 2..6 * SECOND);
            from..from + random.random_range(1..8 * SECOND)
        })
        .collect()
}

/// The position of a byte, as often in the head as behind it.
fn place(random: &mut Random) -> usize {
    if random.random() { random.random_range(0..300) } else { any_magnitude(random, 0..=50_000) }
}

fn decision(random: &mut Random, troubles: &[Trouble], offers: &[&'static str]) -> Decision {
    let after = if random.random() { 0 } else { random.random_range(0..3 * SECOND) };
    if troubles.contains(&Trouble::NoDecision) {
        return Decision::Never;
    }
    match random.random_range(0..20) {
        0 => {
            let body = script::bytes(random, 20_000);
            Decision::Reject { after, status: one_of(random, &[200, 302, 400, 401, 403, 404, 429, 500, 503]), body }
        }
        1 => Decision::Close { after },
        2 => Decision::ShutDown { after },
        _ => {
            let subprotocol = (!offers.is_empty() && random.random()).then(|| one_of(random, offers));
            Decision::Accept { after, subprotocol, headers: random.random_range(0..5) }
        }
    }
}

/// `largest` is roughly the size of large messages with which a run ends in a reasonable number of steps.
fn end(random: &mut Random, troubles: &[Trouble], is_fast: bool, largest: usize) -> EndPlan {
    let has = |trouble| troubles.contains(&trouble);
    let sizes = [0, 1].map(|_| size(random, is_fast || has(Trouble::ShortTimeouts)));
    let largest = sizes.into_iter().min().unwrap_or_default().min(largest).saturating_mul(64).min(100 << 10);
    let longest_pause = if troubles.is_empty() { SECOND } else { 5 * SECOND };
    let mut config = settings::config(random, troubles, is_fast);
    settings::compress(random, &mut config);
    EndPlan {
        config: Arc::new(config),
        acts: script::acts(random, largest),
        ending: random.random_bool(0.5).then(|| script::ending(random, has(Trouble::Abort))),
        gives_up: None,
        reply: (!has(Trouble::NoReply)).then(|| script::reply(random)),
        echoes: random.random_bool(0.3),
        pauses_at: random.random_bool(0.3).then(|| (random.random_range(1..4), random.random_range(1..longest_pause))),
        closes_at: random
            .random_bool(0.2)
            .then(|| (random.random_range(1..6), script::ending(random, has(Trouble::Abort)).1)),
        reads_slowly: None,
        answers_latest_ping: random.random_bool(0.2),
        sizes,
    }
}
