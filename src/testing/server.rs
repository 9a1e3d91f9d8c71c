//! The server in memory.

use super::{
    client::{Client, ClientOptions},
    clock::Clock,
    endpoint::Endpoint,
};
use crate::{
    Config,
    handshake::{Connect, Response},
    server::{Server, memory::Net},
};
use std::{
    cell::RefCell,
    fmt, io,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    rc::{Rc, Weak},
    sync::Arc,
    time::{Duration, Instant},
};

/// The most turns until a server and its clients must have come to rest.
const MAX_TURNS: usize = 100_000;

/// The port of the first client. Each has the next one.
const FIRST_PORT: u16 = 49_152;

/// A [`Server`] without a socket, and the clock of the server and its clients. See the [module](super) for an example.
#[doc(alias = "TestClient")]
pub struct TestServer {
    server: Server,
    net: Net,
    clients: Vec<Weak<RefCell<Endpoint>>>,
    next_port: u16,
}

impl TestServer {
    /// A server without routes.
    ///
    /// # Errors
    /// As [`Server::bind`], but for the system: [`InvalidInput`](io::ErrorKind::InvalidInput) if
    /// [`plain_http`](Config::plain_http) is on.
    pub fn new(config: Config) -> io::Result<Self> {
        let net = Net::new();
        let server = Server::in_memory(net.clone(), config)?;
        Ok(Self { server, net, clients: Vec::new(), next_port: FIRST_PORT })
    }

    /// The time of the server and its clients. It begins at an arbitrary time, and only [`advance`](Self::advance),
    /// [`Clock::stall`], and a wait of [`turn`](Server::turn) or [`run`](Server::run) move it.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.net.now()
    }

    /// The clock itself, for a handler that takes long.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::new(self.net.clone())
    }

    /// Connects a client to `ws://localhost` and `target`, a path with or without a query, and [settles](Self::settle).
    /// Then the client is open, or has the [`response`](Client::response) that refuses it, unless the handler answers
    /// later.
    ///
    /// # Panics
    /// If `target` is no target of a request, or as [`settle`](Self::settle) does.
    #[doc(alias = "websocket_connect")]
    #[track_caller]
    pub fn connect(&mut self, target: &str) -> Client {
        let connect = self.request(target);
        self.connect_with(&connect, &ClientOptions::default())
    }

    /// The same, with a request that may have subprotocols, an origin or other headers, and with options.
    ///
    /// # Panics
    /// As [`settle`](Self::settle) does.
    #[track_caller]
    pub fn connect_with(&mut self, connect: &Connect, options: &ClientOptions) -> Client {
        let mut client = self.dial(connect, options);
        client.send_request();
        self.settle();
        client
    }

    /// Connects a client that has not sent its request yet. It does so with [`Client::send_request`]. Does not settle.
    pub fn dial(&mut self, connect: &Connect, options: &ClientOptions) -> Client {
        let address = SocketAddr::new(options.address, self.next_port);
        self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
        let end = self.net.connect(address, options.pipe_bytes);
        let endpoint = Endpoint::new(connect, Arc::new(options.config.clone()), &self.net, end);
        let endpoint = Rc::new(RefCell::new(endpoint));
        self.clients.retain(|client| client.strong_count() > 0);
        self.clients.push(Rc::downgrade(&endpoint));
        Client::new(endpoint)
    }

    /// The answer to a GET of plain HTTP for `target`, once the server has [settled](Self::settle). `None` if it has
    /// not answered.
    ///
    /// ```
    /// use statesocket::{Config, handshake::{Request, Response}, http::StatusCode};
    /// use statesocket::{server::Params, testing::TestServer};
    ///
    /// let mut server = TestServer::new(Config::default())?;
    /// server.route_http("/health", |_: &Request, _: &Params| Response::new(StatusCode::OK).body("well\n"))?;
    /// let health = server.get("/health").expect("a page is answered at once");
    /// assert_eq!((health.status, &*health.body), (StatusCode::OK, &b"well\n"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// As [`connect`](Self::connect) does.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Option<Response> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut client = self.dial(&self.request(target), &ClientOptions::default());
        client.take_request();
        client.send_raw(head.as_bytes());
        self.settle();
        client.response()
    }

    /// Runs the server and its clients until nothing is left to do unless time passes.
    ///
    /// # Panics
    /// After 100,000 turns. Then two handlers answer each other for ever, or one sets a timer of no time again and
    /// again. [`turn`](Server::turn) runs single turns of such a server. A pipe of few bytes also costs many turns.
    #[track_caller]
    pub fn settle(&mut self) {
        for _ in 0..MAX_TURNS {
            let mut is_at_rest = true;
            for client in self.clients.iter().filter_map(Weak::upgrade) {
                is_at_rest &= !client.borrow_mut().act();
            }
            let is_due = self.server.next_deadline().is_some_and(|deadline| deadline <= self.now());
            if !self.server.is_stopped() && (is_due || self.server.has_work() || self.net.has_reports()) {
                self.server.turn(Some(Duration::ZERO)).expect("a wait of no time does not fail");
                is_at_rest = false;
            }
            if is_at_rest {
                return;
            }
        }
        panic!("the server has not come to rest after {MAX_TURNS} turns: do handlers answer each other for ever?");
    }

    /// Lets time pass: [settles](Self::settle) now, at each deadline of the server and its clients in between, and at
    /// the end.
    ///
    /// # Panics
    /// As [`settle`](Self::settle) does, and if the clock cannot show the end.
    #[track_caller]
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now().checked_add(duration).expect("the clock can show the end");
        self.settle();
        while let Some(deadline) = self.next_deadline().filter(|deadline| *deadline < end) {
            self.net.set_now(deadline);
            self.settle();
        }
        self.net.set_now(end);
        self.settle();
    }

    /// The next deadline of the server and its clients.
    fn next_deadline(&self) -> Option<Instant> {
        let server = if self.server.is_stopped() { None } else { self.server.next_deadline() };
        let clients = self.clients.iter().filter_map(Weak::upgrade);
        clients.filter_map(|client| client.borrow_mut().next_deadline()).chain(server).min()
    }

    /// A request that is the same in each run.
    #[track_caller]
    fn request(&self, target: &str) -> Connect {
        let connect = Connect::new(&format!("ws://localhost{target}"));
        let connect = connect.unwrap_or_else(|error| panic!("{target:?} is no target of a request: {error}"));
        connect.seed([self.next_port as u8; 32])
    }
}

impl Deref for TestServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for TestServer {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("server", &self.server).finish_non_exhaustive()
    }
}
