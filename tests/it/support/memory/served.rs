use super::{RawClient, stream::Shared};
use crate::support::{Calls, Witness};
use statesocket::{
    Config,
    handshake::Request,
    server::{Handle, Server, Session, Tally},
    testing::TestServer,
};
use std::{
    cell::{RefCell, RefMut},
    rc::Rc,
    sync::mpsc,
    thread,
    time::Duration,
};

/// A server in memory that runs whenever a client of it reads. Dropping this stops it.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) handle: Handle,
    pub(super) server: Shared,
}

impl Served {
    /// A server after `set_up` has added its routes.
    pub(crate) fn start(config: Config, set_up: impl FnOnce(&mut Server)) -> Self {
        let mut server = TestServer::new(config).expect("the configuration is right");
        set_up(&mut server);
        Self { handle: server.handle(), server: Rc::new(RefCell::new(Some(server))) }
    }

    /// A server that accepts and echoes at `/ws`.
    pub(crate) fn echo(config: Config) -> Self {
        Self::witnessed(config, Witness::accept).0
    }

    /// A server that answers requests for `/ws` with `answer`, echoes, and reports each call of a handler.
    pub(crate) fn witnessed(
        config: Config,
        answer: impl Fn(&mut Session<'_>, &Request) + Clone + 'static,
    ) -> (Self, Calls) {
        let (sender, calls) = mpsc::channel();
        let served = Self::start(config, move |server| {
            let factory = move || Witness::new(sender.clone(), answer.clone());
            server.route("/ws", factory).expect("the route is new");
        });
        let calls = served.calls(calls);
        (served, calls)
    }

    /// The calls that come over this channel, once the server has done what it can.
    pub(crate) fn calls(&self, calls: mpsc::Receiver<crate::support::Call>) -> Calls {
        let server = Rc::clone(&self.server);
        Calls::in_memory(calls, move || settle(&server))
    }

    /// Has another thread send commands, which wait in a queue of their own.
    #[track_caller]
    pub(crate) fn elsewhere<T: Send>(&self, command: impl FnOnce(&Handle) -> T + Send) -> T {
        let handle = &self.handle;
        thread::scope(|scope| scope.spawn(|| command(handle)).join()).expect("the thread does not panic")
    }

    #[track_caller]
    pub(crate) fn server(&self) -> RefMut<'_, TestServer> {
        RefMut::map(self.server.borrow_mut(), |server| server.as_mut().expect("the loop has not ended"))
    }

    #[track_caller]
    pub(crate) fn connections(&self) -> usize {
        self.server().connections()
    }

    #[track_caller]
    pub(crate) fn tally(&self) -> Tally {
        self.server().tally().clone()
    }

    #[track_caller]
    pub(crate) fn settle(&self) {
        self.server().settle();
    }

    #[track_caller]
    pub(crate) fn advance(&self, duration: Duration) {
        self.server().advance(duration);
    }

    /// A client that is open at `/ws`.
    #[track_caller]
    pub(crate) fn open(&self) -> RawClient {
        RawClient::open(self, "/ws")
    }

    /// Checks that the loop has ended without waiting for anything, and drops the server.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) {
        settle(&self.server);
        if let Some(server) = self.server.take() {
            assert!(server.is_stopped(), "the loop does not end: {server:?}");
            assert_eq!(server.connections(), 0, "a loop that has ended has no connections");
        }
    }

    /// Drops the server as it is.
    pub(crate) fn drop_server(self) {
        self.server.take();
    }

    /// Stops the loop at once. Returns what became of the connections; all of them have ended.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Tally {
        self.handle.stop().expect("the server is running");
        self.settle();
        let tally = self.tally();
        self.wait_for_end();
        assert_eq!(tally.total_ended(), tally.accepted, "{tally}");
        tally
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !thread::panicking() {
            // An error means that the loop has ended already.
            let _ = self.handle.stop();
            self.wait_for_end();
        }
    }
}

/// Runs a server that has not been dropped.
#[track_caller]
pub(super) fn settle(server: &Shared) {
    if let Some(server) = server.borrow_mut().as_mut() {
        server.settle();
    }
}
