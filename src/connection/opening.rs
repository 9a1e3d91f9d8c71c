//! Group C, before the connection is open: the application's answer to the request.

use super::{Connection, Incoming, transport::Ending};
use crate::{
    error::{AcceptError, RejectError},
    event::Cause,
    handshake::{Accept, Request, Response},
    message::reader::Reader,
    state::{Action, Party},
};
use std::mem;

impl Connection {
    /// The request that waits for its answer.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        self.incoming.pending().map(|pending| &*pending.request)
    }

    /// Accepts the request with a 101 response. Messages may be sent at once (RFC 6455 section 4.2.2).
    ///
    /// What the client sent before the answer has been held: take it with [`poll_event`](Self::poll_event) or the next
    /// [`receive`](Self::receive).
    ///
    /// # Errors
    /// [`AcceptError`] if no request waits, if the client has gone, if the request is plain HTTP, if the subprotocol
    /// was not offered, or if a header belongs to the handshake.
    pub fn accept(&mut self, accept: Accept) -> Result<(), AcceptError> {
        self.check(Action::Accept)?;
        if !self.transport.is_open() {
            return Err(AcceptError::ClientGone);
        }
        let pending = self.incoming.pending_mut().expect("a request waits in phase Requested");
        let subprotocol = self.outgoing.output.write(|output| accept.respond(&pending.request, output))?;
        let early = mem::take(&mut pending.early);
        self.subprotocol = subprotocol.map(String::into_boxed_str);
        self.incoming = Incoming::frames(Reader::new(self.role, &self.config), early);
        self.transition(Party::Application, Action::Accept);
        Ok(())
    }

    /// Answers the request with any final response but 101: refuses it, redirects it, or, if it is plain HTTP, serves
    /// it. `Content-Length` and `Connection: close` are added, and the connection ends.
    ///
    /// # Errors
    /// [`RejectError`] if no request waits, or if the response is none that can be written.
    ///
    /// ```
    /// use http::StatusCode;
    /// use statesocket::{Connection, RejectError, handshake::Response};
    ///
    /// fn not_here(connection: &mut Connection) -> Result<(), RejectError> {
    ///     connection.reject(Response::new(StatusCode::NOT_FOUND).body("no such room"))
    /// }
    /// # let _ = not_here;
    /// ```
    pub fn reject(&mut self, response: Response) -> Result<(), RejectError> {
        self.check(Action::Reject)?;
        self.outgoing.output.extend(&response.encode()?);
        self.transition(Party::Application, Action::Reject);
        self.end(Cause::Rejected(response.status), Some(Party::Application), Ending::Drain);
        Ok(())
    }
}
