//! When a client connects again: exponential back-off with full jitter, without a clock or a socket.
//!
//! A connection that has ended is not connected again by itself; this tells the client whether to begin a new one, and
//! how long to wait before it. RFC 6455 section 7.2.3 on why to wait: if every client "immediately and persistently
//! tries to reconnect, the server may experience what amounts to a denial-of-service attack".
//!
//! ```
//! use statesocket::{Config, Connection, Event, handshake::Connect, reconnect::{Policy, Reconnect}};
//! use std::{sync::Arc, time::{Duration, Instant}};
//!
//! let mut reconnect = Reconnect::new(Policy::default());
//!
//! // The server is not there: TCP says so.
//! let delay = reconnect.retry(Instant::now()).expect("a first attempt is always allowed");
//! assert!(delay <= Duration::from_secs(5));
//!
//! // It is there, and goes away in the middle of the handshake. The next delay is from twice the range.
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

use crate::{event::Disconnect, handshake::Response, random::Random};
use http::header::RETRY_AFTER;
use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};
use tungstenite::protocol::frame::coding::CloseCode;

/// How often, and after what delays, a client connects again. Every limit is finite by default.
///
/// A delay is drawn evenly from its range ("full jitter"), so that clients that were disconnected together do not come
/// back together. The range of a usual end is 0 to [`ceiling`](Self::ceiling), which doubles with every attempt that
/// has not led to a stable connection.
///
/// ```
/// use statesocket::reconnect::Policy;
/// use std::time::Duration;
///
/// let mut policy = Policy::default();
/// policy.max_delay = Duration::from_secs(30);
/// let ceilings = [0, 1, 2, 3, u32::MAX].map(|attempts| policy.ceiling(attempts).as_secs());
/// assert_eq!(ceilings, [5, 10, 20, 30, 30]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The longest first delay. Default 5 s: RFC 6455 section 7.2.3 finds "a value chosen randomly between 0 and 5
    /// seconds" reasonable.
    pub first_delay: Duration,
    /// Where the doubling stops (section 7.2.3: "truncated binary exponential backoff"). Default 60 s.
    pub max_delay: Duration,
    /// The range of the delay after Close 1012 (service restart). Its second end gives way to the
    /// [`ceiling`](Self::ceiling) where that is higher. Default 5 s to 30 s, as the [proposal in the IANA
    /// registry][1012] asks: "should reconnect using a randomized delay of 5 - 30s".
    ///
    /// [1012]: https://www.ietf.org/mail-archive/web/hybi/current/msg09649.html
    pub restart_delay: RangeInclusive<Duration>,
    /// The range of the delay after Close 1013 (try again later), its second end as with 1012. Default 30 s to 2 min.
    /// The proposal would have the same address left alone until the user acts; a program without a user, or with one
    /// address, can at least stay away for long.
    pub overload_delay: RangeInclusive<Duration>,
    /// As much of a `Retry-After` as is honoured, so that no server can send a client away for ever. Default 1 h.
    pub max_retry_after: Duration,
    /// How long a connection must have been open for the attempts before it to be forgotten. Without it a server that
    /// accepts and then fails would be visited at the pace of the first delay for ever. Default 60 s.
    pub stable_after: Duration,
    /// Attempts, since the connection was last stable, after which it is given up. Default 20, which with the other
    /// defaults are over after nine minutes on average; 0 never connects again.
    pub max_attempts: u32,
    /// What all delays follow from, for tests; by default the operating system gives the seed.
    pub seed: Option<[u8; 32]>,
}

impl Default for Policy {
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

impl Policy {
    /// The longest delay after so many attempts, where the end asks for nothing else:
    /// [`first_delay`](Self::first_delay) doubled for each, and at most [`max_delay`](Self::max_delay).
    #[must_use]
    pub fn ceiling(&self, attempts: u32) -> Duration {
        // In nanoseconds, the longest `Duration` is less than 2^94.
        let factor = 1u128.checked_shl(attempts).unwrap_or(u128::MAX);
        let doubled = self.first_delay.as_nanos().saturating_mul(factor);
        if doubled < self.max_delay.as_nanos() { from_nanos(doubled) } else { self.max_delay }
    }
}

/// Whether and when a client connects again.
///
/// Call [`opened`](Self::opened) and [`rejected`](Self::rejected) on the events of those names, and on the end
/// [`disconnected`](Self::disconnected), or [`retry`](Self::retry) if there never was a connection. The last two return
/// how long to wait before the next attempt, or `None` if there is to be none: because the end is not
/// [retryable](Disconnect::is_retryable), or because [`Policy::max_attempts`] have been made.
#[derive(Debug)]
pub struct Reconnect {
    policy: Policy,
    random: Random,
    attempts: u32,
    opened: Option<Instant>,
    retry_after: Duration,
}

impl Reconnect {
    /// No connection yet, and no attempt at another one.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let random = policy.seed.map_or_else(Random::from_system, Random::from_seed);
        Self { policy, random, attempts: 0, opened: None, retry_after: Duration::ZERO }
    }

    /// Attempts that were allowed since the connection was last stable.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The limits and delays.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The connection opened: [`Event::Accepted`](crate::Event::Accepted).
    pub const fn opened(&mut self, now: Instant) {
        self.opened = Some(now);
    }

    /// The server answered otherwise: [`Event::Rejected`](crate::Event::Rejected). The seconds of its `Retry-After`
    /// (RFC 9110 section 10.2.3), if it has one, are added to the delay that follows. A date is ignored: there is no
    /// calendar here.
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
    /// use statesocket::{handshake::Response, reconnect::{Policy, Reconnect}};
    /// use std::time::{Duration, Instant};
    ///
    /// let mut reconnect = Reconnect::new(Policy::default());
    /// let response = Response::new(StatusCode::SERVICE_UNAVAILABLE);
    /// reconnect.rejected(&response.header(RETRY_AFTER, HeaderValue::from_static("120")));
    /// // Here the `Disconnect` would follow.
    /// let delay = reconnect.retry(Instant::now()).unwrap();
    /// assert!((120..=125).contains(&delay.as_secs()));
    /// ```
    pub fn rejected(&mut self, response: &Response) {
        let seconds = response.headers.get(RETRY_AFTER).and_then(|value| parse_seconds(value.as_bytes()));
        self.retry_after = seconds.unwrap_or_default().min(self.policy.max_retry_after);
    }

    /// The connection ended: [`Event::Disconnect`](crate::Event::Disconnect). Returns how long to wait before the next
    /// attempt, if there is to be one.
    #[must_use]
    pub fn disconnected(&mut self, disconnect: &Disconnect, now: Instant) -> Option<Duration> {
        self.settle(now);
        if disconnect.is_retryable() { self.next_delay(self.asked_for(disconnect.code)) } else { None }
    }

    /// What only the application can judge has failed, and it finds that worth a retry. Returns how long to wait before
    /// the next attempt, if there is to be one.
    ///
    /// This is for a host name that could not be resolved, a TCP connection that was refused, a TLS handshake that
    /// broke off; a certificate that is not valid will hardly become so by waiting. It is also for a [`Disconnect`]
    /// with a code of the application's own, in the place of [`disconnected`](Self::disconnected).
    ///
    /// ```
    /// use statesocket::reconnect::{Policy, Reconnect};
    /// use std::time::Instant;
    ///
    /// let mut policy = Policy::default();
    /// policy.max_attempts = 2;
    /// let mut reconnect = Reconnect::new(policy);
    /// assert!(reconnect.retry(Instant::now()).is_some());
    /// assert!(reconnect.retry(Instant::now()).is_some());
    /// assert_eq!(reconnect.retry(Instant::now()), None);
    /// ```
    #[must_use]
    pub fn retry(&mut self, now: Instant) -> Option<Duration> {
        self.settle(now);
        self.next_delay(Duration::ZERO..=Duration::ZERO)
    }

    /// Forgets the attempts that led to a connection which is over now, if it was stable.
    fn settle(&mut self, now: Instant) {
        let open_for = self.opened.take().map(|opened| now.saturating_duration_since(opened));
        if open_for.is_some_and(|time| time >= self.policy.stable_after) {
            self.attempts = 0;
        }
    }

    /// The range of the delay that the server asks for by closing with this code.
    fn asked_for(&self, code: CloseCode) -> RangeInclusive<Duration> {
        match u16::from(code) {
            1012 => self.policy.restart_delay.clone(),
            1013 => self.policy.overload_delay.clone(),
            _ => Duration::ZERO..=Duration::ZERO,
        }
    }

    fn next_delay(&mut self, asked_for: RangeInclusive<Duration>) -> Option<Duration> {
        let retry_after = std::mem::take(&mut self.retry_after);
        if self.attempts >= self.policy.max_attempts {
            return None;
        }
        let (shortest, longest) = asked_for.into_inner();
        let jitter = longest.max(self.policy.ceiling(self.attempts)).saturating_sub(shortest);
        // 2^64 nanoseconds are 584 years.
        let last = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(self.random.up_to(last));
        self.attempts += 1;
        Some(retry_after.saturating_add(shortest).saturating_add(jitter))
    }
}

/// `1*DIGIT`, however many.
fn parse_seconds(text: &[u8]) -> Option<Duration> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let seconds = str::from_utf8(text).ok().filter(|_| is_number)?.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds))
}

/// `Duration::from_nanos` takes no more than 584 years.
fn from_nanos(nanos: u128) -> Duration {
    const PER_SECOND: u128 = 1_000_000_000;
    let subsec = u32::try_from(nanos % PER_SECOND).unwrap_or_default();
    u64::try_from(nanos / PER_SECOND).map_or(Duration::MAX, |seconds| Duration::new(seconds, subsec))
}
