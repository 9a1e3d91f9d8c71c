//! A busy connection does not keep the others waiting.

use super::{Seen, idle, send_some, serve, turn};
use crate::support::{
    Raw,
    memory::{Echo, Guest, RawClient, Served, server},
    request_head,
};
use statesocket::{
    Config, Message,
    handshake::{Accept, Request},
    server::{Handle, Handler, Session, SessionId},
    testing::ClientOptions,
};
use std::{any::Any, cell::Cell, rc::Rc, sync::mpsc, time::Duration};

/// A client whose pipe takes far more than one turn.
fn dial_wide(served: &Served) -> RawClient {
    RawClient::dial_with(served, &ClientOptions::default().with(|options| options.pipe_bytes = 64 << 20))
}

#[test]
fn a_handler_with_endless_output_does_not_keep_others_waiting() {
    fn send_for_ever(seen: &Seen, session: &mut Session<'_>) {
        seen.left.set(u32::MAX);
        send_some(seen, session);
    }
    let (served, _seen) = serve(send_for_ever, send_for_ever);
    served.server().route("/quiet", || Echo).expect("the route is new");
    let mut greedy = dial_wide(&served);
    greedy.write(&request_head("/ws", &[]));
    (0..3).for_each(|_| turn(&served));
    let mut other = Guest::dial(&mut served.server(), "/quiet");
    other.ask_more(usize::MAX);
    other.send_raw(&Raw::new(Raw::TEXT, "Hello").masked().bytes());
    for _ in 0..3 {
        assert!(greedy.stream_mut().receive_raw().len() > 100_000, "the output is endless");
        turn(&served);
    }
    assert_eq!(other.receive_text(), "Hello");
}

#[test]
fn s4_endless_output_with_commands_does_not_keep_others_waiting() {
    fn send_and_command(seen: &Seen, session: &mut Session<'_>) {
        seen.left.set(u32::MAX);
        send_some(seen, session);
        session.handle().notify(session.id(), "an event").expect("the server is running");
    }
    let (served, seen) = serve(send_and_command, send_and_command);
    let mut client = dial_wide(&served);
    client.write(&request_head("/ws", &[]));
    for _ in 0..10 {
        let before = seen.drains.borrow().len();
        turn(&served);
        let in_one_turn = seen.drains.borrow().len() - before;
        assert!(in_one_turn <= 20, "{in_one_turn} calls of `on_drain` in one turn");
    }
    assert!(!seen.drains.borrow().is_empty());
}

#[test]
fn a_flood_of_one_peer_does_not_keep_others_waiting() {
    let (served, seen) = serve(idle, idle);
    let mut flooder = dial_wide(&served);
    flooder.write(&request_head("/ws", &[]));
    flooder.assert_accepted();
    // More than one turn can take.
    flooder.write(&Raw::new(Raw::BINARY, [1; 100]).masked().bytes().repeat(20_000));
    turn(&served);
    let in_one_turn = seen.messages.get();
    assert!(in_one_turn <= 4 * (128 << 10) / 106 + 1, "{in_one_turn} messages were read in one turn");
    assert!(in_one_turn > 0);
}

#[test]
fn other_connections_echo_during_a_flood() {
    let served = Served::echo(Config::default());
    let mut flooder = served.open();
    let mut client = Guest::open(&mut served.server());
    let frames = Raw::new(Raw::BINARY, [1; 10_000]).masked().bytes().repeat(10);
    let mut echoed = 0;
    for n in 0..50 {
        flooder.write(&frames);
        client.send_text(&n.to_string()).expect("the client is open");
        turn(&served);
        echoed += flooder.stream_mut().receive_raw().len();
        assert_eq!(client.receive_text(), n.to_string());
    }
    assert!(echoed > 1_000_000, "the flood goes on: {echoed} bytes were echoed");
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
    let mut server = server(Config::default());
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    server.route("/restless", move || Restless(Rc::clone(&counted))).expect("the route is new");
    let mut client = Guest::dial(&mut server, "/restless");
    client.ask_more(usize::MAX);
    while calls.get() == 0 {
        server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    }
    for _ in 0..5 {
        calls.set(0);
        server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
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
fn counting(count: usize) -> (Served, Vec<(RawClient, SessionId)>, Rc<Cell<usize>>) {
    let calls = Rc::new(Cell::new(0));
    let (counted, (sender, ids)) = (Rc::clone(&calls), mpsc::channel());
    let served = Served::start(Config::default(), |server| {
        let factory = move || Counting { calls: Rc::clone(&counted), sender: sender.clone(), last: None };
        server.route("/ws", factory).expect("the route is new");
    });
    let mut clients: Vec<_> = (0..count).map(|_| RawClient::dial(&served)).collect();
    clients.iter_mut().for_each(|client| client.write(&request_head("/ws", &[])));
    served.settle();
    let clients: Vec<_> = clients.into_iter().zip(ids.try_iter()).collect();
    assert_eq!(clients.len(), count);
    (served, clients, calls)
}

#[test]
fn s10_all_timers_of_a_moment_come_in_one_turn() {
    let (served, clients, calls) = counting(200);
    for (_, id) in &clients {
        let set = |session: &mut Session<'_>| session.set_timer(Duration::from_millis(20), 1);
        served.handle.with_session(*id, set).expect("the server is running");
    }
    turn(&served);
    served.server().clock().stall(Duration::from_millis(30));
    turn(&served);
    assert_eq!(calls.get(), clients.len());
}

#[test]
fn s4_a_command_of_the_drop_of_a_handler_stops_no_other_session() {
    let (served, mut clients, calls) = counting(8);
    for (number, (client, _)) in clients.iter_mut().enumerate() {
        client.send(Raw::new(Raw::TEXT, if number % 2 == 0 { "abort" } else { "Hello" }));
    }
    turn(&served);
    assert_eq!((served.connections(), calls.get()), (4, 8));
}

/// Gives the loop an empty command again and again.
fn keep_busy(handle: &Handle, id: SessionId) {
    let again = move |session: &mut Session<'_>| keep_busy(session.handle(), id);
    // It stops when the server ends.
    let _ = handle.with_session(id, again);
}

#[test]
fn endless_commands_starve_no_connection() {
    let (served, clients, _calls) = counting(1);
    served.server().route("/echo", || Echo).expect("the route is new");
    let mut client = Guest::dial(&mut served.server(), "/echo");
    client.ask_more(usize::MAX);
    served.settle();
    keep_busy(&served.handle, clients[0].1);
    client.send_text("Hello").expect("the client is open");
    let mut newcomer = Guest::dial(&mut served.server(), "/echo");
    newcomer.ask_more(usize::MAX);
    newcomer.send_raw(&Raw::new(Raw::TEXT, "Hello").masked().bytes());
    (0..3).for_each(|_| turn(&served));
    for client in [&mut client, &mut newcomer] {
        assert_eq!(client.receive_text(), "Hello");
    }
}
