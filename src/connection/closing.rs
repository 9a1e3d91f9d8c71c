//! The closing handshake, failure and refusal: commands, and the peer's Close.

use super::{Connection, transport::Ending};
use crate::{
    close_code::CloseCode,
    close_frame::CloseFrame,
    config::CloseReply,
    error::CloseError,
    event::Cause,
    handshake::Response,
    role::Role,
    state::{Action, Phase},
};
use http::StatusCode;

/// # C: commands that end the connection
///
/// `close`, `ensure_closed`, `shutdown` and `abort` differ before the connection is open, and in their errors. `fail`
/// is like `close`, but nothing of the peer is handed out any more. `reply_close` only answers a Close. `finish` is
/// like `abort`, but the queued bytes are written before the socket is closed. Once the connection has ended, both do
/// that.
///
/// | phase | `close` | `ensure_closed` | `shutdown` | `abort` |
/// |---|---|---|---|---|
/// | on a server, before the first byte of a request | error | abort | abort | closes the socket |
/// | on a server, in the middle of a request | error | abort | answers 503 | closes the socket |
/// | on a server, before the answer to the request | answers 403 | answers 403 | answers 503 | closes the socket |
/// | on a client, before the answer to the request | abort | abort | abort | closes the socket |
/// | open, or the peer has closed | sends a Close | sends a Close | sends a Close | closes the socket |
/// | this end has closed | error | nothing | nothing | closes the socket |
impl Connection {
    /// Begins the closing handshake. With [`CloseReply::Manual`](crate::CloseReply::Manual) it also answers the peer's
    /// Close.
    ///
    /// After a Close only Pongs are sent. Messages of the peer still come in until its Close does.
    ///
    /// Before the connection is open there is no Close to carry `code` and `reason`, which are still checked:
    ///
    /// * While a request waits on a server, this is [`reject`](Self::reject) with 403, as in ASGI.
    /// * While a client waits for the response, this is [`abort`](Self::abort): RFC 6455 section 4.1 lets a client send
    ///   nothing then.
    ///
    /// The code 1005 with an empty reason sends an empty Close, as a browser does for `close()` (section 5.5.1: "The
    /// Close frame MAY contain a body").
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// use statesocket::{CloseCode, CloseError};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// assert_eq!(connection.close(1006, ""), Err(CloseError::InvalidCode(CloseCode::ABNORMAL_CLOSURE)));
    /// connection.close(CloseCode::NO_STATUS_RECEIVED, "")?;
    /// assert_eq!(connection.output(), b"\x88\0");
    /// # Ok::<(), CloseError>(())
    /// ```
    ///
    /// # Errors
    /// [`CloseError`] if no whole request has come or this party has closed already; if it may not send the code
    /// (section 7.4 and the IANA registry allow 1000 to 1003, 1007 to 1014, of which 1010 only to a client, and 3000 to
    /// 4999); or if the reason is longer than 123 bytes, or comes with 1005.
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        let frame = self.check_close(code.into(), reason)?;
        if self.phase() == Phase::Requested {
            self.refuse_or_abort();
        } else {
            self.send_close(frame);
        }
        Ok(())
    }

    /// Answers the peer's Close with the code and reason that it has, as the connection does by itself unless the
    /// configuration has [`CloseReply::Manual`](crate::CloseReply::Manual). Section 5.5.1: "When sending a Close frame
    /// in response, the endpoint typically echos the status code it received."
    ///
    /// ```
    /// use statesocket::{Agreed, CloseReply, Config, Connection, Event, Role};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let (config, now) = (Config::default().with(|config| config.close_reply = CloseReply::Manual), Instant::now());
    /// let mut connection = Connection::established(Role::Server, Agreed::new(), Arc::new(config), now);
    /// let mut empty_close = *b"\x88\x80\0\0\0\0";
    /// assert!(matches!(connection.receive(&mut &mut empty_close[..], now), Some(Event::Disconnect(_))));
    /// connection.send_text("a last word")?;
    /// connection.reply_close()?;
    /// assert!(connection.output().ends_with(b"a last word\x88\0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CloseError`] if this party has closed already, or the peer's Close has not come.
    pub fn reply_close(&mut self) -> Result<(), CloseError> {
        self.check(Action::Close)?;
        let frame = self.outcome.received().cloned().ok_or(CloseError::NothingToReply)?;
        self.send_close(frame);
        Ok(())
    }

    /// Fails the connection: sends one Close, discards everything that the peer sends from now on, and hands out
    /// nothing more but the [`Disconnect`](crate::Event::Disconnect), whose cause is
    /// [`Aborted`](crate::Cause::Aborted). Use it when your code finds that the peer breaks a rule of the application.
    /// Before the connection is open it does the same as [`close`](Self::close).
    ///
    /// Section 7.1.7: "An endpoint MUST NOT continue to attempt to process data (including a responding Close frame)
    /// from the remote endpoint after being instructed to _Fail the WebSocket Connection_."
    ///
    /// ```
    /// use statesocket::{CloseCode, Event, Phase};
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Client, Agreed::new(), config, now);
    /// let mut bytes = *b"\x81\x03bad\x81\x04more";
    /// let mut input = &mut bytes[..];
    /// assert!(matches!(connection.receive(&mut input, now), Some(Event::Message(_))));
    /// connection.fail(CloseCode::POLICY_VIOLATION, "not JSON")?;
    /// assert!(matches!(connection.receive(&mut input, now), Some(Event::Disconnect(_))));
    /// assert_eq!((connection.receive(&mut input, now), connection.phase()), (None, Phase::Closed));
    /// # Ok::<(), statesocket::CloseError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`close`](Self::close).
    pub fn fail(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        let frame = self.check_close(code.into(), reason)?;
        if self.phase() == Phase::Requested {
            self.refuse_or_abort();
        } else {
            self.end_failed(frame, Cause::Aborted);
        }
        Ok(())
    }

    /// Like [`close`](Self::close), for clean-up code that must not fail.
    ///
    /// Cuts the reason to fit. A code that may not be sent becomes 1011; 1005 with a reason becomes 1000. Does nothing
    /// if this party has closed already. Before a whole request has come, it does the same as [`abort`](Self::abort).
    pub fn ensure_closed(&mut self, code: impl Into<CloseCode>, reason: &str) {
        match self.phase() {
            Phase::Idle => self.abort(),
            Phase::Requested => self.refuse_or_abort(),
            Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed => {
                if self.can(Action::Close) {
                    self.send_close(CloseFrame::fit(code.into(), reason, self.role));
                }
            }
            Phase::Closed => {}
        }
    }

    /// Ends the connection because this endpoint stops. A server answers a request, or the beginning of one, with 503.
    /// An open connection is closed as by [`ensure_closed`](Self::ensure_closed), usually with 1001 (going away) or
    /// 1012 (service restart). Does nothing if this party has closed already. In the other cases it does the same as
    /// [`abort`](Self::abort).
    pub fn shutdown(&mut self, code: impl Into<CloseCode>) {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        if self.incoming.has_begun_request() {
            self.end_refused(&Response::new(unavailable), Cause::Aborted, Some(self.local_party()));
        } else if self.request().is_some() {
            self.refuse(unavailable);
        } else {
            self.ensure_closed(code, "");
        }
    }

    /// Answers the waiting request with an empty response of `status`. Does nothing if no request waits. A status that
    /// is not final (1xx) becomes 500.
    ///
    /// This is [`reject`](Self::reject) for code that must not fail.
    ///
    /// ```
    /// # use statesocket::{Config, Connection, Phase};
    /// use statesocket::http::StatusCode;
    /// # use std::{sync::Arc, time::Instant};
    ///
    /// # let mut request = *b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    /// #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    /// # let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
    /// # let _ = connection.receive(&mut &mut request[..], Instant::now());
    /// connection.refuse(StatusCode::TOO_MANY_REQUESTS);
    /// assert!(connection.output().starts_with(b"HTTP/1.1 429 Too Many Requests\r\n"));
    /// # assert_eq!(connection.phase(), Phase::Closed);
    /// ```
    pub fn refuse(&mut self, status: StatusCode) {
        if !self.can(Action::Reject) {
            return;
        }
        let status = if status.is_informational() { StatusCode::INTERNAL_SERVER_ERROR } else { status };
        self.queue_own(&Response::new(status));
        self.end_answered(Cause::Rejected(status), Ending::Drain);
    }
}

impl Connection {
    /// The Close with this code and reason, if it may be sent now or stands for the end of the opening handshake.
    fn check_close(&self, code: CloseCode, reason: &str) -> Result<CloseFrame, CloseError> {
        if self.phase() != Phase::Requested {
            self.check(Action::Close)?;
        }
        let frame = CloseFrame::new(code, reason);
        frame.check(self.role)?;
        Ok(frame)
    }

    fn refuse_or_abort(&mut self) {
        match self.role {
            Role::Client => self.abort(),
            Role::Server => self.refuse(StatusCode::FORBIDDEN),
        }
    }

    fn send_close(&mut self, frame: CloseFrame) {
        // A Close that cannot leave does not count as sent: with the peer's Close it would make a clean end.
        if !self.transport.has_failed() {
            self.queue_close(frame);
        }
        self.transition(self.local_party(), Action::Close);
        if self.phase() == Phase::Closed {
            self.end_closed();
        }
    }

    /// Changes the peer's state, and answers unless that is left to your code. Bytes behind the Close are discarded
    /// (section 1.4).
    pub(super) fn receive_close(&mut self, frame: CloseFrame) {
        let peer = self.local_party().peer();
        self.incoming.discard();
        self.outcome.close_received(frame.clone(), peer);
        self.transition(peer, Action::Close);
        if self.phase() == Phase::Closed {
            self.end_closed();
            return;
        }
        match self.config.close_reply {
            // Section 5.5.1: "When sending a Close frame in response, the endpoint typically echos the status code it
            // received." The reason is echoed too: a browser shows its page only the reason of the Close it receives.
            CloseReply::Automatic => self.send_close(frame),
            CloseReply::Manual => self.outcome.report(Cause::PeerClosed, Some(peer)),
        }
    }
}
