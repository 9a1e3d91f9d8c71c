use super::{PATIENCE, RawClient};
use crate::support::{Calls, Witness};
use statesocket::{
    Config,
    handshake::Request,
    server::{Handle, Server, Session, Tally},
};
use std::{
    io,
    net::SocketAddr,
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
};

/// A [`Server`] on a thread of its own. Dropping this stops it.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    thread: Option<JoinHandle<io::Result<Tally>>>,
    /// Disconnected when the thread ends.
    end: mpsc::Receiver<()>,
}

impl Served {
    /// Runs a server after `set_up` has added its routes.
    pub(crate) fn start(config: Config, set_up: impl FnOnce(&mut Server) + Send + 'static) -> Self {
        let (started, start) = mpsc::channel();
        let (ended, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            let _ended: mpsc::Sender<()> = ended;
            let mut server = Server::bind("127.0.0.1:0", config)?;
            set_up(&mut server);
            started.send((server.local_addr(), server.handle())).expect("the test is waiting");
            server.run()?;
            assert!(server.is_stopped());
            assert_eq!(server.connections(), 0, "a loop that has ended has no connections");
            Ok(server.tally().clone())
        });
        let (address, handle) = start.recv_timeout(PATIENCE).expect("the server starts");
        Self { address, handle, thread: Some(thread), end }
    }

    /// A server that accepts and echoes at `/ws`.
    pub(crate) fn echo(config: Config) -> Self {
        Self::witnessed(config, Witness::accept).0
    }

    /// A server that answers requests for `/ws` with `answer`, echoes, and reports each call of a handler.
    pub(crate) fn witnessed(
        config: Config,
        answer: impl Fn(&mut Session<'_>, &Request) + Clone + Send + 'static,
    ) -> (Self, Calls) {
        let (sender, calls) = mpsc::channel();
        let served = Self::start(config, move |server| {
            let factory = move || Witness::new(sender.clone(), answer.clone());
            server.route("/ws", factory).expect("the route is new");
        });
        (served, Calls::new(calls))
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("ws://{}{target}", self.address)
    }

    /// A client that is open at `/ws`.
    #[track_caller]
    pub(crate) fn open(&self) -> RawClient {
        RawClient::open(self.address, "/ws")
    }

    /// Waits for the end of the loop.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.join(thread);
        }
    }

    /// Stops the loop at once. Returns what became of the connections; all of them have ended.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Tally {
        self.handle.stop().expect("the server is running");
        let thread = self.thread.take().expect("the loop is not joined yet");
        let tally = self.join(thread);
        assert_eq!(tally.total_ended(), tally.accepted, "{tally}");
        tally
    }

    #[track_caller]
    fn join(&self, thread: JoinHandle<io::Result<Tally>>) -> Tally {
        assert_eq!(self.end.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "the loop does not end");
        thread.join().expect("the loop does not panic").expect("the loop does not fail")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // An error means that the loop has ended already.
        let _ = self.handle.stop();
        if !thread::panicking() {
            self.wait_for_end();
        }
    }
}
