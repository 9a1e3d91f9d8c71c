//! The reasons for which bytes of the peer are held back.

use super::{Connection, outgoing::Level};
use crate::state::Phase;
use std::time::Instant;

/// The reason for which [`Connection::receive`] hands out nothing: see [`Connection::held_by`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hold {
    /// Your code has [paused](Connection::pause_reading) reading.
    Pause,
    /// More bytes are queued than [`Config::high_water`](crate::Config::high_water) allows.
    Output,
}

/// # B: bytes of the peer that wait
impl Connection {
    /// The reason for which [`receive`](Self::receive) hands out nothing now; `None` if it does.
    ///
    /// While messages may come, reading is held by a [pause](Self::pause_reading), or by an output above
    /// [`Config::high_water`](crate::Config::high_water) that has not drained to
    /// [`Config::low_water`](crate::Config::low_water) yet. `resume_reading` and [`advance`](Self::advance) end that. A
    /// Close by either end ends both, and so does the failure of the transport.
    ///
    /// ```
    /// use statesocket::{Agreed, Config, Connection, Hold, Role};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let (config, now) = (Config::default().with(|config| config.high_water = Some(100)), Instant::now());
    /// let mut connection = Connection::established(Role::Server, Agreed::new(), Arc::new(config), now);
    /// connection.send_binary(&[7; 200])?;
    /// assert_eq!((connection.held_by(), connection.wants_read()), (Some(Hold::Output), false));
    ///
    /// let mut ping = *b"\x89\x80\0\0\0\0";
    /// let mut input = &mut ping[..];
    /// assert_eq!((connection.receive(&mut input, now), input.len()), (None, 6), "the Ping waits");
    /// connection.advance(connection.output_len());
    /// assert_eq!(connection.held_by(), None);
    /// assert!(connection.receive(&mut input, now).is_some());
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    #[must_use]
    pub fn held_by(&self) -> Option<Hold> {
        let may_bring_messages = self.phase() == Phase::Open || self.incoming.pending_request().is_some();
        if may_bring_messages && self.is_reading_paused() && self.transport.is_open() {
            return Some(Hold::Pause);
        }
        (self.phase() == Phase::Open && self.is_output_high()).then_some(Hold::Output)
    }

    /// Whether your code may send, and more is queued than the marks of the output allow.
    pub(crate) fn is_output_high(&self) -> bool {
        self.can_send() && self.outgoing.level_now(self.marks()) == Level::High
    }

    /// Whether the driver should read from the socket. False once the stream has ended or failed, or only
    /// [`SocketAction::Close`](crate::SocketAction::Close) is left, and while [`held_by`](Self::held_by) names a
    /// reason.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        // As long as last bytes leave, unread ones must not pile up: closing the socket over them resets it.
        let is_closing = self.transport.is_closing() && self.outgoing.is_empty();
        self.transport.is_open() && !is_closing && self.held_by().is_none() && !self.is_left_unread()
    }

    /// Whether the driver reads nothing for reasons of its own. A Close by either end ends that.
    #[inline]
    fn is_left_unread(&self) -> bool {
        self.clock.is_unread() && matches!(self.phase(), Phase::Idle | Phase::Requested | Phase::Open)
    }

    /// Whether to read now, but for [`set_unread`](Self::set_unread).
    #[cfg(feature = "server")]
    pub(crate) fn is_only_left_unread(&self) -> bool {
        self.transport.is_open() && self.held_by().is_none() && self.is_left_unread()
    }

    /// Sets the pending times, and says whether `receive` must hand out nothing of its input. Without input the general
    /// path does both.
    #[cold]
    #[inline(never)]
    pub(super) fn holds_at(&mut self, now: Instant, has_input: bool) -> bool {
        if !has_input {
            return false;
        }
        if self.is_reading_paused() || !self.outgoing.is_settled() || self.transport.has_rest() {
            return self.holds_input(now);
        }
        self.stamp_pending(now);
        false
    }

    #[cold]
    #[inline(never)]
    fn holds_input(&mut self, now: Instant) -> bool {
        self.stamp_pending(now);
        let is_held = self.held_by().is_some();
        if is_held && !self.transport.has_rest() {
            // The peer is heard when its bytes come, and not only when they are taken.
            self.clock.bytes_came(now);
        }
        self.transport.set_rest(is_held);
        is_held
    }

    /// Whether nothing may be handed out without input.
    #[cold]
    pub(super) fn holds_pending(&self) -> bool {
        self.awaits_rest() || (self.incoming.has_frames() && self.held_by().is_some())
    }

    /// Whether bytes of the peer are held, here or by the driver, which come before everything that follows.
    pub(super) fn has_held(&self) -> bool {
        self.phase() == Phase::Open && (self.transport.has_rest() || self.incoming.has_frames())
    }

    /// Whether the connection itself keeps frames of the peer.
    #[cfg(feature = "server")]
    pub(crate) fn has_frames(&self) -> bool {
        self.incoming.has_frames()
    }

    /// Whether the driver has bytes that come before everything that follows, such as the end of the stream.
    pub(super) fn awaits_rest(&self) -> bool {
        self.transport.has_rest() && self.reads_frames()
    }

    /// Whether further frames have a meaning.
    fn reads_frames(&self) -> bool {
        let may_bring_frames = matches!(self.phase(), Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed);
        may_bring_frames && !self.outcome.is_due()
    }

    /// Whether [`poll_event`](Self::poll_event) may hand out the end of the stream, which would overtake bytes of the
    /// peer that are still with the driver.
    #[cfg(feature = "server")]
    pub(crate) fn may_end_next(&self) -> bool {
        !self.transport.is_open() && self.reads_frames()
    }
}
