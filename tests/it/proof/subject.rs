//! A connection with a record of everything.

use super::{
    compression::reach_on,
    settings,
    trace::{Call, Refusal, Step, Trace, View},
};
use crate::support::{Fragments, waiting};
use statesocket::{
    AcceptError, CloseError, Config, Connection, Event, OutputBuffer, PingError, RejectError, Role, SendError,
    SetConfigError, SharedMessage, SocketAction,
    handshake::{Accept, Response},
    http::StatusCode,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A connection under observation, and its clock.
pub(crate) struct Subject {
    pub(crate) connection: Connection,
    pub(crate) now: Instant,
    trace: Trace,
    received: usize,
    /// The bytes that `receive` has held back.
    rest: Vec<u8>,
    /// The lent memory, if any, and the steps after which it is reclaimed.
    lent: Option<(OutputBuffer, usize)>,
}

macro_rules! refusal_from {
    ($($error:ident),*) => {$(
        impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                let text = error.to_string();
                Self { transition: if let $error::Transition(error) = error { Some(error) } else { None }, text }
            }
        }
    )*};
}
refusal_from!(AcceptError, RejectError, SendError, PingError, CloseError);

impl From<SetConfigError> for Refusal {
    fn from(error: SetConfigError) -> Self {
        Self { transition: None, text: error.to_string() }
    }
}

impl Subject {
    pub(crate) fn new(connection: Connection, config: Arc<Config>, is_established: bool, now: Instant) -> Self {
        let views = vec![view(&connection)];
        let frames_from = is_established.then_some(0);
        let role = connection.role();
        let trace = Trace {
            role,
            config,
            reach: [None; 2],
            #[cfg(feature = "deflate")]
            deflate: None,
            is_established,
            views,
            steps: Vec::new(),
            frames_from,
            drawn: 0,
            refused: Vec::new(),
        };
        Self { connection, now, trace, received: 0, rest: Vec::new(), lent: None }
    }

    /// Lends memory for output from now on, and reclaims it after every `steps` steps.
    pub(crate) fn lend(&mut self, steps: usize) {
        self.lent = Some((OutputBuffer::default(), steps));
    }

    pub(crate) fn role(&self) -> Role {
        self.trace.role
    }

    /// Ends the drawn part.
    pub(crate) fn end_of_draw(&mut self) {
        self.trace.drawn = self.trace.steps.len();
    }

    pub(crate) fn into_trace(mut self) -> Trace {
        let role = self.trace.role;
        #[cfg(feature = "deflate")]
        {
            self.trace.deflate = self.connection.deflate();
        }
        self.trace.reach = [role, role.peer()].map(|sender| reach_on(&self.connection, sender));
        self.trace
    }

    /// Hands in the bytes that are held back and `bytes` behind them, and takes the events as they come.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        loop {
            let given = self.rest.clone();
            let mut input = self.rest.as_mut_slice();
            let event = self.connection.receive(&mut input, self.now).map(Event::into_owned);
            let taken = given.len() - input.len();
            assert_eq!(*input, given[taken..], "I-28: bytes that are not taken are not changed");
            self.rest = input.to_vec();
            self.received += taken;
            if matches!(event, Some(Event::Request(_) | Event::Accepted(_))) {
                self.trace.frames_from = Some(self.received);
            }
            let is_last = event.is_none();
            self.record(Call::Receive { given, taken }, event);
            if is_last {
                let is_held = self.connection.held_by().is_some();
                return assert!(self.rest.is_empty() || is_held, "`receive` takes all input, or is held");
            }
        }
    }

    /// Takes the events that are there, those of the bytes that were held back first.
    pub(crate) fn take_events(&mut self) {
        if !self.rest.is_empty() {
            self.feed(&[]);
        }
        while self.poll_event() {}
    }

    /// Takes the next event that needs no input. Returns whether there was one.
    pub(crate) fn poll_event(&mut self) -> bool {
        let event = self.connection.poll_event();
        let is_one = event.is_some();
        self.record(Call::PollEvent, event);
        is_one
    }

    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let timeout = self.connection.poll_timeout(self.now);
        self.record(Call::PollTimeout(timeout), None);
        timeout.map(|(deadline, _)| deadline)
    }

    pub(crate) fn poll_socket(&mut self) -> Option<SocketAction> {
        let action = self.connection.poll_socket();
        self.record(Call::PollSocket(action), None);
        action
    }

    /// Writes at most `n` queued bytes.
    pub(crate) fn write(&mut self, n: usize) {
        let mut bytes = waiting(&self.connection);
        bytes.truncate(n);
        self.connection.advance(bytes.len());
        self.record(Call::Advance(bytes), None);
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.record(Call::Wait(duration), None);
    }

    /// Makes the drawn call with this number.
    pub(crate) fn call_drawn(&mut self, number: usize, call: Call) {
        self.call(call);
        if self.trace.steps.last().is_some_and(|step| step.refusal.is_some()) {
            self.trace.refused.push(number);
        }
    }

    /// Makes any other call.
    pub(crate) fn call(&mut self, call: Call) {
        let refusal = self.dispatch(&call).err();
        self.push(Step { call, refusal, event: None, rest: 0, texts: None });
    }

    /// Makes a drawn call, and keeps the texts of its internals before and after it.
    pub(crate) fn call_watched(&mut self, call: Call) {
        let before = format!("{:?}", self.connection.internals());
        let refusal = self.dispatch(&call).err();
        let texts = Some([before, format!("{:?}", self.connection.internals())]);
        self.push(Step { call, refusal, event: None, rest: 0, texts });
    }

    fn dispatch(&mut self, call: &Call) -> Result<(), Refusal> {
        let (connection, now) = (&mut self.connection, self.now);
        match call {
            Call::ReceiveEof => connection.receive_eof(),
            Call::TransportFailed => connection.transport_failed(),
            Call::HandleTimeout => connection.handle_timeout(now),
            Call::Accept(name) => {
                connection.accept(name.map_or_else(Accept::new, |name| Accept::new().subprotocol(name)))?;
            }
            Call::Reject(status) => connection.reject(response(*status))?,
            Call::Respond(status) => connection.respond(response(*status))?,
            Call::SetConfig(choices) => {
                let config = Arc::new(settings::config(*choices));
                connection.set_config(Arc::clone(&config))?;
                // Everything that the invariants look at comes behind the head.
                self.trace.config = config;
            }
            Call::Text(text) => connection.send_text(text)?,
            Call::Binary(bytes) => connection.send_binary(bytes)?,
            Call::Shared(bytes) => connection.send_shared(&SharedMessage::binary(bytes))?,
            Call::HandedOver(bytes) => connection.send(bytes.clone())?,
            Call::TextFragment(text, is_last) => connection.send_text_fragment(text, *is_last)?,
            Call::BinaryFragment(bytes, is_last) => connection.send_binary_fragment(bytes, *is_last)?,
            Call::Ping(payload) => connection.ping(payload)?,
            Call::Pong(payload) => connection.pong(payload)?,
            Call::Close(code, reason) => connection.close(*code, reason)?,
            Call::ReplyClose => connection.reply_close()?,
            Call::Fail(code, reason) => connection.fail(*code, reason)?,
            Call::EnsureClosed(code, reason) => connection.ensure_closed(*code, reason),
            Call::Shutdown(code) => connection.shutdown(*code),
            Call::Abort => connection.abort(),
            Call::Finish => connection.finish(),
            Call::PauseReading => connection.pause_reading(),
            Call::ResumeReading => connection.resume_reading(),
            Call::Receive { .. }
            | Call::PollEvent
            | Call::PollTimeout(_)
            | Call::Advance(_)
            | Call::PollSocket(_)
            | Call::Wait(_) => unreachable!("{call:?} has a method of its own"),
        }
        Ok(())
    }

    fn record(&mut self, call: Call, event: Option<Event<'static>>) {
        self.push(Step { call, refusal: None, event, rest: 0, texts: None });
    }

    fn push(&mut self, step: Step) {
        self.trace.steps.push(Step { rest: self.rest.len(), ..step });
        self.trace.views.push(view(&self.connection));
        if let Some((buffer, steps)) = &mut self.lent {
            if self.trace.steps.len().is_multiple_of(*steps) {
                self.connection.reclaim_buffer(buffer);
                let view = view(&self.connection);
                assert_eq!(self.trace.views.last(), Some(&view), "I-26: the output stays queued");
            }
            self.connection.lend_buffer(buffer);
        }
    }
}

fn response(status: u16) -> Response {
    Response::new(StatusCode::from_u16(status).expect("the scripts draw statuses that exist")).body("no")
}

fn view(connection: &Connection) -> View {
    View {
        phase: connection.phase(),
        client_state: connection.client_state(),
        application_state: connection.application_state(),
        output: waiting(connection),
        queued: connection.output_len(),
        can_send: connection.can_send(),
        wants_read: connection.wants_read(),
        held_by: connection.held_by(),
        is_finished: connection.is_finished(),
        disconnect: connection.disconnected().cloned(),
        has_closed_cleanly: connection.has_closed_cleanly(),
        moves: connection.history().len(),
    }
}
