//! Our end of one connection in a server, over any byte stream.

mod span;
#[cfg(test)]
mod tests;
pub(super) mod turn;

#[cfg(feature = "tls")]
use super::view::keep_encrypted;
use super::{
    address::Address,
    common::Common,
    handler::Handler,
    logging::{DropCaught, LOG},
    openings::Opening,
    params::Params,
    pressure::Pressure,
    refusal::Refusal,
    rest::Rest,
    session_id::{LocalId, SessionId},
    stream::{ByteStream, Metered},
    tally::Tally,
    view::View,
};
use crate::{Action, CauseKind, Connection, Disconnect, Hold, Phase};
use span::Span;
use std::{io, net::SocketAddr, time::Instant};

/// Our end of one connection: the connection, the bytes that it holds back, its handler, the parameters of its route,
/// and its back-pressure.
///
/// It has neither socket nor clock. Its owner keeps the [byte stream](ByteStream) beside it and gives it a
/// [turn](turn::Turn) whenever the stream has become readable or writable, or a deadline has come. After each turn the
/// owner removes the session if the stream [is closed](ByteStream::is_closed); else it asks for the
/// [next deadline](Self::next_deadline), and whether the session [has work](Self::has_work) without waiting.
pub(super) struct SessionCore {
    id: LocalId,
    address: Address,
    span: Span,
    connection: Connection,
    rest: Rest,
    handler: DropCaught<Box<dyn Handler>>,
    /// The handler has panicked. It only hears of the end.
    has_panicked: bool,
    params: Params,
    pressure: Pressure,
    /// The reason to refuse the request, if the connection is beyond a limit.
    refusal: Option<Refusal>,
    /// For how many turns a deadline has waited until everything before it is read.
    late_turns: u8,
    /// The last [report](Self::advance_opening).
    opening: Opening,
    /// How many of the connection's transitions have been logged.
    logged_transitions: u8,
    /// The end has been [counted](Self::count_end).
    is_end_counted: bool,
}

impl SessionCore {
    /// A session without a request. If there is a `refusal`, the request is answered with it.
    pub(super) fn new(id: LocalId, address: SocketAddr, connection: Connection, refusal: Option<Refusal>) -> Self {
        let address = Address::new(address);
        Self {
            id,
            address,
            span: Span::new(id, address),
            connection,
            rest: Rest::default(),
            handler: DropCaught::NONE,
            has_panicked: false,
            params: Params::default(),
            pressure: Pressure::default(),
            refusal,
            late_turns: 0,
            opening: Opening::Silent,
            logged_transitions: 0,
            is_end_counted: false,
        }
    }

    pub(super) const fn id(&self) -> LocalId {
        self.id
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address.get()
    }

    pub(super) const fn phase(&self) -> Phase {
        self.connection.phase()
    }

    pub(super) const fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// The last report of [`advance_opening`](Self::advance_opening).
    pub(super) const fn opening(&self) -> Opening {
        self.opening
    }

    /// Whether your code knows the session: it has a handler, which has not been told of the end.
    pub(super) fn is_known(&self) -> bool {
        self.handler.get().is_some() && self.connection.disconnected().is_none()
    }

    /// The earliest time at which the session needs a turn, whatever the stream does.
    pub(super) fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        self.connection.poll_timeout(now).map(|(deadline, _)| deadline)
    }

    /// The [next deadline](Self::next_deadline), if it may be earlier than at the last call.
    #[inline]
    pub(super) fn earlier_deadline(&mut self, now: Instant) -> Option<Instant> {
        self.connection.poll_earlier_timeout(now)
    }

    /// The bytes that the session holds, and how many of them up to its end.
    #[inline]
    pub(super) fn held(&self) -> (usize, usize) {
        let (held, kept) = self.connection.held_bytes();
        (held + self.rest.capacity(), kept)
    }

    /// Gives back what only makes later messages shorter.
    pub(super) fn forget_sent(&mut self) {
        #[cfg(feature = "deflate")]
        self.connection.forget_sent();
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Stops reading, or goes on.
    pub(super) fn set_unread(&mut self, is_unread: bool, now: Instant) {
        self.connection.set_unread(is_unread, now);
    }

    /// Whether the session needs another turn at once.
    pub(super) fn has_work(&self, stream: &impl ByteStream) -> bool {
        self.may_read(stream) || self.may_deliver() || self.pressure.is_drained() || self.must_look_for_the_end(stream)
    }

    /// How far the opening handshake was and is, if that has changed since the last call.
    pub(super) fn advance_opening(&mut self, stream: &impl ByteStream) -> Option<[Opening; 2]> {
        if self.opening == Opening::Over && self.phase() != Phase::Closed {
            return None;
        }
        let opening = match self.phase() {
            _ if stream.is_closed() => Opening::Over,
            Phase::Idle if self.connection.has_begun_request() => Opening::Head,
            Phase::Idle => Opening::Silent,
            Phase::Requested => Opening::Waiting,
            Phase::Closed if self.connection.output_len() == 0 => Opening::Lingering,
            Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed | Phase::Closed => Opening::Over,
        };
        let before = std::mem::replace(&mut self.opening, opening);
        (before != opening).then_some([before, opening])
    }

    #[inline]
    pub(super) fn log_transitions(&mut self) {
        if self.connection.history().len() > usize::from(self.logged_transitions) {
            self.log_new_transitions();
        }
    }

    #[cold]
    fn log_new_transitions(&mut self) {
        let history = self.connection.history();
        for transition in &history[usize::from(self.logged_transitions)..] {
            log::debug!(target: LOG, "{} {}: {transition}", self.id, self.address);
            if transition.action == Action::Accept {
                self.span.record_subprotocol(self.connection.subprotocol());
            }
        }
        self.logged_transitions = history.len() as u8;
    }

    /// Logs the end and counts it, once: when it has been handed out and nothing is queued any more. Before that nobody
    /// knows whether our Close leaves.
    fn count_end(&mut self, tally: &mut Tally) {
        let Some(end) = self.connection.disconnected() else { return };
        let is_reached = self.phase() == Phase::Closed && self.connection.output_len() == 0;
        if !is_reached || self.is_end_counted {
            return;
        }
        let is_clean = self.connection.has_closed_cleanly();
        let end = Disconnect { is_clean, ..end.clone() };
        let (id, address, answer) = (self.id, self.address, self.connection.answer());
        match (end.cause.kind(), answer) {
            // The line of an answer says how it ends.
            (CauseKind::Answered, _) => {}
            (CauseKind::Rejected, _) | (_, None) => log::info!(target: LOG, "{id} {address}: disconnect {end}"),
            (_, Some(status)) => {
                log::info!(target: LOG, "{id} {address}: disconnect {end}, answered with {status}");
            }
        }
        let has_been_open = self.connection.history().iter().any(|transition| transition.action == Action::Accept);
        tally.count(&end, has_been_open, answer);
        self.is_end_counted = true;
    }

    /// A [`View`] of the session, to be lent, and the handler.
    fn lend<'l>(
        &'l mut self,
        stream: &'l mut impl ByteStream,
        common: &'l mut Common,
        now: Instant,
    ) -> (View<'l>, Option<&'l mut (dyn Handler + 'static)>) {
        common.nested_calls = 0;
        let id = SessionId::new(common.server, self.id);
        let view = View {
            connection: &mut self.connection,
            stream,
            id,
            address: self.address,
            params: &self.params,
            common,
            now,
            depth: 1,
        };
        (view, self.handler.get_mut().map(|handler| &mut **handler))
    }

    /// Whether nothing stands before new bytes of the stream.
    fn may_read(&self, stream: &impl ByteStream) -> bool {
        stream.is_readable() && self.rest.is_empty() && (self.connection.wants_read() || self.is_last_read(stream))
    }

    /// Whether only the end of the stream, and bytes that are in the socket already, can come of a session that is not
    /// read.
    #[cold]
    #[inline(never)]
    fn is_last_read(&self, stream: &impl ByteStream) -> bool {
        stream.is_ending() && self.connection.is_only_left_unread()
    }

    /// Whether your code has paused reading, and the system has reported an end that has not been found.
    fn must_look_for_the_end(&self, stream: &impl ByteStream) -> bool {
        stream.is_ending() && stream.is_readable() && self.connection.held_by() == Some(Hold::Pause)
    }

    /// Whether bytes that were held back can be handed out now: the rest of a read, or frames that the connection
    /// itself keeps.
    fn may_deliver(&self) -> bool {
        (!self.rest.is_empty() || self.connection.has_frames()) && self.connection.held_by().is_none()
    }

    /// Writes queued bytes, as far as the stream takes them.
    fn write(&mut self, stream: &mut impl ByteStream, tally: &mut Tally) -> io::Result<usize> {
        if self.pressure.before_write(self.connection.is_output_high()) {
            tally.high_outputs += 1;
        }
        if self.phase() == Phase::Closed {
            stream.expect_end();
        }
        let result = self.connection.write_to(Metered::new(stream, tally));
        #[cfg(feature = "tls")]
        keep_encrypted(&mut self.connection, stream);
        self.pressure.after_write(|| self.connection.is_output_high());
        result
    }
}
