//! A handler that reports its calls, and the reports.

use super::loopback::PATIENCE;
use statesocket::{
    Disconnect, Message, Phase, Transition,
    handshake::{Accept, Request},
    server::{Handler, Session, SessionId},
};
use std::{
    fmt,
    sync::mpsc,
    time::{Duration, Instant},
};

/// A call of a handler, as a [`Witness`] reports it.
#[derive(Debug)]
pub(crate) enum Call {
    Request(SessionId, Box<Request>),
    Message(Message<'static>),
    Chunk(Message<'static>, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Disconnect(Box<End>),
}

/// A connection as its handler saw it last.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) disconnect: Disconnect,
    pub(crate) history: Vec<Transition>,
    pub(crate) phase: Phase,
}

/// The calls, in order.
pub(crate) struct Calls {
    calls: mpsc::Receiver<Call>,
    /// Has the server do what it can.
    settle: Box<dyn Fn()>,
    patience: Duration,
}

impl Calls {
    /// Those of a server on a thread of its own.
    pub(crate) fn new(calls: mpsc::Receiver<Call>) -> Self {
        Self { calls, settle: Box::new(|| {}), patience: PATIENCE }
    }

    /// Those of a server that only `settle` runs.
    #[cfg(feature = "testing")]
    pub(crate) fn in_memory(calls: mpsc::Receiver<Call>, settle: impl Fn() + 'static) -> Self {
        Self { calls, settle: Box::new(settle), patience: Duration::ZERO }
    }

    #[track_caller]
    pub(crate) fn next(&self) -> Call {
        self.wait().expect("a handler is called")
    }

    /// The connection of the next request.
    #[track_caller]
    pub(crate) fn request(&self) -> (SessionId, Box<Request>) {
        match self.next() {
            Call::Request(id, request) => (id, request),
            other => panic!("no request: {other:?}"),
        }
    }

    /// The next call, which is the end of a connection.
    #[track_caller]
    pub(crate) fn end(&self) -> End {
        match self.next() {
            Call::Disconnect(end) => *end,
            other => panic!("the connection has not ended: {other:?}"),
        }
    }

    /// The next end, after any other calls.
    #[track_caller]
    pub(crate) fn end_after_all(&self) -> End {
        // Other connections may talk forever.
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Call::Disconnect(end) = self.next() {
                return *end;
            }
        }
        panic!("no connection ends")
    }

    /// Checks that there are no more calls, and no more handlers, once the server is gone.
    #[track_caller]
    pub(crate) fn assert_no_more(self) {
        let left = self.wait();
        assert!(matches!(left, Err(mpsc::RecvTimeoutError::Disconnected)), "{left:?}");
    }

    fn wait(&self) -> Result<Call, mpsc::RecvTimeoutError> {
        (self.settle)();
        self.calls.recv_timeout(self.patience)
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calls").field(&self.calls).finish()
    }
}

/// A handler that echoes, and reports each call.
pub(crate) struct Witness<A> {
    calls: mpsc::Sender<Call>,
    answer: A,
}

impl<A> Witness<A> {
    pub(crate) const fn new(calls: mpsc::Sender<Call>, answer: A) -> Self {
        Self { calls, answer }
    }

    fn tell(&self, call: Call) {
        // The test may be done already.
        let _ = self.calls.send(call);
    }
}

impl Witness<()> {
    /// An answer for `Served::witnessed`: accept.
    pub(crate) fn accept(session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request is pending");
    }

    /// An answer for `Served::witnessed`: none.
    pub(crate) fn leave_waiting(_: &mut Session<'_>, _: &Request) {}
}

impl<A: Fn(&mut Session<'_>, &Request)> Handler for Witness<A> {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.tell(Call::Request(session.id(), Box::new(request.clone())));
        (self.answer)(session, request);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        if let Err(error) = session.send(&message) {
            session.ensure_closed(1011, &error.to_string());
        }
        self.tell(Call::Message(message.into_owned()));
    }

    fn on_chunk(&mut self, _: &mut Session<'_>, data: Message<'_>, is_last: bool) {
        self.tell(Call::Chunk(data.into_owned(), is_last));
    }

    fn on_ping(&mut self, _: &mut Session<'_>, payload: &[u8]) {
        self.tell(Call::Ping(payload.to_vec()));
    }

    fn on_pong(&mut self, _: &mut Session<'_>, payload: &[u8]) {
        self.tell(Call::Pong(payload.to_vec()));
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        let end = End { disconnect: disconnect.clone(), history: session.history().to_vec(), phase: session.phase() };
        self.tell(Call::Disconnect(Box::new(end)));
    }
}
