//! What clients that connect again have in common, whatever drives them.

use super::{Backoff, Reconnect};
use crate::{
    config::Config,
    event::{CauseKind, Disconnect, NotOpened},
    handshake::Connect,
};
use std::{
    io, mem,
    sync::Arc,
    time::{Duration, Instant},
};

/// The error of `open` of a client that connects again: the last failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There was no TCP connection, or it could not be secured.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The connection ended before it was open.
    #[error("cannot open: {0}")]
    NotOpened(#[source] NotOpened),
}

/// The attempts of a client, and what each of them asks for.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(crate) connect: Connect,
    pub(crate) config: Arc<Config>,
    reconnect: Reconnect,
    /// The delay before the next attempt.
    delay: Duration,
}

impl Attempts {
    pub(crate) fn new(connect: Connect, config: Arc<Config>, backoff: Backoff) -> Self {
        Self { connect, config, reconnect: Reconnect::new(backoff), delay: Duration::ZERO }
    }

    /// The number of attempts since the connection was last stable.
    pub(crate) const fn count(&self) -> u32 {
        self.reconnect.attempts()
    }

    /// The delay before the next attempt, once.
    pub(crate) const fn take_delay(&mut self) -> Duration {
        mem::replace(&mut self.delay, Duration::ZERO)
    }

    pub(crate) const fn opened(&mut self, now: Instant) {
        self.reconnect.opened(now);
    }

    /// Records that an attempt has failed.
    ///
    /// # Errors
    /// The failure, if it is the last.
    #[expect(clippy::result_large_err, reason = "a client fails for good once")]
    pub(crate) fn failed(&mut self, failure: OpenError, now: Instant) -> Result<(), OpenError> {
        let delay = match &failure {
            OpenError::Connect(_) => self.reconnect.failed(now),
            OpenError::NotOpened(NotOpened { end, response }) => {
                if let Some(response) = response.as_ref().filter(|_| end.cause.kind() == CauseKind::Rejected) {
                    self.reconnect.rejected(response);
                }
                self.reconnect.disconnected(end, now)
            }
        };
        self.delay = delay.ok_or(failure)?;
        Ok(())
    }

    /// Records the end of an open connection. Returns whether there is another attempt.
    pub(crate) fn ended(&mut self, end: &Disconnect, now: Instant) -> bool {
        let delay = self.reconnect.disconnected(end, now);
        self.delay = delay.unwrap_or_default();
        delay.is_some()
    }
}
