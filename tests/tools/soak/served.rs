//! The server, on a thread of its own.

use crate::room::{Ids, Member};
use socket2::{Domain, Socket, Type};
use statesocket::{
    Config, Disconnect, Message,
    handshake::{Accept, Request},
    server::{Handle, Handler, Limits, Server, Session, Tally},
};
use std::{
    cell::Cell,
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

/// A larger message is a violation.
pub(crate) const MAX_MESSAGE: u64 = 1 << 20;

/// `Limits::max_room_backlog`: little, so that members do lag.
const MAX_BACKLOG: usize = 64 << 10;

/// A text that asks the server to close, and the code.
pub(crate) const CLOSE_ME: (&str, u16) = ("close me", 4000);

/// A text that asks the server to abort.
pub(crate) const ABORT_ME: &str = "abort me";

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    /// Some members of rooms.
    pub(crate) ids: Ids,
    results: mpsc::Receiver<io::Result<Outcome>>,
    /// The server lives until this is dropped.
    hold: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

/// The results of a server.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) connections: usize,
    pub(crate) handlers: u64,
    /// The handlers whose `on_disconnect` was called.
    pub(crate) told: u64,
    /// The bytes that it holds without connections.
    pub(crate) heap: i64,
}

impl Served {
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let (started, starts) = mpsc::channel();
        let (result, results) = mpsc::channel();
        let (hold, held) = mpsc::channel();
        let ids = Ids::default();
        let known = Arc::clone(&ids);
        let thread = thread::spawn(move || {
            let counts = Rc::<Counts>::default();
            let run = || {
                let mut server = set_up(&counts, known)?;
                // The receiver has not given up.
                let _ = started.send((server.local_addr(), server.handle()));
                server.run()?;
                Ok(server)
            };
            match run() {
                Err(error) => drop(result.send(Err(error))),
                Ok(server) => {
                    let (handlers, told) = (counts.handlers.get(), counts.told.get());
                    let (tally, connections) = (server.tally().clone(), server.connections());
                    drop(result.send(Ok(Outcome { tally, connections, handlers, told, heap: 0 })));
                    // Returns an error when the other end is dropped.
                    let _: Result<(), _> = held.recv();
                }
            }
        });
        let (address, handle) = starts.recv()?;
        Ok(Self { address, handle, ids, results, hold, thread })
    }

    /// Waits for the end of the loop and of the thread that commands it. Calls `heap` while the server still exists.
    pub(crate) fn wait_for_end(
        self,
        patience: Duration,
        commander: JoinHandle<()>,
        heap: impl FnOnce() -> i64,
    ) -> Result<Outcome, Box<dyn Error>> {
        let Ok(result) = self.results.recv_timeout(patience) else { return Err("the server does not end".into()) };
        commander.join().map_err(|_| "the thread with the commands panicked")?;
        drop(self.ids);
        let outcome = Outcome { heap: heap(), ..result? };
        drop((self.hold, self.handle));
        self.thread.join().map_err(|_| "the server panicked")?;
        Ok(outcome)
    }
}

fn set_up(counts: &Rc<Counts>, ids: Ids) -> io::Result<Server> {
    let mut config = Config::default();
    config.max_message_bytes = MAX_MESSAGE;
    config.opening_timeout = Some(Duration::from_secs(10));
    config.ping_interval = Some(Duration::from_secs(2));
    // A crowd may keep a small machine busy for a long time.
    config.pong_timeout = Some(Duration::from_secs(60));
    config.closing_timeout = Some(Duration::from_secs(60));
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Accepted sockets inherit it on Linux. The less the system keeps, the more the server has to.
    listener.set_send_buffer_size(32 << 10)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    // A full backlog makes Linux use SYN cookies, which may lose the first byte of a client that sends single bytes.
    listener.listen(4096)?;
    let mut server = Server::from_listener(listener.into(), config)?;
    server.set_limits(Limits::default().with(|limits| limits.max_room_backlog = MAX_BACKLOG));
    let counts = Rc::clone(counts);
    let members = Rc::clone(&counts);
    let factory = move || {
        counts.handlers.set(counts.handlers.get() + 1);
        Echo(Rc::clone(&counts))
    };
    server.route("/echo", factory).expect("the route is new");
    let factory = move || {
        members.handlers.set(members.handlers.get() + 1);
        Member::new(Rc::clone(&members), Arc::clone(&ids))
    };
    server.route("/rooms/{room}", factory).expect("the route is new");
    Ok(server)
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) handlers: Cell<u64>,
    pub(crate) told: Cell<u64>,
}

struct Echo(Rc<Counts>);

impl Handler for Echo {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("plain HTTP does not come here");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        match message.as_text() {
            Some(text) if text == CLOSE_ME.0 => session.ensure_closed(CLOSE_ME.1, "as you wish"),
            Some(ABORT_ME) => session.abort(),
            _ => {
                // After our Close nothing is echoed.
                if let Err(error) = session.send(message) {
                    session.ensure_closed(1011, &error.to_string());
                }
            }
        }
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, _: &Disconnect) {
        self.0.told.set(self.0.told.get() + 1);
    }
}
