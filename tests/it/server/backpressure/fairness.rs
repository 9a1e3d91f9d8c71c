//! A busy connection does not keep the others waiting.

use super::{Seen, ask_for, idle, open, send_some, server};
use crate::support::{
    Raw, accepted_head,
    loopback::{
        PATIENCE, Served, Witness, dial,
        turns::{Echo, turn_until, turn_until_received},
    },
    request_head,
};
use statesocket::{
    Config, Message,
    handshake::{Accept, Request},
    server::{Handle, Handler, Server, Session, SessionId},
};
use std::{
    any::Any,
    cell::Cell,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

#[test]
fn a_handler_with_endless_output_does_not_keep_others_waiting() {
    fn send_for_ever(seen: &Seen, session: &mut Session<'_>) {
        seen.left.set(u32::MAX);
        send_some(seen, session);
    }
    let (mut server, _seen) = server(send_for_ever, send_for_ever);
    server.route("/quiet", || Echo).expect("the route is new");
    let mut greedy = open(&mut server);
    let reader = thread::spawn(move || {
        greedy.set_nonblocking(false).expect("the socket is open");
        let mut buffer = vec![0; 1 << 20];
        while greedy.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let mut other = dial(server.local_addr());
    let bytes = [request_head("/quiet", &[]), Raw::new(Raw::TEXT, "Hello").masked().bytes()].concat();
    other.write_all(&bytes).expect("the socket buffer has room");
    let echo = Raw::new(Raw::TEXT, "Hello").bytes();
    let head = accepted_head(&request_head("/quiet", &[]), &[]);
    turn_until_received(&mut server, &mut other, &[head, echo].concat());
    drop(server);
    reader.join().expect("the thread does not panic");
}

#[test]
fn s4_endless_output_with_commands_does_not_keep_others_waiting() {
    fn send_and_command(seen: &Seen, session: &mut Session<'_>) {
        seen.left.set(u32::MAX);
        send_some(seen, session);
        session.handle().notify(session.id(), "an event").expect("the server is running");
    }
    let (mut server, seen) = server(send_and_command, send_and_command);
    let _client = ask_for(&server, &[]);
    turn_until(&mut server, |_| !seen.drains.borrow().is_empty());
    let in_one_turn = seen.drains.borrow().len();
    assert!(in_one_turn <= 20, "{in_one_turn} calls of `on_drain` in one turn");
}

#[test]
fn a_flood_of_one_peer_does_not_keep_others_waiting() {
    let (mut server, seen) = server(idle, idle);
    let mut flooder = open(&mut server);
    let frame = Raw::new(Raw::BINARY, [1; 100]).masked().bytes().repeat(1_000);
    // The socket holds more than one turn can take.
    let mut written = 0;
    while let Ok(count) = flooder.write(&frame[written % frame.len()..]) {
        written += count;
    }
    assert!(written > 1 << 20, "the system takes only {written} bytes");
    server.turn(Some(PATIENCE)).expect("the loop does not fail");
    let in_one_turn = seen.messages.get();
    assert!(in_one_turn <= 4 * (128 << 10) / 106 + 1, "{in_one_turn} messages were read in one turn");
}

#[test]
fn other_connections_echo_during_a_flood() {
    let served = Served::echo(Config::default());
    let flooder = served.open();
    let mut writer = flooder.stream().try_clone().expect("a socket can be shared");
    let reader = flooder.stream().try_clone().expect("a socket can be shared");
    let frames = Raw::new(Raw::BINARY, [1; 10_000]).masked().bytes().repeat(10);
    thread::scope(|scope| {
        scope.spawn(move || while writer.write_all(&frames).is_ok() {});
        scope.spawn(move || std::io::copy(&mut &reader, &mut std::io::sink()));
        let mut client = served.open();
        for n in 0..200 {
            client.echo(&n.to_string());
        }
        flooder.stream().shutdown(Shutdown::Both).expect("the socket is open");
    });
}

/// Sends itself an event for each one that comes.
struct Restless(Rc<Cell<usize>>);

const EVENTS: usize = 3000;

impl Handler for Restless {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request is pending");
        for _ in 0..EVENTS {
            self.on_event(session, Box::new(()));
        }
    }

    fn on_event(&mut self, session: &mut Session<'_>, _: Box<dyn Any + Send>) {
        self.0.set(self.0.get() + 1);
        session.handle().notify(session.id(), ()).expect("the server is running");
    }
}

#[test]
fn s4_many_endless_chains_of_commands_make_no_turn_long() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    server.route("/ws", move || Restless(Rc::clone(&counted))).expect("the route is new");
    let _client = ask_for(&server, &[]);
    turn_until(&mut server, |_| calls.get() > 0);
    for _ in 0..5 {
        calls.set(0);
        server.turn(Some(PATIENCE)).expect("the loop does not fail");
        assert!((EVENTS..2 * EVENTS).contains(&calls.get()), "{} calls in one turn", calls.get());
    }
}

/// Counts its calls. Sends a command when it is dropped.
struct Counting {
    calls: Rc<Cell<usize>>,
    sender: mpsc::Sender<SessionId>,
    last: Option<(Handle, SessionId)>,
}

impl Handler for Counting {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request is pending");
        self.sender.send(session.id()).expect("the test is waiting");
        self.last = Some((session.handle().clone(), session.id()));
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.calls.set(self.calls.get() + 1);
        if message.as_text() == Some("abort") {
            session.abort();
        }
    }

    fn on_timer(&mut self, _: &mut Session<'_>, _: u64) {
        self.calls.set(self.calls.get() + 1);
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        if let Some((handle, id)) = self.last.take() {
            // The server may have ended.
            let _ = handle.send_text(id, "to nobody");
        }
    }
}

/// A server with `count` clients, the ids of their sessions, and how many calls their handlers have got.
fn counting(count: usize) -> (Server, Vec<(TcpStream, SessionId)>, Rc<Cell<usize>>) {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    let calls = Rc::new(Cell::new(0));
    let (counted, (sender, ids)) = (Rc::clone(&calls), mpsc::channel());
    let factory = move || Counting { calls: Rc::clone(&counted), sender: sender.clone(), last: None };
    server.route("/ws", factory).expect("the route is new");
    let clients = (0..count).map(|_| (open(&mut server), ids.try_recv().expect("the session is open"))).collect();
    (server, clients, calls)
}

#[test]
fn s10_all_timers_of_a_moment_come_in_one_turn() {
    let (mut server, clients, calls) = counting(200);
    for (_, id) in &clients {
        let set = |session: &mut Session<'_>| session.set_timer(Duration::from_millis(20), 1);
        server.handle().with_session(*id, set).expect("the server is running");
    }
    server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    thread::sleep(Duration::from_millis(30));
    server.turn(Some(PATIENCE)).expect("the loop does not fail");
    assert_eq!(calls.get(), clients.len());
}

#[test]
fn s4_a_command_of_the_drop_of_a_handler_stops_no_other_session() {
    let (mut server, mut clients, calls) = counting(8);
    for (number, (client, _)) in clients.iter_mut().enumerate() {
        let text = if number % 2 == 0 { "abort" } else { "Hello" };
        client.write_all(&Raw::new(Raw::TEXT, text).masked().bytes()).expect("the socket buffer has room");
    }
    thread::sleep(Duration::from_millis(50));
    server.turn(Some(PATIENCE)).expect("the loop does not fail");
    assert_eq!((server.connections(), calls.get()), (4, 8));
}

/// Gives the loop an empty command again and again, until `is_enough`.
fn keep_busy(handle: &Handle, id: SessionId, is_enough: Arc<AtomicBool>) {
    let again = move |session: &mut Session<'_>| {
        if !is_enough.load(Ordering::Relaxed) {
            keep_busy(session.handle(), id, is_enough);
        }
    };
    // It stops at the latest when the server ends.
    let _ = handle.with_session(id, again);
}

/// Sets its flag when it is dropped, so that a failing test leaves no busy loop behind.
struct Enough(Arc<AtomicBool>);

impl Drop for Enough {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn endless_commands_starve_no_connection() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    let enough = Enough(Arc::default());
    keep_busy(&served.handle, id, Arc::clone(&enough.0));
    client.echo("Hello");
    served.open().echo("a newcomer");
}
