//! Versions of HTTP, and requests that ask for no WebSocket (rows K10, S13).

use crate::support::{
    config, drain, feed,
    handshake::{request, server},
    pending, request_head,
};
use statesocket::http::{Method, StatusCode};
use statesocket::{
    AcceptError, Cause, Config, Connection, Event, HandshakeError, RejectError,
    handshake::{Accept, Response},
};
use std::{
    iter,
    time::{Duration, Instant},
};

fn plain_http() -> Config {
    config(|config| config.plain_http = true)
}

/// The request of RFC 6455 with `changes`, in this version of HTTP.
fn of_version(version: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    let head = String::from_utf8(request_head("/chat", changes)).expect("a head is text");
    head.replace(" HTTP/1.1\r\n", &format!(" HTTP/{version}\r\n")).into_bytes()
}

/// The error with which a server ends for `bytes`, if it ends, and its output.
fn answer(config: Config, bytes: &[u8]) -> (Option<HandshakeError>, String) {
    let mut server = server(config);
    let error = feed(&mut server, bytes).into_iter().find_map(|event| match event {
        Event::Disconnect(end) => match end.cause {
            Cause::Handshake(error) => Some(error),
            other => panic!("{other}"),
        },
        _ => None,
    });
    (error, String::from_utf8(drain(&mut server)).expect("an answer is text"))
}

/// RFC 9110 section 7.8: "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request."
#[test]
fn k10_a_request_of_http_1_0_is_plain_and_never_an_upgrade() {
    for changes in [&[][..], &[("Upgrade", "")], &[("Sec-WebSocket-Key", "bad")], &[("Connection", "keep-alive")]] {
        let bytes = of_version("1.0", changes);
        let request = request(plain_http(), &bytes);
        assert_eq!((request.method(), request.path(), request.is_websocket()), (&Method::GET, "/chat", false));
        assert_eq!(request.subprotocols().len(), 0);

        let mut server = server(plain_http());
        feed(&mut server, &bytes);
        assert_eq!(server.accept(Accept::new()), Err(AcceptError::NotWebSocket));
        server.reject(Response::new(StatusCode::OK).body("Hello")).expect("it can be answered");
        let answer = String::from_utf8(drain(&mut server)).expect("text");
        assert_eq!(answer, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nHello");

        let (error, answer) = self::answer(Config::default(), &bytes);
        assert_eq!(error, Some(HandshakeError::UpgradeRequired));
        assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
    }
}

/// RFC 9112 section 3.2 demands a `Host` in HTTP/1.1, not in HTTP/1.0. The health checks of HAProxy have none.
#[test]
fn k10_a_request_of_http_1_0_may_lack_a_host() {
    for head in ["GET /up?a HTTP/1.0\r\n\r\n", "GET /up?a HTTP/1.0\r\nUpgrade: websocket\r\n\r\n"] {
        let request = request(plain_http(), head.as_bytes());
        assert_eq!((request.authority(), request.path()), (None, "/up"));
        assert_eq!(request.url("http"), "http:///up?a");
        assert!(!request.is_same_origin());
        assert_eq!(answer(Config::default(), head.as_bytes()).0, Some(HandshakeError::UpgradeRequired));
    }
    let absolute = request(plain_http(), b"GET http://h:81/up HTTP/1.0\r\n\r\n");
    assert_eq!((absolute.authority().expect("the target has one").as_str(), absolute.path()), ("h:81", "/up"));
    let with_host = request(plain_http(), b"GET /up HTTP/1.0\r\nHost: h\r\n\r\n");
    assert_eq!(with_host.authority().expect("there is a Host").as_str(), "h");

    for lines in ["Host: a\r\nHost: a", "Host: a b", "Host:", "Host: user@a"] {
        let bytes = format!("GET / HTTP/1.0\r\n{lines}\r\n\r\n");
        assert_eq!(answer(plain_http(), bytes.as_bytes()).0, Some(HandshakeError::InvalidHost), "{lines:?}");
    }
    for version in ["1.1", "1.2", "1.9"] {
        for target in ["/", "http://h/"] {
            let bytes = format!("GET {target} HTTP/{version}\r\n\r\n");
            assert_eq!(answer(plain_http(), bytes.as_bytes()).0, Some(HandshakeError::InvalidHost), "{version}");
        }
    }
}

#[test]
fn k10_every_minor_version_from_1_1_on_may_upgrade() {
    for minor in 1..=9 {
        let bytes = of_version(&format!("1.{minor}"), &[]);
        let mut server = server(Config::default());
        assert!(matches!(feed(&mut server, &bytes).as_slice(), [Event::Request(_)]), "{minor}");
        server.accept(Accept::new()).expect("it asks for a WebSocket");
        assert!(server.output().starts_with(b"HTTP/1.1 101 "), "{minor}");
    }
}

#[test]
fn k10_only_another_major_version_is_answered_with_505() {
    for version in ["0.0", "0.9", "2.0", "2.1", "3.0", "9.9"] {
        for config in [Config::default(), plain_http()] {
            let (error, answer) = answer(config, &of_version(version, &[]));
            assert_eq!(error, Some(HandshakeError::VersionNotSupported), "{version}");
            assert!(answer.starts_with("HTTP/1.1 505 "), "{version}: {answer}");
        }
    }
    for version in ["1", "1.", ".1", "1.10", "1.1.1", "11.1", "01.1", "1.x", "x.1", "1,1", "-1.1", "2", "2.10"] {
        let error = answer(plain_http(), &of_version(version, &[])).0;
        assert_eq!(error, Some(HandshakeError::Malformed), "{version}");
    }
    for line in ["GET /", "GET", "GET / ", "HEAD /"] {
        let error = answer(plain_http(), format!("{line}\r\n\r\n").as_bytes()).0;
        assert_eq!(error, Some(HandshakeError::Malformed), "{line:?} of HTTP/0.9");
    }
}

#[test]
fn k10_a_head_is_a_plain_request_whatever_it_asks_for() {
    for version in ["1.0", "1.1", "1.5"] {
        for changes in [&[][..], &[("Upgrade", "")], &[("Sec-WebSocket-Version", "8")]] {
            let bytes = [b"HEAD", &of_version(version, changes)[3..]].concat();
            let request = request(plain_http(), &bytes);
            assert_eq!((request.method(), request.path(), request.is_websocket()), (&Method::HEAD, "/chat", false));
            let mut server = server(plain_http());
            feed(&mut server, &bytes);
            assert_eq!(server.accept(Accept::new()), Err(AcceptError::NotWebSocket));
            assert_eq!(answer(Config::default(), &bytes).0, Some(HandshakeError::UpgradeRequired));
        }
    }
    assert_eq!(request(Config::default(), &request_head("/", &[])).method(), &Method::GET);
}

/// RFC 9110 section 9.3.2: "The HEAD method is identical to GET except that the server MUST NOT send content".
#[test]
fn k10_the_answer_to_a_head_is_the_answer_to_a_get_without_content() {
    for (status, body) in
        [(200, "a page"), (200, ""), (302, "there"), (404, "no"), (500, "oops"), (205, ""), (204, ""), (304, "")]
    {
        let status = StatusCode::from_u16(status).expect("a status");
        let [get, head] = ["GET", "HEAD"].map(|method| {
            let mut server = server(plain_http());
            feed(&mut server, format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
            server.reject(Response::new(status).body(body)).expect("it can be answered");
            assert!(matches!(pending(&mut server).as_slice(), [Event::Disconnect(end)] if end.cause == Cause::Rejected(status)));
            String::from_utf8(drain(&mut server)).expect("text")
        });
        assert_eq!(Some(head.as_str()), get.strip_suffix(body), "{status}");
        assert!(head.ends_with("\r\n\r\n"), "{status}: {head}");
        let length = format!("\r\nContent-Length: {}\r\n", body.len());
        assert_eq!(head.contains(&length), ![204, 304].contains(&status.as_u16()), "{status}: {head}");
    }
    let mut server = server(plain_http());
    feed(&mut server, b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    let refused = server.reject(Response::new(StatusCode::NO_CONTENT).body("x"));
    assert_eq!(refused, Err(RejectError::BodyNotAllowed(StatusCode::NO_CONTENT)), "as for a GET");
}

/// The answers that the crate makes itself: refusals of every kind, also of an incomplete request.
#[test]
fn k10_our_own_answers_to_a_head_have_no_content() {
    let small = |change: fn(&mut Config)| config(change);
    let long = "x".repeat(10_000);
    let cases: [(Config, String, u16); 14] = [
        (Config::default(), "{} / HTTP/1.1\r\nHost: h\r\n\r\n".into(), 426),
        (Config::default(), "{} / HTTP/1.0\r\n\r\n".into(), 426),
        (Config::default(), "{} / HTTP/1.1\r\n\r\n".into(), 400),
        (plain_http(), "{} / HTTP/1.1\r\nHost: h\r\nNo-Colon\r\n\r\n".into(), 400),
        (plain_http(), "{} / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n".into(), 400),
        (plain_http(), "{} / HTTP/1.1\r\nHost: h\r\nOrigin: a\r\nOrigin: a\r\n\r\n".into(), 400),
        (plain_http(), "{} * HTTP/1.1\r\nHost: h\r\n\r\n".into(), 400),
        (plain_http(), "{} / HTTP/2.0\r\n\r\n".into(), 505),
        (plain_http(), "\r\n\r\n{} /\0".into(), 400),
        (plain_http(), "{} /a b HTTP/1.1\r\n".into(), 400),
        (plain_http(), format!("{{}} /{long}"), 414),
        (small(|config| config.max_headers = 1), "{} / HTTP/1.1\r\nHost: h\r\nA: b\r\n".into(), 431),
        (small(|config| config.max_head_bytes = 30), "{} / HTTP/1.1\r\nHost: h and more".into(), 431),
        (
            small(|config| (config.plain_http, config.max_early_bytes) = (true, 1)),
            "{} / HTTP/1.1\r\nHost: h\r\n\r\nxx".into(),
            400,
        ),
    ];
    for (config, bytes, status) in cases {
        let ask = |method, size: usize| {
            let bytes = bytes.replace("{}", method);
            let mut server = server(config.clone());
            bytes.as_bytes().chunks(size).for_each(|piece| drop(feed(&mut server, piece)));
            String::from_utf8(drain(&mut server)).expect("text")
        };
        let get = ask("GET", 1000);
        assert!(get.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {get}");
        let (head, body) = get.split_once("\r\n\r\n").expect("an answer is whole");
        assert!(!body.is_empty() && head.contains(&format!("\r\nContent-Length: {}", body.len())), "{bytes}: {get}");
        for size in [1, 3, 20_000] {
            assert_eq!(ask("HEAD", size), format!("{head}\r\n\r\n"), "{bytes} in pieces of {size}");
        }
    }
}

#[test]
fn k10_no_command_that_answers_a_head_writes_content() {
    let half = b"HEAD /chat HTTP/1.1\r\nHost: h\r\n";
    let whole = [&half[..], b"\r\n"].concat();
    let late = Instant::now() + Duration::from_secs(100);
    for (bytes, end, status) in [
        (
            &half[..],
            Box::new(|server: &mut Connection| server.handle_timeout(late)) as Box<dyn Fn(&mut Connection)>,
            408,
        ),
        (half, Box::new(|server| server.shutdown(1001)), 503),
        (&whole, Box::new(|server| server.shutdown(1001)), 503),
        (&whole, Box::new(|server| server.handle_timeout(late)), 503),
        (&whole, Box::new(|server| server.refuse(StatusCode::NOT_FOUND)), 404),
        (&whole, Box::new(|server| server.ensure_closed(1000, "no")), 403),
    ] {
        let mut server = server(plain_http());
        feed(&mut server, bytes);
        end(&mut server);
        let answer = String::from_utf8(drain(&mut server)).expect("text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[test]
fn k10_the_method_head_is_case_sensitive() {
    for method in ["head", "Head", "HEADS", "HEA", "AHEAD", "HEAD_"] {
        for config in [Config::default(), plain_http()] {
            let (error, answer) = answer(config, format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
            assert_eq!(error, Some(HandshakeError::MethodNotAllowed), "{method}");
            assert!(answer.ends_with("\r\n\r\nthe method is neither GET nor HEAD\n"), "{method}: {answer}");
        }
    }
}

/// RFC 9110 section 10.2.1: `Allow` lists what the resource supports.
#[test]
fn k10_a_405_lists_head_where_plain_requests_are_taken() {
    for method in ["POST", "OPTIONS", "DELETE", "TRACE", "CONNECT"] {
        for (config, allow) in [(Config::default(), "GET"), (plain_http(), "GET, HEAD")] {
            let (error, answer) = answer(config, format!("{method} / HTTP/1.0\r\n\r\n").as_bytes());
            assert_eq!(error, Some(HandshakeError::MethodNotAllowed), "{method}");
            assert!(answer.contains(&format!("\r\nallow: {allow}\r\n")), "{method}: {answer}");
        }
    }
}

/// The bytes after a plain request are held, as after any request, and dropped with the answer.
#[test]
fn k10_the_bytes_after_a_head_are_not_answered() {
    let two = b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2);
    let mut server = server(plain_http());
    let events = feed(&mut server, &two);
    assert!(matches!(events.as_slice(), [Event::Request(_)]), "{events:?}");
    server.reject(Response::new(StatusCode::OK).body("page")).expect("it can be answered");
    let events: Vec<_> = iter::from_fn(|| server.poll_event()).collect();
    assert!(matches!(events.as_slice(), [Event::Disconnect(_)]), "{events:?}");
    assert_eq!(drain(&mut server), b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n");
}

#[test]
fn s13_an_answered_plain_request_is_no_rejection() {
    for (status, body) in [(200, "a page"), (200, ""), (302, "there"), (404, "no"), (204, ""), (304, "")] {
        let status = StatusCode::from_u16(status).expect("a status");
        for bytes in
            ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"]
        {
            let [(answered, answer), (rejected, same)] = [Connection::respond, Connection::reject].map(|command| {
                let mut server = server(plain_http());
                feed(&mut server, bytes.as_bytes());
                command(&mut server, Response::new(status).body(body)).expect("it can be answered");
                let error = command(&mut server, Response::new(status)).expect_err("it is answered");
                assert!(matches!(error, RejectError::Transition(_)), "{error:?}");
                let events = pending(&mut server);
                let [Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
                (*end.clone(), String::from_utf8(drain(&mut server)).expect("text"))
            });
            assert_eq!((&answered.cause, &rejected.cause), (&Cause::Answered(status), &Cause::Rejected(status)));
            assert_eq!(answered.to_string(), format!("answered with {status}"));
            assert_eq!((answered.code, answered.initiator), (rejected.code, rejected.initiator));
            assert!(!answered.is_clean && !answered.is_retryable(), "{answered:?}");
            assert_eq!(answer, same, "both are written alike");
        }
    }
}

#[test]
fn s13_only_a_request_for_a_websocket_cannot_be_answered() {
    let mut asked = server(plain_http());
    feed(&mut asked, &request_head("/chat", &[]));
    assert_eq!(asked.respond(Response::new(StatusCode::OK)), Err(RejectError::AsksForWebSocket));
    asked.accept(Accept::new()).expect("nothing has changed");

    for bytes in [of_version("1.0", &[]), request_head("/chat", &[("Upgrade", "h2c")])] {
        let mut server = server(plain_http());
        feed(&mut server, &bytes);
        let refused = server.respond(Response::new(StatusCode::SWITCHING_PROTOCOLS));
        assert_eq!(refused, Err(RejectError::NotFinal(StatusCode::SWITCHING_PROTOCOLS)));
        let refused = server.respond(Response::new(StatusCode::NO_CONTENT).body("x"));
        assert_eq!(refused, Err(RejectError::BodyNotAllowed(StatusCode::NO_CONTENT)));
        assert!(server.output().is_empty() && server.request().is_some(), "an error has changed nothing");
        server.respond(Response::new(StatusCode::OK)).expect("it asks for no WebSocket");
    }
}
