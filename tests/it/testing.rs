//! A server in memory: what its clients and its clock do.

use statesocket::{
    Cause, CauseKind, CloseCode, Config, Disconnect, Event, Message, Party, Phase, State, Timer,
    handshake::{Accept, Connect, Request, Response},
    http::{
        HeaderValue, StatusCode,
        header::{DATE, ORIGIN},
    },
    server::{Handler, Limits, Session, SessionId},
    testing::{Client, ClientOptions, TestServer},
};
use std::{any::Any, cell::RefCell, io::ErrorKind, rc::Rc, sync::mpsc, thread, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// What happened to the handlers, in order.
type Log = Rc<RefCell<Vec<String>>>;

/// Echoes, and logs the end. The text `every` has it send a tick per second, and `loop` has it call itself for ever.
struct Echo(Log);

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        match message.as_text() {
            Some("every") => session.set_timer(SECOND, 1),
            Some("loop") => session.set_timer(Duration::ZERO, 0),
            Some(_) | None => session.send(message).unwrap_or_else(|error| self.log(&error)),
        }
    }

    fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
        session.set_timer(SECOND * token as u32, token);
        if token == 1 {
            session.send_text("tick").expect("the session is open");
        }
    }

    fn on_drain(&mut self, _: &mut Session<'_>) {
        self.log(&"drained");
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, end: &Disconnect) {
        self.log(end);
    }
}

impl Echo {
    fn log(&self, what: &dyn std::fmt::Display) {
        self.0.borrow_mut().push(what.to_string());
    }
}

fn echo_server(config: Config) -> (TestServer, Log) {
    let (mut server, log) = (TestServer::new(config).expect("the configuration is right"), Log::default());
    let there = Rc::clone(&log);
    server.route("/echo", move || Echo(Rc::clone(&there))).expect("the route is new");
    (server, log)
}

fn connect(target: &str) -> Connect {
    Connect::new(&format!("ws://localhost{target}")).expect("a URI")
}

fn status(client: &Client) -> Option<u16> {
    client.response().map(|response| response.status.as_u16())
}

#[test]
fn s16_a_client_shows_both_states_from_the_request_to_the_end() {
    struct Late;
    impl Handler for Late {
        fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
            session.set_timer(SECOND, 0);
        }

        fn on_timer(&mut self, session: &mut Session<'_>, _: u64) {
            session.accept(Accept::new()).expect("the request waits");
        }
    }
    let (mut server, _) = echo_server(Config::default());
    server.route("/late", || Late).expect("the route is new");
    let mut client = server.connect("/late");
    let states = |client: &Client| Party::ALL.map(|party| client.state(party));
    assert_eq!((client.phase(), status(&client)), (Phase::Requested, None));
    server.advance(SECOND);
    assert_eq!((states(&client), status(&client)), ([State::Connected; 2], Some(101)));
    client.close(4000, "enough").expect("the client is open");
    assert_eq!(client.phase(), Phase::ClientClosed);
    server.settle();
    assert_eq!(states(&client), [State::Disconnected; 2]);
    let end = client.receive_end();
    assert_eq!((end.code, end.cause, &*end.reason), (CloseCode::from(4000), Cause::LocalClosed, "enough"));
    assert_eq!((client.receive(), server.tally().clean), (None, 1));
}

#[test]
fn s16_answers_have_status_headers_and_body() {
    let (mut server, _) = echo_server(Config::default());
    let foreign = connect("/echo").header(ORIGIN, HeaderValue::from_static("https://example.com")).expect("an origin");
    let refused = server.connect_with(&foreign, &ClientOptions::default());
    assert_eq!((status(&refused), refused.phase()), (Some(403), Phase::Closed));
    let absent = server.connect("/absent").response().expect("an answer");
    assert_eq!((absent.status, &*absent.body), (StatusCode::NOT_FOUND, &b"this path has no route\n"[..]));
    assert_eq!(absent.headers[DATE], "Sat, 01 Jan 2000 00:00:00 GMT");
    server.route_http("/page", |_, _| Response::new(StatusCode::OK).body("a page")).expect("the route is new");
    assert_eq!(server.get("/page?a=b").expect("an answer").body, &b"a page"[..]);
    assert_eq!(server.get("/echo").expect("an answer").status, StatusCode::UPGRADE_REQUIRED);
}

#[test]
fn s16_the_clock_passes_every_deadline_in_its_order() {
    let (mut server, log) = echo_server(Config::default());
    let (mut client, begin) = (server.connect("/echo"), server.now());
    client.send_text("every").expect("the client is open");
    server.advance(SECOND * 90);
    assert_eq!(server.now(), begin + SECOND * 90);
    let events: Vec<_> = std::iter::from_fn(|| client.receive_any()).collect();
    let pings: Vec<_> =
        events.iter().enumerate().filter(|(_, event)| matches!(event, Event::Ping(_))).map(|(at, _)| at).collect();
    assert_eq!((events.len(), pings.len()), (94, 4), "a tick per second, and a Ping after each 20 s");
    // The client goes on reading, but its Pongs get lost.
    client.stop_reading();
    server.advance(SECOND * 19);
    assert_eq!(client.phase(), Phase::Open);
    server.advance(SECOND * 60);
    assert_eq!(log.borrow().len(), 1, "{log:?}");
    client.resume_reading();
    server.settle();
    assert_eq!(client.disconnected().and_then(|end| end.received).map(|close| close.code.as_u16()), Some(1011));
}

#[test]
fn s16_a_deadline_comes_at_its_time_and_not_before() {
    let (mut server, log) = echo_server(Config::default().with(|config| config.idle_timeout = Some(SECOND * 7)));
    let client = server.connect("/echo");
    server.advance(SECOND * 7 - Duration::from_nanos(1));
    assert_eq!((client.phase(), log.borrow().len()), (Phase::Open, 0));
    server.advance(Duration::from_nanos(1));
    assert_eq!((client.phase(), server.tally().ended(CauseKind::TimedOut)), (Phase::Closed, 1));
    // Deadlines of clients come too.
    let options = ClientOptions::default().with(|options| options.config.idle_timeout = Some(SECOND * 3));
    let impatient = server.connect_with(&connect("/echo"), &options);
    server.advance(SECOND * 3);
    assert_eq!(impatient.disconnected().map(|end| end.cause), Some(Cause::TimedOut(Timer::Idle)));
}

#[test]
fn s16_a_client_that_does_not_read_fills_its_pipe() {
    let (mut server, log) = echo_server(Config::default());
    let options = ClientOptions::default().with(|options| options.pipe_bytes = 1 << 10);
    let (mut slow, mut quick) = (server.connect_with(&connect("/echo"), &options), server.connect("/echo"));
    slow.stop_reading();
    let message = vec![7; 100_000];
    for _ in 0..10 {
        slow.send_binary(&message).expect("the client is open");
    }
    quick.send_text("not held up").expect("the client is open");
    server.settle();
    assert_eq!((quick.receive_text(), slow.receive()), ("not held up".to_owned(), None));
    slow.resume_reading();
    server.settle();
    for _ in 0..10 {
        assert_eq!(slow.receive_binary(), message);
    }
    assert!(log.borrow().iter().all(|line| line == "drained") && !log.borrow().is_empty(), "{log:?}");
    // One that never reads is given up after a time, exactly.
    slow.stop_reading();
    slow.send_binary(&message).expect("the client is open");
    server.settle();
    server.advance(SECOND * 60);
    assert_eq!(server.tally().ended(CauseKind::TimedOut), 1);
}

#[test]
fn s16_a_server_sees_how_the_transport_ends() {
    for (end, expected) in [
        ((|client| drop(client)) as fn(Client), "1006 (transport lost)"),
        (|mut client| client.reset(), "1006 (transport lost: connection reset)"),
        (|mut client| client.shut_down_writing(), "1006 (transport lost)"),
        (
            |mut client| client.send_raw(b"\x81\x02no"),
            "1006 (protocol violation: a frame from the client is not masked, not clean)",
        ),
    ] {
        let (mut server, log) = echo_server(Config::default());
        let client = server.connect("/echo");
        end(client);
        server.settle();
        assert_eq!(*log.borrow(), [expected]);
        assert_eq!(server.connections(), 0);
    }
}

#[test]
fn s16_an_ended_direction_comes_after_the_bytes_before_it() {
    let (mut server, _) = echo_server(Config::default());
    let mut client = server.connect("/echo");
    client.send_text("a last word").expect("the client is open");
    client.shut_down_writing();
    server.settle();
    assert_eq!(client.receive_text(), "a last word");
    assert_eq!(client.receive_end().cause, Cause::TransportLost(None));
}

#[test]
#[should_panic = "the server has not come to rest after 100000 turns"]
fn s16_a_server_that_never_rests_is_told() {
    let (mut server, _) = echo_server(Config::default());
    let mut client = server.connect("/echo");
    client.send_text("loop").expect("the client is open");
    server.settle();
}

#[test]
fn s16_commands_are_executed_when_the_server_settles() {
    struct Known(mpsc::Sender<SessionId>);
    impl Handler for Known {
        fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
            self.0.send(session.id()).expect("the test waits");
            session.accept(Accept::new()).expect("the request has just come");
        }

        fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
            session.send_text(event.downcast_ref::<&str>().expect("a text")).expect("the session is open");
        }
    }
    let (mut server, _) = echo_server(Config::default());
    let (ids, id) = mpsc::channel();
    server.route("/known", move || Known(ids.clone())).expect("the route is new");
    let (mut known, mut other) = (server.connect("/known"), server.connect("/echo"));
    let (id, handle) = (id.recv().expect("the request has come"), server.handle());
    thread::spawn(move || handle.send_text(id, "from afar")).join().expect("no panic").expect("the server runs");
    server.handle().notify(id, "from here").expect("the server runs");
    assert_eq!(known.receive(), None);
    server.settle();
    // The commands of the thread of the loop come first.
    assert_eq!((known.receive_text(), known.receive_text()), ("from here".to_owned(), "from afar".to_owned()));
    assert_eq!(other.receive(), None);
}

#[test]
fn s16_a_shutdown_takes_the_time_of_the_clock_only() {
    let (mut server, log) = echo_server(Config::default());
    let (polite, mut deaf) = (server.connect("/echo"), server.connect("/echo"));
    deaf.stop_reading();
    server.handle().shutdown(1012, SECOND * 5).expect("the server runs");
    server.settle();
    assert_eq!((polite.phase(), server.connections(), server.is_stopped()), (Phase::Closed, 1, false));
    let late = server.connect("/echo");
    assert_eq!(late.disconnected().map(|end| end.cause), Some(Cause::TransportLost(None)));
    let begin = server.now();
    // The loop of a program moves the clock, too.
    server.run().expect("every wait ends");
    assert_eq!((server.now(), server.is_stopped(), log.borrow().len()), (begin + SECOND * 5, true, 2));
}

#[test]
fn s16_a_wait_that_nothing_ends_is_an_error() {
    let (mut server, _) = echo_server(Config::default());
    server.settle();
    assert_eq!(server.run().map_err(|error| error.kind()), Err(ErrorKind::Deadlock));
    let begin = server.now();
    server.turn(Some(SECOND)).expect("this wait ends");
    assert_eq!(server.now(), begin + SECOND);
}

#[test]
fn s16_only_the_limits_of_the_server_apply() {
    let (mut server, _) = echo_server(Config::default());
    server.set_limits(Limits::default().with(|limits| limits.max_connections = 2));
    let clients = [(); 3].map(|()| server.connect("/echo"));
    assert_eq!(clients.each_ref().map(status), [Some(101), Some(101), Some(503)]);
    let error = TestServer::new(Config::default().with(|config| config.plain_http = true));
    assert_eq!(error.map(|_| ()).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
}

#[test]
fn s16_a_request_may_come_in_pieces_or_never() {
    let (mut server, _) = echo_server(Config::default());
    let [mut slow, mut silent] = [(); 2].map(|()| server.dial(&connect("/echo"), &ClientOptions::default()));
    let request = slow.take_request();
    for piece in request.chunks(7) {
        assert_eq!(slow.phase(), Phase::Requested);
        slow.send_raw(piece);
        server.settle();
    }
    assert_eq!((slow.phase(), status(&silent)), (Phase::Open, None));
    silent.send_request();
    server.settle();
    assert_eq!(silent.phase(), Phase::Open);
}
