//! A session, a byte stream in memory, and a client at the other end.

use crate::{
    Cause, Config, Connection, Disconnect, Event, Message, SendError, SharedMessage,
    handshake::{Accept, Connect, Request},
    server::{
        handle::Handle,
        handler::{Handler, Unsent},
        intake::Intake,
        queue::{Queue, Wake},
        routes::Route,
        session::Session,
        session_core::{SessionCore, turn::Turn},
        session_id::LocalId,
        shared::Shared,
        stream::ByteStream,
    },
};
use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut, Read},
    net::SocketAddr,
    panic::resume_unwind,
    rc::Rc,
    sync::Arc,
    time::Instant,
};

/// A byte stream in memory, whose other end a test holds.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// The bytes for the session.
    pub(super) input: VecDeque<u8>,
    /// No input follows.
    pub(super) has_ended: bool,
    /// The bytes of the session.
    pub(super) output: Vec<u8>,
    /// How many bytes the pipe takes.
    pub(super) room: usize,
    /// Every write fails.
    pub(super) is_broken: bool,
    pub(super) is_shut_down: bool,
    pub(super) is_closed: bool,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() && !self.has_ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = slices.iter().map(|slice| slice.len()).sum();
        let mut bytes = vec![0; room];
        let count = self.read(&mut bytes)?;
        let mut left = &bytes[..count];
        slices.iter_mut().try_fold(0, |read, slice| Ok(read + left.read(slice)?))
    }
}

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.is_shut_down && !self.is_closed, "nothing is written after the end");
        if self.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room -= count;
        self.output.extend(&bytes[..count]);
        Ok(count)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.write(&bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        panic!("a session does not flush");
    }
}

impl ByteStream for Pipe {
    fn is_readable(&self) -> bool {
        !self.input.is_empty() || self.has_ended
    }

    fn is_ending(&self) -> bool {
        self.has_ended
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.is_shut_down = true;
        Ok(())
    }

    fn close(&mut self) {
        self.is_closed = true;
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }
}

struct NoWaker;

impl Wake for NoWaker {
    fn wake(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What a handler was called with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Message(Message<'static>),
    Drain { queued: usize },
    Unsent(Message<'static>),
    Timer(u64),
    Disconnect { cause: Cause, is_clean: bool },
    Drop,
}

pub(super) type Calls = Rc<RefCell<Vec<Call>>>;

/// Records its calls. Echoes, except for two texts, and pauses after those that say so.
struct Recorder {
    calls: Calls,
    /// How often `on_drain` fills the output again.
    refills: u8,
}

impl Handler for Recorder {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        match request.raw_query() {
            Some("panic") => give_up(),
            Some("wait") => {}
            Some("wait-and-refill") => self.refills = 3,
            _ => session.accept(Accept::new()).expect("a request waits"),
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.calls.borrow_mut().push(Call::Message(message.clone().into_owned()));
        match message.as_text() {
            Some("panic") => give_up(),
            Some("abort") => session.abort(),
            Some("flood") => assert_eq!(session.publish("room", &SharedMessage::binary(&[0; 33 << 20])), 1),
            text => {
                if text.is_some_and(|text| text.starts_with("pause")) {
                    session.pause_reading();
                }
                let result = session.send(message);
                assert!(matches!(result, Ok(()) | Err(SendError::TransportLost)), "{result:?}");
            }
        }
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.calls.borrow_mut().push(Call::Drain { queued: session.output_len() });
        if self.refills > 0 {
            self.refills -= 1;
            session.send_binary(&[0; 100 << 10]).expect("there is room");
        }
    }

    fn on_timer(&mut self, _: &mut Session<'_>, token: u64) {
        self.calls.borrow_mut().push(Call::Timer(token));
    }

    fn on_unsent(&mut self, session: &mut Session<'_>, message: Message<'_>) -> Unsent {
        self.calls.borrow_mut().push(Call::Unsent(message.clone().into_owned()));
        match message.as_text() {
            Some("may be lost") => Unsent::Drop,
            Some("panic") => {
                give_up();
                Unsent::Drop
            }
            Some("again") => {
                if self.calls.borrow().len() < 100 {
                    assert_eq!(session.publish("room", &SharedMessage::text("again")), 1);
                }
                Unsent::Drop
            }
            Some("abort") => {
                session.abort();
                Unsent::Close
            }
            Some("finish") => {
                session.finish();
                Unsent::Close
            }
            Some("fail") => {
                session.fail(4001, "").expect("the session is open");
                Unsent::Close
            }
            Some("close") => {
                session.close(4000, "").expect("the session is open");
                Unsent::Close
            }
            _ => Unsent::Close,
        }
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, disconnect: &Disconnect) {
        let Disconnect { cause, is_clean, .. } = disconnect.clone();
        self.calls.borrow_mut().push(Call::Disconnect { cause, is_clean });
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.calls.borrow_mut().push(Call::Drop);
    }
}

/// Panics without a message on standard error.
pub(super) fn give_up() {
    resume_unwind(Box::new("this is what the test is about"));
}

/// A session, its stream, and a client at the other end of that.
pub(super) struct Scene {
    pub(super) session: SessionCore,
    pub(super) pipe: Pipe,
    pub(super) client: Connection,
    pub(super) shared: Shared,
    pub(super) intake: Intake,
    pub(super) calls: Calls,
    pub(super) now: Instant,
}

pub(super) const UNLIMITED: usize = usize::MAX;

impl Scene {
    /// The client has queued its request for `uri`.
    pub(super) fn new(uri: &str) -> Self {
        Self::with_config(uri, Config::default())
    }

    pub(super) fn with_config(uri: &str, config: Config) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an `Instant` can only be made by asking for one")]
        let now = Instant::now();
        let config = Arc::new(config);
        let handle = Handle::new(Arc::new(Queue::new(Box::new(NoWaker), 0)));
        let mut shared = Shared::new(handle);
        let calls = Calls::default();
        let recorded = Rc::clone(&calls);
        let recorder = move || Recorder { calls: Rc::clone(&recorded), refills: 0 };
        let route = Route::Handlers { factory: Box::new(move |_, _| Ok(Box::new(recorder()))), config: None };
        shared.routes.insert("/", route).expect("the first route");
        let id = LocalId::new(0, 1);
        let address = SocketAddr::from(([192, 0, 2, 1], 1));
        let session = SessionCore::new(id, address, Connection::server(Arc::clone(&config), now), None);
        let connect = Connect::new(uri).expect("a URI").seed([7; 32]);
        let client = Connection::client(&connect, config, now);
        let pipe = Pipe { room: UNLIMITED, ..Pipe::default() };
        Self { session, pipe, client, shared, intake: Intake::Normal, calls, now }
    }

    /// The session is open.
    pub(super) fn open(config: Config) -> Self {
        let mut scene = Self::with_config("ws://server.example.com/", config);
        assert!(matches!(scene.exchange().as_slice(), [Event::Accepted(_)]));
        scene
    }

    /// Gives the session turns until it has no work, as its owner does.
    pub(super) fn turn(&mut self) {
        loop {
            let may_be_due = self.session.next_deadline(self.now).is_none_or(|deadline| deadline <= self.now);
            self.next_turn().run(may_be_due);
            if self.pipe.is_closed() || !self.session.has_work(&self.pipe) {
                return;
            }
        }
    }

    pub(super) fn next_turn(&mut self) -> Turn<'_, Pipe> {
        Turn::new(&mut self.session, &mut self.pipe, &mut self.shared, self.intake, self.now)
    }

    /// Has the client write what it has queued, and lets the session react.
    pub(super) fn client_writes(&mut self) {
        self.client.write_to(&mut self.pipe.input).expect("memory");
        self.turn();
    }

    /// Has the client read what the session has written.
    pub(super) fn client_reads(&mut self) -> Vec<Event<'static>> {
        let mut bytes = std::mem::take(&mut self.pipe.output);
        let mut input = bytes.as_mut_slice();
        let mut events = Vec::new();
        while let Some(event) = self.client.receive(&mut input, self.now) {
            events.push(event.into_owned());
        }
        events
    }

    pub(super) fn exchange(&mut self) -> Vec<Event<'static>> {
        self.client_writes();
        self.client_reads()
    }

    pub(super) fn take_calls(&self) -> Vec<Call> {
        self.calls.take()
    }
}
