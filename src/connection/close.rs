//! The end of a connection: closing handshake, failure, and the one `Disconnect`.

use super::{Connection, Incoming, transport::Ending};
use crate::{
    close,
    config::CloseReply,
    error::{CloseError, HandshakeError, ProtocolError},
    event::Cause,
    frame::OpCode,
    handshake::Response,
    state::{Action, Party, Phase},
};
use http::StatusCode;
use tungstenite::protocol::{
    Role,
    frame::{CloseFrame, coding::CloseCode},
};

impl Connection {
    /// Begins the closing handshake, or with [`CloseReply::Manual`](crate::CloseReply::Manual) answers the peer's, or
    /// before the connection is open gives it up:
    ///
    /// * While a request waits on a server this is [`reject`](Self::reject) with 403, as ASGI has it: `code` and
    ///   `reason` are checked, but there is no Close to carry them.
    /// * While a client waits for the answer it is [`abort`](Self::abort): RFC 6455 section 4.1 lets a client send
    ///   nothing then.
    ///
    /// After a Close only Pongs leave. Messages that the peer had sent still come in until its Close does.
    ///
    /// # Errors
    /// [`CloseError`] if this party has closed already, if it may not send the code (section 7.4: 1000 to 1003, 1007 to
    /// 1014, but 1010 only on a client, and 3000 to 4999 may be sent), or if the reason is longer than 123 bytes.
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        let code = code.into();
        match (self.phase(), self.role) {
            (Phase::Requested, Role::Server | Role::Client) => {}
            (Phase::Idle | Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed | Phase::Closed, _) => {
                self.check(Action::Close)?;
            }
        }
        if !close::may_send(u16::from(code), self.role) {
            return Err(CloseError::InvalidCode(code));
        }
        if reason.len() > close::MAX_REASON {
            return Err(CloseError::ReasonTooLong(reason.len()));
        }
        if self.phase() == Phase::Requested {
            self.give_up_request();
        } else {
            self.send_close(CloseFrame { code, reason: reason.into() });
        }
        Ok(())
    }

    /// Makes sure that this party has closed, for clean-up code: [`close`](Self::close) where that is legal, with a
    /// reason cut to what fits, and with 1011 in the place of a code that may not be sent, but 1000 for 1005, which
    /// says that there is none; nothing where it has closed already. Before there is a request it is
    /// [`abort`](Self::abort).
    pub fn ensure_closed(&mut self, code: impl Into<CloseCode>, reason: &str) {
        let code = close::sendable(code.into(), self.role);
        let reason = close::fit_reason(reason);
        match self.phase() {
            Phase::Idle => self.abort(),
            Phase::Requested => self.give_up_request(),
            Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed => {
                if self.can(Action::Close) {
                    self.send_close(CloseFrame { code, reason: reason.into() });
                }
            }
            Phase::Closed => {}
        }
    }

    /// What an endpoint that stops says: a server answers a request, or the beginning of one, with 503; an open
    /// connection is closed with `code`, usually 1001 (going away) or 1012 (service restart), as
    /// [`ensure_closed`](Self::ensure_closed) does. Where there is nobody to say it to, it is [`abort`](Self::abort).
    pub fn shutdown(&mut self, code: impl Into<CloseCode>) {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        if self.incoming.has_begun_request() {
            self.answer_instead(&Response::new(unavailable), Cause::Aborted, Some(self.local_party()));
        } else if self.request().is_some() {
            self.reject(Response::new(unavailable)).expect("a plain 503 answers any request that waits");
        } else {
            self.ensure_closed(code, "");
        }
    }

    /// Breaks off without a closing handshake: nothing that is queued leaves, and the socket is to be closed at once,
    /// also when both parties are done and only the end of the stream is waited for.
    pub fn abort(&mut self) {
        if self.can(Action::Abort) {
            self.break_off(self.local_party(), Cause::Aborted, Some(self.local_party()));
        } else {
            self.close_socket();
        }
    }

    fn give_up_request(&mut self) {
        match self.role {
            Role::Client => self.abort(),
            Role::Server => {
                let forbidden = Response::new(StatusCode::FORBIDDEN);
                self.reject(forbidden).expect("a plain 403 answers any request that waits");
            }
        }
    }

    fn send_close(&mut self, frame: CloseFrame) {
        self.queue_close(frame);
        self.transition(self.local_party(), Action::Close);
        if self.transport.has_failed() {
            self.outgoing.output.clear();
            self.farewell.forget_answer();
        }
        if self.phase() == Phase::Closed {
            self.finish_closing();
        }
    }

    fn queue_close(&mut self, frame: CloseFrame) {
        self.outgoing.frame(true, OpCode::Close, &close::encode(&frame));
        self.farewell.note_sent(frame, self.local_party());
    }

    /// The peer's Close, on whose coming its state changes; unless the application wants to answer it, it is answered
    /// here. What follows it is discarded (section 1.4).
    pub(super) fn receive_close(&mut self, frame: CloseFrame) {
        let peer = self.local_party().peer();
        self.incoming = Incoming::Discard;
        self.farewell.note_received(frame.clone(), peer);
        self.transition(peer, Action::Close);
        if self.phase() == Phase::Closed {
            self.finish_closing();
            return;
        }
        match self.config.close_reply {
            // Section 5.5.1: "When sending a Close frame in response, the endpoint typically echos the status code it
            // received." The reason goes with it: a browser shows its page only that of the Close it receives.
            CloseReply::Automatic => self.send_close(frame),
            CloseReply::Manual => self.farewell.report(Cause::PeerClosed, Some(peer)),
        }
    }

    /// Both parties have sent their Close.
    fn finish_closing(&mut self) {
        let local = self.local_party();
        let is_ours = self.farewell.initiator() == Some(local);
        let (cause, initiator) = if is_ours { (Cause::LocalClosed, local) } else { (Cause::PeerClosed, local.peer()) };
        // Section 7.1.1: "the server MUST close the TCP connection immediately", "the client [...] SHOULD wait for the
        // server to close".
        let ending = match self.role {
            Role::Server => Ending::Drain,
            Role::Client => Ending::AwaitEof,
        };
        self.end(cause, Some(initiator), ending);
    }

    /// _Fail the WebSocket Connection_ (section 7.1.7) for what the peer did.
    pub(super) fn fail(&mut self, error: ProtocolError) {
        self.fail_with(error.close_code(), &error.to_string(), Cause::Protocol(error));
    }

    /// Ends with one Close, if none was sent; not a byte more is parsed.
    pub(super) fn fail_with(&mut self, code: CloseCode, reason: &str, cause: Cause) {
        let local = self.local_party();
        if self.can(Action::Close) {
            self.queue_close(CloseFrame { code, reason: close::fit_reason(reason).into() });
        }
        self.transition(local, Action::Abort);
        self.end(cause, Some(local), Ending::Drain);
    }

    /// Answers a request, or the beginning of one, for a reason that is not the application's.
    pub(super) fn answer_instead(&mut self, response: &Response, cause: Cause, initiator: Option<Party>) {
        let bytes = response.encode().expect("the responses that we make ourselves can be written");
        self.outgoing.output.extend(&bytes);
        self.transition(self.local_party(), Action::Abort);
        self.end(cause, initiator, Ending::Drain);
    }

    /// Fails the opening handshake. A server says why; a client has nobody to say it to.
    pub(super) fn fail_handshake(&mut self, error: HandshakeError) {
        let local = self.local_party();
        match self.role {
            Role::Server => {
                let response = Response::to_error(&error);
                self.answer_instead(&response, Cause::Handshake(error), Some(local));
            }
            Role::Client => self.break_off(local, Cause::Handshake(error), Some(local)),
        }
    }

    /// Ends without any more bytes.
    pub(super) fn break_off(&mut self, party: Party, cause: Cause, initiator: Option<Party>) {
        self.transition(party, Action::Abort);
        self.end(cause, initiator, Ending::Close);
    }

    /// What is left to do in phase Closed.
    pub(super) fn end(&mut self, cause: Cause, initiator: Option<Party>, ending: Ending) {
        debug_assert_eq!(self.phase(), Phase::Closed, "only a closed connection has ended");
        // A client that is refused may still have a part of its request queued.
        if self.transport.has_failed() || ending == Ending::Close {
            self.outgoing.output.clear();
        }
        self.incoming = Incoming::Discard;
        self.transport.end(ending);
        self.outgoing.end();
        self.farewell.report(cause, initiator);
    }
}
