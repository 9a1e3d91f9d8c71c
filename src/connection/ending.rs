//! Every end of a connection: its cause, its last bytes, and the steps that remain for the socket.
//!
//! Every end goes through one of the `end_*` methods. Each makes its transition and hands the cause to
//! [`end`](Connection::end), which is the last step of all of them.

use super::{Connection, transport::Ending};
use crate::{
    close_frame::CloseFrame,
    error::{HandshakeError, ProtocolError},
    event::Cause,
    handshake::Response,
    role::Role,
    state::{Action, Party, Phase},
};
#[cfg(feature = "server")]
use {crate::close_code::CloseCode, http::StatusCode};

impl Connection {
    /// Fails the connection for a broken rule of the WebSocket protocol (section 7.1.7).
    pub(super) fn fail_protocol(&mut self, error: ProtocolError) {
        let frame = CloseFrame::fit(error.close_code(), &error.to_string(), self.role);
        self.end_failed(frame, Cause::Protocol(error));
    }

    /// Fails because there is no memory for `len` bytes of the peer. No further byte is taken, so they may be lost.
    #[cfg(feature = "server")]
    pub(crate) fn fail_without_memory(&mut self, len: usize) {
        match self.phase() {
            Phase::Idle | Phase::Requested => self.fail_handshake(HandshakeError::OutOfMemory),
            Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed => {
                self.fail_protocol(ProtocolError::OutOfMemory { size: len as u64 });
            }
            Phase::Closed => {}
        }
    }

    /// Ends a connection for which a message could not be queued.
    #[cfg(feature = "server")]
    pub(crate) fn fail_unsent(&mut self) {
        let frame = CloseFrame::fit(CloseCode::TRY_AGAIN_LATER, "too much is queued", self.role);
        self.end_failed(frame, Cause::Unsent);
    }

    /// Ends a connection that holds too much memory: with 503 before it is open, then with 1013.
    #[cfg(feature = "server")]
    pub(crate) fn fail_overloaded(&mut self) {
        match self.phase() {
            Phase::Idle | Phase::Requested => {
                let response = Response::new(StatusCode::SERVICE_UNAVAILABLE);
                self.end_refused(&response, Cause::Overloaded, Some(self.local_party()));
            }
            Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed => {
                let frame = CloseFrame::fit(CloseCode::TRY_AGAIN_LATER, "the server is overloaded", self.role);
                self.end_failed(frame, Cause::Overloaded);
            }
            Phase::Closed => {}
        }
    }

    /// Fails the opening handshake. A server answers with the status of the error. A client sends nothing.
    pub(super) fn fail_handshake(&mut self, error: HandshakeError) {
        let local = self.local_party();
        match self.role {
            Role::Server => {
                let response = Response::to_error(&error, self.config.plain_http);
                self.end_refused(&response, Cause::Handshake(error), Some(local));
            }
            Role::Client => self.end_aborted(local, Cause::Handshake(error), Some(local)),
        }
    }

    /// Ends after both parties have sent their Close.
    pub(super) fn end_closed(&mut self) {
        let local = self.local_party();
        let is_ours = self.outcome.initiator() == Some(local);
        let (cause, initiator) = if is_ours { (Cause::LocalClosed, local) } else { (Cause::PeerClosed, local.peer()) };
        self.end(cause, Some(initiator), self.ending());
    }

    /// The steps that remain after the last Close, whether both parties have sent one or this one has failed the
    /// connection.
    ///
    /// Section 7.1.1: "when a server is instructed to _Close the WebSocket Connection_ it SHOULD initiate a TCP Close
    /// immediately, and when a client is instructed to do the same, it SHOULD wait for a TCP Close from the server."
    const fn ending(&self) -> Ending {
        match self.role {
            Role::Server => Ending::Drain,
            Role::Client => Ending::AwaitEof,
        }
    }

    /// Ends with a Close, unless one was sent. No further byte is parsed.
    pub(super) fn end_failed(&mut self, frame: CloseFrame, cause: Cause) {
        let local = self.local_party();
        if self.can(Action::Close) {
            self.queue_close(frame);
        }
        self.transition(local, Action::Abort);
        self.end(cause, Some(local), self.ending());
    }

    /// Ends because the application has answered the request with a status other than 101.
    pub(super) fn end_answered(&mut self, cause: Cause, ending: Ending) {
        self.transition(Party::Application, Action::Reject);
        self.end(cause, Some(Party::Application), ending);
    }

    /// Ends with a response that the application did not choose, to a request or the beginning of one.
    pub(super) fn end_refused(&mut self, response: &Response, cause: Cause, initiator: Option<Party>) {
        self.queue_own(response);
        self.transition(self.local_party(), Action::Abort);
        self.end(cause, initiator, Ending::Drain);
    }

    /// Ends without sending anything more.
    pub(super) fn end_aborted(&mut self, party: Party, cause: Cause, initiator: Option<Party>) {
        self.outgoing.clear();
        self.transition(party, Action::Abort);
        self.end(cause, initiator, Ending::Close);
    }

    /// Drops the queued bytes and has the driver close the socket at once.
    pub(super) fn skip_to_close(&mut self) {
        self.outgoing.clear();
        self.transport.skip_to_close();
    }

    /// The last step of every end: prepares the steps for the socket and the one `Disconnect`.
    pub(super) fn end(&mut self, cause: Cause, initiator: Option<Party>, ending: Ending) {
        debug_assert_eq!(self.phase(), Phase::Closed, "only a closed connection has ended");
        if self.transport.has_failed() {
            self.outgoing.clear();
        }
        self.incoming.discard();
        self.transport.end(ending);
        self.outgoing.end();
        self.outcome.report(cause, initiator);
    }

    /// Queues a response that this crate has made.
    pub(super) fn queue_own(&mut self, response: &Response) {
        let bytes = response.encode(self.incoming.is_head_request(), self.config.date);
        self.outgoing.extend(&bytes.expect("a final status without reserved headers can be encoded"));
        self.outcome.answered(response.status);
    }

    pub(super) fn queue_close(&mut self, frame: CloseFrame) {
        self.clock.mark(self.outgoing.close(&frame.encode()));
        self.outcome.close_sent(frame, self.local_party());
        if self.transport.has_failed() {
            self.outgoing.clear();
            self.outcome.retract_answer();
        }
    }
}
