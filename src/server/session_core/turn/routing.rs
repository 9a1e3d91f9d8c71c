//! The answer to a request: a handler, a page, or a refusal.

use super::{
    super::super::{
        logging::{DropCaught, LOG},
        refusal::Refusal,
        rest::Rest,
        routes::Routed,
        session::Session,
        stream::ByteStream,
    },
    Turn,
};
use crate::{
    CloseCode,
    handshake::{Request, Response},
};

impl<S: ByteStream> Turn<'_, S> {
    /// Ends the session, whose request has not come, to make room for another one. If the request has begun, answers it
    /// with 503 as far as the stream takes the answer at once. A session that has ended waits no longer for the client.
    pub(crate) fn evict(mut self) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        let may_interrupt = std::mem::replace(&mut self.shared.may_interrupt, false);
        self.session.connection.shutdown(CloseCode::TRY_AGAIN_LATER);
        self.flush();
        self.session.lend(self.stream, &mut self.shared.common, self.now).0.cut();
        self.hand_out_pending();
        self.act_on_stream();
        self.shared.may_interrupt = may_interrupt;
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Ends the session, since all hold too much and this one the most. What the stream does not take at once is
    /// dropped.
    pub(crate) fn end_overloaded(mut self) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        let may_interrupt = std::mem::replace(&mut self.shared.may_interrupt, false);
        let (id, address, held) = (self.session.id, self.session.address, self.session.held().0 + self.stream.held());
        log::warn!(target: LOG, "{id} {address}: closed, since it holds {held} bytes, and all together too many");
        self.session.connection.fail_overloaded();
        self.flush();
        if self.session.connection.output_len() > 0 {
            self.session.lend(self.stream, &mut self.shared.common, self.now).0.cut();
        }
        self.session.rest = Rest::default();
        self.stream.discard_input();
        self.hand_out_pending();
        self.act_on_stream();
        self.shared.may_interrupt = may_interrupt;
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Refuses the request that waits, because too many do.
    pub(crate) fn refuse_waiting(mut self) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        if let Some(path) = self.session.connection.request().map(|request| request.path().to_owned()) {
            self.refuse(Refusal::TooManyWaiting, &path);
        }
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Gives a request to a new handler or a page, or refuses it.
    pub(super) fn route(&mut self, request: &Request) {
        self.session.span.record_path(request.path());
        let shared = &mut *self.shared;
        let refusal = self.intake.refusal().or(self.session.refusal).or_else(|| shared.admission.refusal(request));
        match refusal.map_or_else(|| shared.routes.serve(request), Err) {
            Ok(Routed::Handler { handler, params, config }) => {
                if let Some(config) = config {
                    // The only error is that no request waits.
                    let _ = self.session.connection.set_config(config);
                }
                self.session.handler = DropCaught::new(handler);
                self.session.params = params;
                self.call(|handler, session| handler.on_request(session, request));
            }
            Ok(Routed::Page(response)) => self.respond(response, request),
            Ok(Routed::Rejection(response)) => self.reject(*response, request),
            Err(refusal) => self.refuse(refusal, request.path()),
        }
    }

    /// Answers a request of plain HTTP.
    fn respond(&mut self, response: Response, request: &Request) {
        let (id, address, handle) = (self.session.id, self.session.address, &self.shared.handle);
        let (view, _) = self.session.lend(self.stream, &mut self.shared.common, self.now);
        if let Err(error) = Session::new(view, handle).respond(response) {
            log::error!(target: LOG, "{id} {address}: the page at {} cannot be written: {error}", request.path());
            self.refuse(Refusal::NoPage, request.path());
        }
    }

    /// Answers a request with the response of its route.
    fn reject(&mut self, response: Response, request: &Request) {
        let (id, address, path, status) = (self.session.id, self.session.address, request.path(), response.status);
        match self.session.connection.reject(response) {
            Ok(()) => {
                log::info!(target: LOG, "{id} {address}: the request for {path} is answered with {status} by its route")
            }
            Err(error) => {
                log::error!(target: LOG, "{id} {address}: the answer for {path} cannot be written: {error}");
                self.refuse(Refusal::NoHandler, path);
            }
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal, path: &str) {
        let (id, address, status) = (self.session.id, self.session.address, refusal.status());
        log::info!(target: LOG, "{id} {address}: the request for {path} is answered with {status}: {refusal}");
        // The only error is that no request waits.
        let _ = self.session.connection.reject(refusal.response());
    }
}
