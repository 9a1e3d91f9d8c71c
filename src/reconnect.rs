//! When a client connects again: exponential backoff with full jitter, without a clock or a socket.
//!
//! Nothing connects again by itself. [`Reconnect`] tells the client whether to begin a new connection, and after which
//! delay. [`blocking::Reconnecting`](crate::blocking::Reconnecting), and that of `tokio`, also wait and connect. RFC
//! 6455 section 7.2.3 has the reason for a delay: if every client "immediately and persistently tries to reconnect, the
//! server may experience what amounts to a denial-of-service attack".
//!
//! ```
//! use statesocket::{Config, Connection, Event, handshake::Connect, reconnect::{Backoff, Reconnect}};
//! use std::{sync::Arc, time::{Duration, Instant}};
//!
//! let mut reconnect = Reconnect::new(Backoff::default());
//!
//! // TCP cannot connect.
//! let delay = reconnect.failed(Instant::now()).expect("a first attempt is always allowed");
//! assert!(delay <= Duration::from_secs(5));
//!
//! // TCP connects, and the server goes away in the middle of the handshake. The range of the delay has doubled.
//! let connect = Connect::new("ws://example.com/")?;
//! let mut connection = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
//! connection.receive_eof();
//! while let Some(event) = connection.poll_event() {
//!     match event {
//!         Event::Accepted(_) => reconnect.opened(Instant::now()),
//!         Event::Rejected(response) => reconnect.rejected(&response),
//!         Event::Disconnect(end) => {
//!             let delay = reconnect.disconnected(&end, Instant::now()).expect("a lost transport is worth a retry");
//!             assert!(delay <= Duration::from_secs(10));
//!         }
//!         _ => {}
//!     }
//! }
//! # Ok::<(), statesocket::ConnectError>(())
//! ```

mod attempts;

pub(crate) use attempts::Attempts;
pub use attempts::OpenError;

use crate::{close_code::CloseCode, event::Disconnect, handshake::Response, random::Random};
use http::header::RETRY_AFTER;
use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

/// How often a client connects again, and after which delays. Every limit is finite by default.
///
/// A delay is drawn uniformly from its range ("full jitter"), so clients that were disconnected together do not come
/// back together. The usual range is 0 to [`ceiling`](Self::ceiling), which doubles with every attempt that has not led
/// to a stable connection.
///
/// ```
/// use statesocket::reconnect::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::default().with(|backoff| backoff.max_delay = Duration::from_secs(30));
/// let ceilings = [0, 1, 2, 3, u32::MAX].map(|attempts| backoff.ceiling(attempts).as_secs());
/// assert_eq!(ceilings, [5, 10, 20, 30, 30]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The longest first delay. Default 5 s: RFC 6455 section 7.2.3 finds "a value chosen randomly between 0 and 5
    /// seconds" reasonable.
    pub first_delay: Duration,
    /// The upper bound of the doubling (section 7.2.3: "truncated binary exponential backoff"). Default 60 s.
    pub max_delay: Duration,
    /// The range of the delay after Close 1012 (service restart). Its upper end is at least the
    /// [`ceiling`](Self::ceiling). Default 5 s to 30 s, as in the [proposal that the IANA registry links][1012]:
    /// "should reconnect using a randomized delay of 5 - 30s".
    ///
    /// [1012]: https://www.ietf.org/mail-archive/web/hybi/current/msg09649.html
    pub restart_delay: RangeInclusive<Duration>,
    /// The range of the delay after Close 1013 (try again later). Its upper end is at least the
    /// [`ceiling`](Self::ceiling). Default 30 s to 2 min. The [proposal][1013] lets a client connect to the same
    /// address only when its user acts; a client without a user waits instead.
    ///
    /// [1013]: https://www.ietf.org/mail-archive/web/hybi/current/msg09649.html
    pub overload_delay: RangeInclusive<Duration>,
    /// The longest `Retry-After` that a client honours, so that no server can send it away for ever. Default 1 h.
    pub max_retry_after: Duration,
    /// How long a connection must be open before earlier attempts are forgotten. Otherwise a client would visit a
    /// server that accepts and then fails at the pace of the first delay for ever. Default 60 s.
    pub stable_after: Duration,
    /// The most attempts since the connection was last stable. Default 20, whose delays with the other defaults add up
    /// to nine minutes on average. With 0 a client never connects again.
    pub max_attempts: u32,
    /// The seed of all delays, for tests. Without it the operating system seeds the generator.
    pub seed: Option<[u8; 32]>,
}

impl Default for Backoff {
    fn default() -> Self {
        let seconds = |first, last| Duration::from_secs(first)..=Duration::from_secs(last);
        Self {
            first_delay: Duration::from_secs(5),
            max_delay: Duration::from_secs(60),
            restart_delay: seconds(5, 30),
            overload_delay: seconds(30, 120),
            max_retry_after: Duration::from_secs(3600),
            stable_after: Duration::from_secs(60),
            max_attempts: 20,
            seed: None,
        }
    }
}

impl Backoff {
    /// Changes fields within an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The longest usual delay after this number of attempts: [`first_delay`](Self::first_delay), doubled per attempt,
    /// and at most [`max_delay`](Self::max_delay).
    #[must_use]
    pub fn ceiling(&self, attempts: u32) -> Duration {
        // In nanoseconds, the longest `Duration` is less than 2^94.
        let factor = 1u128.checked_shl(attempts).unwrap_or(u128::MAX);
        let doubled = self.first_delay.as_nanos().saturating_mul(factor);
        if doubled < self.max_delay.as_nanos() { from_nanos(doubled) } else { self.max_delay }
    }
}

/// Decides on the next attempt of a client to connect, and on its delay.
///
/// Call [`opened`](Self::opened) at [`Event::Accepted`](crate::Event::Accepted), [`rejected`](Self::rejected) at
/// [`Event::Rejected`](crate::Event::Rejected), and at the end [`disconnected`](Self::disconnected), or
/// [`failed`](Self::failed) if there never was a connection. The last two return the delay before the next attempt.
/// They return `None` if the end is not [retryable](Disconnect::is_retryable) or [`Backoff::max_attempts`] have been
/// made.
///
/// Unless the [`Backoff`] has a seed, the system seeds every delay anew. So processes that are forked from one do not
/// come back together, even if this value exists before the `fork`.
#[derive(Debug)]
pub struct Reconnect {
    backoff: Backoff,
    /// The source of delays if they have a seed. Otherwise each delay has a source of its own.
    seeded: Option<Random>,
    attempts: u32,
    opened: Option<Instant>,
    retry_after: Duration,
}

impl Reconnect {
    /// No attempts so far. Make it before the first connection.
    #[must_use]
    pub fn new(backoff: Backoff) -> Self {
        Self {
            seeded: backoff.seed.map(Random::from_seed),
            backoff,
            attempts: 0,
            opened: None,
            retry_after: Duration::ZERO,
        }
    }

    /// The number of attempts since the connection was last stable.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The limits and delays.
    #[must_use]
    pub const fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    /// Records that the connection has opened: [`Event::Accepted`](crate::Event::Accepted). [`Backoff::stable_after`]
    /// counts from `now`.
    pub const fn opened(&mut self, now: Instant) {
        self.opened = Some(now);
    }

    /// Records that the server has rejected the request: [`Event::Rejected`](crate::Event::Rejected). The next delay is
    /// longer by the seconds of its `Retry-After` (RFC 9110 section 10.2.3), at most [`Backoff::max_retry_after`]. A
    /// `Retry-After` with a date is ignored, since this module reads no clock.
    ///
    /// ```
    /// use statesocket::{handshake::Response, reconnect::{Backoff, Reconnect}};
    /// use statesocket::http::{StatusCode, header::RETRY_AFTER};
    /// use std::time::{Duration, Instant};
    ///
    /// let mut reconnect = Reconnect::new(Backoff::default());
    /// let response = Response::new(StatusCode::SERVICE_UNAVAILABLE);
    /// reconnect.rejected(&response.header(RETRY_AFTER, 120)?);
    /// // In a program, `disconnected` follows here.
    /// let delay = reconnect.failed(Instant::now()).unwrap();
    /// assert!((120..=125).contains(&delay.as_secs()));
    /// # Ok::<(), statesocket::RejectError>(())
    /// ```
    pub fn rejected(&mut self, response: &Response) {
        let seconds = response.headers.get(RETRY_AFTER).and_then(|value| parse_seconds(value.as_bytes()));
        self.retry_after = seconds.unwrap_or_default().min(self.backoff.max_retry_after);
    }

    /// Records that the connection has ended: [`Event::Disconnect`](crate::Event::Disconnect). Returns the delay before
    /// the next attempt; `None` if there is none.
    #[must_use]
    pub fn disconnected(&mut self, disconnect: &Disconnect, now: Instant) -> Option<Duration> {
        self.forget_if_stable(now);
        if disconnect.is_retryable() { self.next_delay(self.asked_for(disconnect.code)) } else { None }
    }

    /// Records that an attempt has failed and that your code finds it worth a retry. Returns the delay before the next
    /// attempt; `None` if there is none.
    ///
    /// Use it for a host name that could not be resolved, a TCP connection that was refused, a TLS handshake that was
    /// broken off; an invalid certificate rarely becomes valid by waiting. Use it also in place of
    /// [`disconnected`](Self::disconnected) for a [`Disconnect`] with a private code that is worth a retry.
    ///
    /// ```
    /// use statesocket::reconnect::{Backoff, Reconnect};
    /// use std::time::Instant;
    ///
    /// let mut reconnect = Reconnect::new(Backoff::default().with(|backoff| backoff.max_attempts = 2));
    /// assert!(reconnect.failed(Instant::now()).is_some());
    /// assert!(reconnect.failed(Instant::now()).is_some());
    /// assert_eq!(reconnect.failed(Instant::now()), None);
    /// ```
    #[must_use]
    pub fn failed(&mut self, now: Instant) -> Option<Duration> {
        self.forget_if_stable(now);
        self.next_delay(Duration::ZERO..=Duration::ZERO)
    }

    /// Forgets the attempts before the connection that has ended, if it was stable.
    fn forget_if_stable(&mut self, now: Instant) {
        let open_for = self.opened.take().map(|opened| now.saturating_duration_since(opened));
        if open_for.is_some_and(|time| time >= self.backoff.stable_after) {
            self.attempts = 0;
        }
    }

    /// The range of the delay that the server asks for with this code.
    fn asked_for(&self, code: CloseCode) -> RangeInclusive<Duration> {
        match code {
            CloseCode::SERVICE_RESTART => self.backoff.restart_delay.clone(),
            CloseCode::TRY_AGAIN_LATER => self.backoff.overload_delay.clone(),
            _ => Duration::ZERO..=Duration::ZERO,
        }
    }

    fn next_delay(&mut self, asked_for: RangeInclusive<Duration>) -> Option<Duration> {
        let retry_after = std::mem::take(&mut self.retry_after);
        if self.attempts >= self.backoff.max_attempts {
            return None;
        }
        let (shortest, longest) = asked_for.into_inner();
        let jitter = longest.max(self.backoff.ceiling(self.attempts)).saturating_sub(shortest);
        // 2^64 nanoseconds are 584 years.
        let last = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = match &mut self.seeded {
            Some(random) => random.up_to(last),
            // Processes that are forked from one have copies of this value, and draw other delays all the same.
            None => Random::from_system().up_to(last),
        };
        let jitter = Duration::from_nanos(jitter);
        self.attempts += 1;
        Some(retry_after.saturating_add(shortest).saturating_add(jitter))
    }
}

/// `1*DIGIT`. A number that does not fit saturates.
fn parse_seconds(text: &[u8]) -> Option<Duration> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let seconds = str::from_utf8(text).ok().filter(|_| is_number)?.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds))
}

/// `Duration::from_nanos` takes at most 584 years.
fn from_nanos(nanos: u128) -> Duration {
    const PER_SECOND: u128 = 1_000_000_000;
    let subsec = u32::try_from(nanos % PER_SECOND).unwrap_or_default();
    u64::try_from(nanos / PER_SECOND).map_or(Duration::MAX, |seconds| Duration::new(seconds, subsec))
}
