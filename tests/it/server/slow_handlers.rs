//! A handler that takes long: the others wait, and no peer is blamed for it.

use crate::support::{
    Raw,
    memory::{Guest, server},
};
use statesocket::{
    CauseKind, Config, Event, Message, Phase,
    server::{Handler, Session},
    testing::TestServer,
};
use std::{cell::RefCell, mem, rc::Rc, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(7);

/// What happens while a slow handler is called.
type Meanwhile = Rc<RefCell<Box<dyn FnMut()>>>;

struct Slow(Meanwhile);

impl Handler for Slow {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        mem::replace(&mut *self.0.borrow_mut(), Box::new(|| {}))();
        session.send(&message).expect("the connection is open");
    }
}

/// A server with an echo at `/ws`, and a client of a slow handler that has not been called.
fn serve(config: Config) -> (TestServer, Guest, Meanwhile) {
    let mut server = server(config);
    let meanwhile: Meanwhile = Rc::new(RefCell::new(Box::new(|| {})));
    let there = Rc::clone(&meanwhile);
    server.route("/slow", move || Slow(Rc::clone(&there))).expect("the route is new");
    let mut slow = Guest::dial(&mut server, "/slow");
    slow.ask_more(usize::MAX);
    slow.assert_answered(&mut server, 101);
    (server, slow, meanwhile)
}

#[test]
fn other_connections_wait_and_lose_nothing() {
    let (mut server, mut slow, meanwhile) = serve(Config::default());
    let others: Vec<_> = (0..50).map(|_| Guest::ask(&mut server)).collect();
    server.settle();
    let others = Rc::new(RefCell::new(others));
    let newcomer = Guest::dial(&mut server, "/ws");
    let newcomer = Rc::new(RefCell::new(newcomer));
    let (clock, others_there, newcomer_there) = (server.clock(), Rc::clone(&others), Rc::clone(&newcomer));
    *meanwhile.borrow_mut() = Box::new(move || {
        newcomer_there.borrow_mut().ask_more(usize::MAX);
        for client in &mut *others_there.borrow_mut() {
            for round in 0..20 {
                client.send_text(&round.to_string()).expect("the client is open");
            }
        }
        clock.stall(Duration::from_secs(5));
    });
    slow.send_text("take your time").expect("the client is open");
    let begin = server.now();
    server.settle();
    assert_eq!((slow.receive_text(), server.now() - begin), ("take your time".to_owned(), Duration::from_secs(5)));
    for client in &mut *others.borrow_mut() {
        for round in 0..20 {
            assert_eq!(client.receive_text(), round.to_string());
        }
    }
    newcomer.borrow_mut().echo(&mut server);
    assert_eq!((server.connections(), server.tally().total_ended()), (52, 0));
}

/// Input is in time if it arrives in time, even if the loop reads it after the deadline.
#[test]
fn input_that_arrived_in_time_is_in_time_when_the_loop_is_late() {
    let (mut server, mut slow, meanwhile) = serve(Config::default().with(|config| {
        (config.opening_timeout, config.message_timeout) = (Some(TIMEOUT), Some(TIMEOUT));
        (config.ping_interval, config.pong_timeout) = (Some(TIMEOUT / 7), Some(TIMEOUT));
    }));
    // Each has a twin that is too late.
    let [mut awaited, mut silent] = [(); 2].map(|()| Guest::open(&mut server));
    awaited.stop_reading();
    silent.stop_reading();
    server.advance(TIMEOUT / 7);
    let [mut in_mid_head, mut without_head] = [(); 2].map(|()| Guest::dial(&mut server, "/ws"));
    let [mut in_mid_message, mut without_end] = [(); 2].map(|()| Guest::open(&mut server));
    let message = Raw::new(Raw::TEXT, "in two halves").masked().bytes();
    for client in [&mut in_mid_head, &mut without_head] {
        client.ask_more(20);
    }
    for client in [&mut in_mid_message, &mut without_end] {
        client.send_raw(&message[..8]);
    }
    server.settle();

    let in_time = Rc::new(RefCell::new([awaited, in_mid_head, in_mid_message]));
    let (clock, there) = (server.clock(), Rc::clone(&in_time));
    *meanwhile.borrow_mut() = Box::new(move || {
        let [awaited, in_mid_head, in_mid_message] = &mut *there.borrow_mut();
        // This one answers the Ping.
        awaited.resume_reading();
        assert!(matches!(awaited.receive_any(), Some(Event::Ping(_))));
        in_mid_head.ask_more(usize::MAX);
        in_mid_message.send_raw(&message[8..]);
        // Makes all deadlines pass.
        clock.stall(TIMEOUT + TIMEOUT / 4);
    });
    slow.send_text("take your time").expect("the client is open");
    server.settle();

    let [awaited, in_mid_head, in_mid_message] = &mut *in_time.borrow_mut();
    in_mid_head.assert_answered(&mut server, 101);
    assert_eq!(in_mid_message.receive_text(), "in two halves");
    awaited.echo(&mut server);
    without_head.assert_ended(&mut server, Some(408));
    for late in [&mut silent, &mut without_end] {
        late.resume_reading();
        server.settle();
        assert_eq!(late.phase(), Phase::Closed);
    }
    assert_eq!(server.tally().ended(CauseKind::TimedOut), 3);
}
