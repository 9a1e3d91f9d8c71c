//! Plain HTTP (rows S13 and K10).

use crate::support::{
    Witness,
    memory::{RawClient, Served, server},
    request_head,
};
use statesocket::{
    AcceptError, Cause, CauseKind, Config,
    handshake::{Accept, Request, Response},
    http::{StatusCode, header},
    server::{Admission, Handler, Params, Session},
    testing::TestServer,
};
use std::{io::ErrorKind, sync::mpsc, thread};

/// The handler of a newcomer, as the documentation shows it.
struct Naive;

impl Handler for Naive {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request has just come");
        session.send_text("naive").expect("it is open");
    }
}

struct Default426;

impl Handler for Default426 {}

fn page(_: &Request, _: &Params) -> Response {
    Response::new(StatusCode::OK).body("a page")
}

/// The whole answer to a plain request.
fn answer(served: &Served, method: &str, target: &str) -> String {
    let mut client = RawClient::dial(served);
    client.write(format!("{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
    client.rest_as_text()
}

/// The status of the answer to a GET, which a HEAD has too, with the same headers and without content.
#[track_caller]
fn status(served: &Served, target: &str) -> u16 {
    let [get, head] = ["GET", "HEAD"].map(|method| answer(served, method, target));
    let (head_of_get, body) = get.split_once("\r\n\r\n").expect("an answer is whole");
    assert_eq!(head, format!("{head_of_get}\r\n\r\n"), "{target}");
    assert!(head_of_get.contains(&format!("\r\nContent-Length: {}", body.len())), "{target}: {get}");
    get.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

#[test]
fn s13_a_page_and_a_websocket_share_a_path() {
    let served = Served::start(Config::default(), |server| {
        server.route("/", || Naive).expect("a new route");
        server.route_http("/", page).expect("another kind of request");
        server
            .route_http("/{*rest}", |_, params| {
                Response::new(StatusCode::OK).body(params.get("rest").unwrap().to_owned())
            })
            .expect("a new route");
        server.route("/{room}", || Naive).expect("another kind of request");
    });
    assert!(answer(&served, "GET", "/").ends_with("\r\n\r\na page"));
    assert!(answer(&served, "GET", "/a%20b/c?d").ends_with("\r\n\r\na b/c"));
    assert_eq!([status(&served, "/"), status(&served, "/x")], [200, 200]);
    assert_eq!(status(&served, "/%FF"), 400, "the parameter is not UTF-8");
    for target in ["/", "/x"] {
        assert_eq!(served.server().connect(target).receive_text(), "naive");
    }
    let tally = served.stop();
    assert_eq!((tally.ended(CauseKind::Answered), tally.ended(CauseKind::Rejected)), (6, 2), "{tally}");
    assert!(tally.to_string().contains(", 6 answered"), "{tally}");
}

#[test]
fn s13_a_route_that_has_not_opted_in_is_never_asked() {
    let served = Served::start(Config::default(), |server| {
        let factory = || -> Naive { panic!("no handler is made") };
        server.route("/ws", factory).expect("a new route");
        server.route_with("/ws/{x}", |config| config.max_fragments = 1, factory).expect("a new route");
        server.route_http("/page", page).expect("a new route");
    });
    for target in ["/ws", "/ws/1"] {
        assert_eq!(status(&served, target), 426);
        let answer = answer(&served, "GET", target).to_lowercase();
        for line in ["upgrade: websocket", "connection: close, upgrade", "sec-websocket-version: 13"] {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{answer}");
        }
    }
    assert_eq!([status(&served, "/page"), status(&served, "/nowhere"), status(&served, "/ws/1/2")], [200, 404, 404]);
    let tally = served.stop();
    assert_eq!((tally.ended(CauseKind::Answered), tally.ended(CauseKind::Rejected)), (2, 10), "{tally}");
}

/// It would have no effect.
#[test]
fn s13_a_server_does_not_opt_in_for_its_routes() {
    let config = Config::default().with(|config| config.plain_http = true);
    let error = TestServer::new(config).expect_err("routes opt in");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("route_http"), "{error}");
}

#[test]
fn s13_a_page_is_no_websocket_endpoint() {
    let served = Served::start(Config::default(), |server| server.route_http("/", page).expect("a new route"));
    let connect = |target: &str| {
        let mut client = RawClient::dial(&served);
        client.write(&request_head(target, &[]));
        client.rest_as_text()
    };
    let refused = connect("/");
    assert!(refused.starts_with("HTTP/1.1 404 ") && refused.ends_with("no WebSocket endpoint\n"), "{refused}");
    assert!(connect("/x").ends_with("this path has no route\n"));
    assert_eq!(status(&served, "/"), 200);
}

#[test]
fn s13_a_page_that_fails_is_answered_with_500() {
    let served = Served::start(Config::default(), |server| {
        let mut count = 0;
        let every_second = move |_: &Request, _: &Params| {
            count += 1;
            assert!(count % 2 == 0, "as the test wants it");
            Response::new(StatusCode::OK)
        };
        server.route_http("/panic", every_second).expect("a new route");
        let framed = |_: &Request, _: &Params| {
            let mut response = Response::new(StatusCode::OK);
            response.headers.insert(header::CONTENT_LENGTH, 7.into());
            response
        };
        server.route_http("/framed", framed).expect("a new route");
        server.route_http("/101", |_, _| Response::new(StatusCode::SWITCHING_PROTOCOLS)).expect("a new route");
        server.route_http("/204", |_, _| Response::new(StatusCode::NO_CONTENT).body("x")).expect("a new route");
    });
    for target in ["/framed", "/101", "/204"] {
        assert_eq!(status(&served, target), 500, "{target}");
    }
    for expected in [500, 200, 500, 200] {
        let answer = answer(&served, "GET", "/panic");
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{answer}");
    }
    let tally = served.stop();
    assert_eq!((tally.ended(CauseKind::Answered), tally.ended(CauseKind::Rejected)), (2, 8), "{tally}");
}

#[test]
fn s13_plain_requests_have_one_route_per_path() {
    let mut server = server(Config::default());
    server.route_http("/a", page).expect("a new route");
    server.route_http("/%61", page).expect_err("it is the same path");
    let error = server.route_with("/a", |config| config.plain_http = true, || Naive).expect_err("a page is there");
    assert_eq!(error.path, "/a");
    server.route("/a", || Naive).expect("the error has added no part of the route");
    server.route_with("/b", |config| config.plain_http = true, || Naive).expect("a new route");
    server.route_http("/b", page).expect_err("a handler is there");
    server.route("/c", || Naive).expect("a new route");
    server.route_with("/c", |config| config.plain_http = true, || Naive).expect_err("a handler is there");
    server.route_http("/c", page).expect("the error has added no part of the route");
    for path in ["", "a", "/a?b", "/{open"] {
        server.route_http(path, page).expect_err(path);
    }
}

#[test]
fn s13_a_handler_that_has_opted_in_answers_now_or_later() {
    let (sender, calls) = mpsc::channel();
    let served = Served::start(Config::default(), move |server| {
        let answer = |session: &mut Session<'_>, request: &Request| {
            if request.is_websocket() {
                return session.accept(Accept::new()).expect("a request waits");
            }
            assert_eq!(session.accept(Accept::new()).expect_err("not a WebSocket"), AcceptError::NotWebSocket);
            let response = Response::new(StatusCode::OK).body("a page");
            if request.raw_query().is_none() {
                return session.respond(response).expect("a request waits");
            }
            let (handle, id) = (session.handle().clone(), session.id());
            let respond = move || handle.with_session(id, |session| session.respond(response).expect("it waits"));
            thread::spawn(respond).join().expect("the thread does not panic").expect("the server is running");
        };
        let factory = move || Witness::new(sender.clone(), answer);
        server.route_with("/both", |config| config.plain_http = true, factory).expect("a new route");
        server.route_with("/default", |config| config.plain_http = true, || Default426).expect("a new route");
    });
    let calls = served.calls(calls);
    for target in ["/both", "/both?later"] {
        assert_eq!(status(&served, target), 200);
        for _ in 0..2 {
            calls.request();
            let end = calls.end();
            assert_eq!(end.disconnect.cause, Cause::Answered(StatusCode::OK));
        }
    }
    let mut client = RawClient::open(&served, "/both");
    client.echo("and a WebSocket");
    assert_eq!(status(&served, "/default"), 426);
    drop(client);
    assert_eq!(served.stop().ended(CauseKind::Answered), 4);
}

#[test]
fn s13_the_host_of_a_plain_request_is_checked_and_its_origin_is_not() {
    let served = Served::start(Config::default(), |server| {
        server.route_http("/", page).expect("a new route");
        let hosts = Some(vec!["example.com".to_owned()]);
        server.set_admission(Admission::default().with(|admission| admission.hosts = hosts)).expect("a host");
    });
    for (host, status) in [("example.com", 200), ("evil.example", 421)] {
        let mut client = RawClient::dial(&served);
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: https://evil.example\r\n\r\n");
        client.write(head.as_bytes());
        let answer = client.rest_as_text();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

/// The answers: a page, 426 by the server, 404.
#[test]
fn k10_a_head_is_answered_like_a_get_without_content() {
    let served = Served::start(Config::default(), |server| {
        server.route_http("/page", page).expect("the first route");
        server.route("/ws", || Naive).expect("another path");
    });
    for (target, expected) in [("/page", 200), ("/ws", 426), ("/x", 404)] {
        assert_eq!(status(&served, target), expected, "{target}");
    }
}
