//! A graceful stop under load: no answer of the server is lost, and every client gets a Close. It needs sockets: more
//! of them are ready at a time than one wait of the system reports, and other threads wake the loop.

use crate::support::{
    loopback::{Client, LONG, PATIENCE, RawClient, allowed_connections},
    request_head,
};
use statesocket::{
    CauseKind, Config, Disconnect, Event, Message,
    handshake::{Accept, Request},
    server::{Handle, Handler, Server, Session, Tally},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Barrier, mpsc},
    thread::{self, JoinHandle},
};

const THREADS: usize = 4;

/// Messages of each client that are on their way at a time.
const AT_A_TIME: u64 = 4;

/// Requests without an answer, and as many incomplete ones.
const WAITING: usize = 50;

/// Echoes, and reports its number of echoes at the end.
struct Counting {
    name: String,
    echoes: u64,
    counts: mpsc::Sender<(String, u64)>,
}

impl Handler for Counting {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        match request.raw_query() {
            Some("wait") => {}
            name => {
                self.name = name.unwrap_or_default().to_owned();
                session.accept(Accept::new()).expect("a request is pending");
            }
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        // After our Close this fails, and the message is not answered.
        self.echoes += u64::from(session.send(&message).is_ok());
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, _: &Disconnect) {
        self.counts.send((self.name.clone(), self.echoes)).expect("the test is waiting");
    }
}

struct Running {
    address: SocketAddr,
    handle: Handle,
    counts: mpsc::Receiver<(String, u64)>,
    thread: JoinHandle<Tally>,
}

fn start() -> Running {
    let (started, starts) = mpsc::channel();
    let (sender, counts) = mpsc::channel();
    let thread = thread::spawn(move || {
        let mut config = Config::default();
        // A busy machine may take long to answer.
        config.closing_timeout = Some(LONG);
        config.opening_timeout = Some(LONG);
        let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
        let factory = move || Counting { name: String::new(), echoes: 0, counts: sender.clone() };
        server.route("/ws", factory).expect("the route is new");
        started.send((server.local_addr(), server.handle())).expect("the test is waiting");
        server.run().expect("the loop does not fail");
        assert_eq!(server.connections(), 0);
        server.tally().clone()
    });
    let (address, handle) = starts.recv_timeout(PATIENCE).expect("the server starts");
    Running { address, handle, counts, thread }
}

/// Opens `count` clients, and waits for the other threads. Makes the clients send and receive until each has got its
/// Close. Reports each round. Returns the number of echoes per client.
fn talk(
    address: SocketAddr,
    thread: usize,
    count: usize,
    all_open: &Barrier,
    rounds: &mpsc::Sender<()>,
) -> BTreeMap<String, u64> {
    let mut clients: Vec<_> = (0..count)
        .map(|n| (format!("{thread}-{n}"), 0, Client::open(&format!("ws://{address}/ws?{thread}-{n}"))))
        .collect();
    all_open.wait();
    let mut received = BTreeMap::new();
    let mut round = 0;
    while !clients.is_empty() {
        round += 1;
        for (_, _, client) in &mut clients {
            for n in 0..AT_A_TIME {
                client.ws.connection_mut().send_text(&format!("{round} {n}")).expect("its Close has not been read");
            }
            client.ws.flush();
        }
        clients.retain_mut(|(name, echoes, client)| {
            for n in 0..AT_A_TIME {
                match client.next() {
                    Event::Message(message) => {
                        assert_eq!(message.as_text(), Some(format!("{round} {n}").as_str()));
                        *echoes += 1;
                    }
                    Event::Disconnect(disconnect) => {
                        assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1001, true), "{disconnect:?}");
                        received.insert(name.clone(), *echoes);
                        return false;
                    }
                    other => panic!("{name}: {other:?}"),
                }
            }
            true
        });
        // The test may be done already.
        let _ = rounds.send(());
    }
    received
}

#[test]
fn a_shutdown_under_load_loses_no_answer() {
    let running = start();
    let address = running.address;
    let each = allowed_connections(2_000) / THREADS;
    let (rounds, round) = mpsc::channel();
    let all_open = Arc::new(Barrier::new(THREADS));
    let talkers: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (rounds, all_open) = (rounds.clone(), Arc::clone(&all_open));
            thread::spawn(move || talk(address, thread, each, &all_open, &rounds))
        })
        .collect();
    drop(rounds);
    let asking = |bytes: &[u8]| {
        let mut client = RawClient::dial(address);
        client.write(bytes);
        client
    };
    let request = request_head("/ws?wait", &[]);
    let mut waiting: Vec<_> = (0..WAITING).flat_map(|_| [asking(&request), asking(&request[..30])]).collect();

    // Some threads are ahead of others.
    for _ in 0..THREADS * 3 {
        round.recv_timeout(PATIENCE * 3).expect("the clients talk");
    }
    running.handle.shutdown(1001, LONG).expect("the server is running");
    for client in &mut waiting {
        assert!(client.head().starts_with("HTTP/1.1 503 "));
    }
    drop(waiting);
    let received: BTreeMap<_, _> =
        talkers.into_iter().flat_map(|talker| talker.join().expect("the thread does not panic")).collect();
    let tally = running.thread.join().expect("the thread does not panic");
    let sent: BTreeMap<_, _> = running.counts.iter().filter(|(name, _)| !name.is_empty()).collect();
    assert_eq!(sent.len(), each * THREADS);
    assert!(sent == received, "echoes were lost");
    let (all, waiting) = ((each * THREADS) as u64, WAITING as u64);
    assert_eq!((tally.accepted, tally.total_ended(), tally.clean), (all + 2 * waiting, all + 2 * waiting, all));
    let kinds = [CauseKind::Aborted, CauseKind::LocalClosed, CauseKind::Rejected];
    assert_eq!(kinds.map(|kind| tally.ended(kind)), [waiting, all, waiting]);
}
