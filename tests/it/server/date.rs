//! The `Date` of every answer of a server (row S21), which has the clock of the system.

use crate::support::{
    loopback::{
        LONG, RawClient, Served, Witness,
        turns::{self, turn_until},
    },
    request_head,
};
use statesocket::{
    Config,
    handshake::{Request, Response},
    http::{HeaderValue, StatusCode, header::DATE},
    server::{Admission, Handler, Limits, Server, Session},
};
use std::{
    net::TcpListener,
    panic::resume_unwind,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The time in the only `Date` of an answer with this status.
#[track_caller]
fn date(answer: &str, status: u16) -> SystemTime {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
    let mut dates = head.lines().filter_map(|line| line.strip_prefix("Date: "));
    let (date, other) = (dates.next().expect("a date"), dates.next());
    assert_eq!(other, None, "{head}");
    httpdate::parse_http_date(date).expect("an HTTP date")
}

#[track_caller]
fn assert_dated_now(answer: &str, status: u16) {
    let (date, now) = (date(answer, status), SystemTime::now());
    let age = now.duration_since(date).expect("the date is not in the future");
    assert!(age < Duration::from_secs(60), "{answer}: {age:?}");
}

/// Answers as the query says.
fn answer(session: &mut Session<'_>, request: &Request) {
    match request.raw_query() {
        Some("panic") => resume_unwind(Box::new("this is what the test is about")),
        Some("close") => session.close(1008, "").expect("a request is pending"),
        Some("upgrade") => session.require_upgrade(),
        Some("date") => {
            let own = Response::new(StatusCode::OK).header(DATE, HeaderValue::from_static("Once"));
            session.reject(own.expect("not a reserved header")).expect("a request is pending");
        }
        Some("config") => {
            session.set_config(Arc::default()).expect("a request is pending");
            session.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request is pending");
        }
        Some("clock") => {
            let config = Config::default().with(|config| config.date = Some(|| SystemTime::UNIX_EPOCH));
            session.set_config(Arc::new(config)).expect("a request is pending");
            session.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request is pending");
        }
        Some("wait") => {}
        Some(status) => {
            let status = status.parse().expect("a status");
            session.reject(Response::new(status).body("why")).expect("a request is pending");
        }
        None => Witness::accept(session, request),
    }
}

fn asked(served: &Served, head: &[u8]) -> String {
    let mut client = RawClient::dial(served.address);
    client.write(head);
    client.rest_as_text()
}

#[test]
fn s21_every_answer_of_a_server_has_a_date() {
    let (served, _calls) = Served::witnessed(Config::default(), answer);
    for (status, target, changes) in [
        (200, "/ws?200", &[][..]),
        (302, "/ws?302", &[]),
        (404, "/ws?404", &[]),
        (503, "/ws?503", &[]),
        (403, "/ws?close", &[]),
        (403, "/ws?config", &[]),
        (426, "/ws?upgrade", &[("Upgrade", "")]),
        (500, "/ws?panic", &[]),
        (404, "/nowhere", &[]),
        (403, "/ws", &[("Origin", "https://evil.example")]),
        (400, "/ws", &[("Host", "")]),
        (400, "/ws", &[("Sec-WebSocket-Key", "")]),
        (426, "/ws", &[("Sec-WebSocket-Version", "8")]),
        (431, "/ws", &[("Connection", &",".repeat(200))]),
    ] {
        assert_dated_now(&asked(&served, &request_head(target, changes)), status);
    }
    assert_dated_now(&asked(&served, b"PUT /ws HTTP/1.1\r\n\r\n"), 405);
    let head = asked(&served, b"HEAD /ws HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_dated_now(&head, 426);
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let own = asked(&served, &request_head("/ws?date", &[]));
    assert!(own.contains("\r\ndate: Once\r\n") && !own.contains("Date:"), "{own}");
    let clock = asked(&served, &request_head("/ws?clock", &[]));
    assert_eq!(date(&clock, 403), SystemTime::UNIX_EPOCH);
}

#[test]
fn s21_a_101_of_a_server_has_no_date() {
    let served = Served::echo(Config::default());
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 ") && !head.contains("Date"), "{head}");
}

#[test]
fn s21_a_server_that_stops_answers_with_a_date() {
    let (mut served, calls) = Served::witnessed(Config::default(), answer);
    let [mut waiting, mut begun] = [(); 2].map(|()| RawClient::dial(served.address));
    begun.write(&request_head("/ws", &[])[..30]);
    waiting.write(&request_head("/ws?wait", &[]));
    calls.request();
    // When this one has been accepted, those before it have been too.
    served.open().echo("Hello");
    served.handle.shutdown(1001, LONG).expect("the server is running");
    assert_dated_now(&waiting.rest_as_text(), 503);
    assert_dated_now(&begun.rest_as_text(), 503);
    drop((waiting, begun));
    served.wait_for_end();
}

/// The answer to a request for `/ws`.
#[track_caller]
fn turned(server: &mut Server) -> String {
    let mut client = RawClient::dial(server.local_addr());
    client.write(&request_head("/ws", &[]));
    let (accepted, ended) = (server.tally().accepted, server.tally().total_ended());
    turn_until(server, |server| server.tally().accepted > accepted && server.tally().total_ended() > ended);
    client.head()
}

#[test]
fn s21_a_client_over_a_limit_and_a_strange_host_are_answered_with_a_date() {
    let mut server = turns::server(Config::default());
    server.set_limits(Limits::default().with(|limits| limits.max_connections = 0));
    assert_dated_now(&turned(&mut server), 503);
    server.set_limits(Limits::default().with(|limits| limits.max_connections_per_address = 0));
    assert_dated_now(&turned(&mut server), 429);
    server.set_limits(Limits::default());
    let mut admission = Admission::default();
    admission.hosts = Some(vec!["elsewhere.example".into()]);
    server.set_admission(admission).expect("each entry can match");
    assert_dated_now(&turned(&mut server), 421);
}

#[test]
fn s21_a_server_takes_the_clock_of_its_configuration() {
    let clock: fn() -> SystemTime = || SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let served = Served::echo(Config::default().with(|config| config.date = Some(clock)));
    assert_eq!(date(&asked(&served, &request_head("/nowhere", &[])), 404), clock());

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut server = Server::from_listener(listener, Config::default()).expect("a listening socket");
    assert_dated_now(&turned(&mut server), 404);
}

/// The configuration of a route may be one that your code has made as a whole.
#[test]
fn s21_a_route_with_its_own_configuration_answers_with_a_date() {
    let clock: fn() -> SystemTime = || SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let served = Served::start(Config::default(), move |server| {
        let whole: fn(&mut Config) = |config| *config = Config::default();
        let without: fn(&mut Config) = |config| (config.date, config.plain_http) = (None, true);
        let own = |config: &mut Config| config.date = Some(clock);
        server.route_with("/whole", whole, || Refusing).expect("the route is new");
        server.route_with("/without", without, || Refusing).expect("the route is new");
        server.route_with("/own", own, || Refusing).expect("the route is new");
    });
    for path in ["/whole", "/without"] {
        assert_dated_now(&asked(&served, &request_head(path, &[])), 403);
    }
    assert_dated_now(&asked(&served, b"GET /without HTTP/1.1\r\nHost: server.example.com\r\n\r\n"), 403);
    assert_eq!(date(&asked(&served, &request_head("/own", &[])), 403), clock());
}

struct Refusing;

impl Handler for Refusing {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request waits");
    }
}
