//! The `Date` of a server's answers (row S21). RFC 9110 section 6.6.1: "An origin server with a clock [...] MUST
//! generate a Date header field in all 2xx (Successful), 3xx (Redirection), and 4xx (Client Error) responses".

use crate::support::{Pair, client, config, drain, feed, handshake::server, request_head};
use statesocket::http::{HeaderValue, StatusCode, header::DATE};
use statesocket::{
    Config, Connection, Event,
    handshake::{Accept, Response},
};
use std::time::{Duration, Instant, SystemTime};

/// The example of RFC 9110 section 5.6.7.
const LINE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn with_clock() -> Config {
    without_clock().with(|config| config.date = Some(clock))
}

fn without_clock() -> Config {
    config(|config| config.plain_http = true)
}

/// What a server writes after it has received `bytes` and done `act`.
fn written(config: Config, bytes: &[u8], act: impl FnOnce(&mut Connection)) -> String {
    let mut server = server(config);
    feed(&mut server, bytes);
    act(&mut server);
    String::from_utf8(drain(&mut server)).expect("an answer is text")
}

/// Checks that the answer has the status and a `Date`, and without a clock is the same without one.
#[track_caller]
fn assert_dated(status: u16, bytes: &[u8], act: impl Fn(&mut Connection)) {
    let case = bytes[..bytes.len().min(60)].escape_ascii();
    let answer = written(with_clock(), bytes, &act);
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{case}: {answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!(head.matches("\r\nDate: ").count(), 1, "{case}: {head}");
    assert!(!body.contains(LINE), "{case}: {body}");
    assert_eq!(answer.replace(LINE, ""), written(without_clock(), bytes, &act), "{case}");
    assert!(!written(without_clock(), bytes, &act).to_lowercase().contains("\r\ndate:"), "{case}");
}

fn nothing(_: &mut Connection) {}

fn wait(server: &mut Connection) {
    server.handle_timeout(Instant::now() + Duration::from_secs(3_600));
}

#[test]
fn s21_an_answer_of_your_code_has_a_date() {
    let request = request_head("/", &[]);
    for status in [200, 204, 205, 299, 300, 302, 304, 308, 400, 404, 426, 499, 500, 503, 599, 999] {
        let response = Response::new(StatusCode::from_u16(status).expect("a status"));
        assert_dated(status, &request, |server| server.reject(response.clone()).expect("the request waits"));
        assert_dated(status, &request, |server| server.refuse(response.status));
    }
    assert_dated(403, &request, |server| server.close(1000, "").expect("the request waits"));
    assert_dated(403, &request, |server| server.fail(1008, "").expect("the request waits"));
    assert_dated(403, &request, |server| server.ensure_closed(1000, ""));
    assert_dated(503, &request, |server| server.shutdown(1001));
    assert_dated(200, b"GET / HTTP/1.0\r\n\r\n", |server| {
        server.reject(Response::new(StatusCode::OK).body("a page")).expect("the request waits");
    });
}

#[test]
fn s21_an_answer_that_the_connection_makes_by_itself_has_a_date() {
    let head = |changes: &[(&str, &str)]| request_head("/", changes);
    let long = "x".repeat(20 << 10);
    for (status, bytes) in [
        (400, b"nonsense\r\n\r\n".to_vec()),
        (400, head(&[("Host", "")])),
        (400, head(&[("Content-Length", "1")])),
        (400, head(&[("Sec-WebSocket-Key", "bad")])),
        (400, [head(&[]), vec![0x82; 70 << 10]].concat()),
        (405, b"POST / HTTP/1.1\r\n\r\n".to_vec()),
        (414, request_head(&format!("/{long}"), &[])),
        (426, head(&[("Sec-WebSocket-Version", "8")])),
        (431, head(&[("X", &long)])),
        (431, head(&[("Connection", &format!("Upgrade{}", ",x".repeat(200)))])),
        (505, b"GET / HTTP/2.0\r\n\r\n".to_vec()),
    ] {
        assert_dated(status, &bytes, nothing);
    }
    assert_dated(408, &head(&[])[..30], wait);
    assert_dated(503, &head(&[]), wait);
    assert_dated(503, &head(&[])[..30], |server| server.shutdown(1001));
    let with_clock = config(|config| config.date = Some(clock));
    let answer = written(with_clock, &head(&[("Upgrade", "h2c")]), nothing);
    assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains(LINE), "{answer}");
}

#[test]
fn s21_the_answer_to_a_head_has_the_date_of_the_answer_to_a_get() {
    let page = |server: &mut Connection| {
        server.reject(Response::new(StatusCode::OK).body("a page")).expect("the request waits");
    };
    let [get, head] = ["GET", "HEAD"].map(|method| {
        let bytes = format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_dated(200, bytes.as_bytes(), page);
        assert_dated(400, format!("{method} / HTTP/1.1\r\n\r\n").as_bytes(), nothing);
        written(with_clock(), bytes.as_bytes(), page)
    });
    assert_eq!(get, format!("{head}a page"));
}

#[test]
fn s21_a_date_of_your_code_stays_the_only_one() {
    for text in ["Tue, 15 Nov 1994 08:12:31 GMT", "", "yesterday"] {
        let response = Response::new(StatusCode::OK).header(DATE, HeaderValue::from_static(text));
        let response = response.expect("not a reserved header");
        let answer = |config| {
            written(config, &request_head("/", &[]), |server| {
                server.reject(response.clone()).expect("the request waits");
            })
        };
        let answer = [answer(with_clock()), answer(without_clock())];
        assert_eq!(answer[0], answer[1]);
        assert!(answer[0].contains(&format!("\r\ndate: {text}\r\n")), "{}", answer[0]);
    }
}

#[test]
fn s21_a_refused_answer_asks_no_clock() {
    let never: fn() -> SystemTime = || panic!("nothing is written");
    let mut server = server(config(|config| config.date = Some(never)));
    feed(&mut server, &request_head("/", &[]));
    server.reject(Response::new(StatusCode::CONTINUE)).expect_err("it is not final");
    server.reject(Response::new(StatusCode::NO_CONTENT).body("x")).expect_err("it has no body");
    server.accept(Accept::new()).expect("the request waits");
    assert!(server.output().starts_with(b"HTTP/1.1 101 "), "a 101 has no date");
}

#[test]
fn s21_a_client_writes_no_date() {
    let never: fn() -> SystemTime = || panic!("a client answers no request");
    let mut pair = Pair::new(Config::default());
    pair.client = client(config(|config| config.date = Some(never)), &["chat"]);
    assert!(!String::from_utf8_lossy(pair.client.output()).to_lowercase().contains("date:"));
    pair.to_server();
    pair.server.reject(Response::new(StatusCode::NOT_FOUND)).expect("the request waits");
    assert!(matches!(pair.to_client().as_slice(), [Event::Rejected(_), Event::Disconnect(_)]));
    assert_eq!(drain(&mut pair.client), b"");

    for answer in [&b"nonsense\r\n\r\n"[..], b"HTTP/1.1 101 x\r\n\r\n", b"HTTP/1.1 "] {
        let mut client = client(config(|config| config.date = Some(never)), &[]);
        drain(&mut client);
        feed(&mut client, answer);
        client.handle_timeout(Instant::now() + Duration::from_secs(3_600));
        client.shutdown(1001);
        assert_eq!(client.output(), b"", "{}", answer.escape_ascii());
    }
}

#[test]
fn s21_a_time_that_no_date_can_name_is_not_written() {
    const LAST: u64 = 253_402_300_799;
    let at = |clock: fn() -> SystemTime| {
        let config = config(|config| config.date = Some(clock));
        written(config, b"GET / HTTP/2.0\r\n\r\n", nothing).lines().nth(1).expect("a header").to_owned()
    };
    assert_eq!(at(|| SystemTime::UNIX_EPOCH), "Date: Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(at(|| SystemTime::UNIX_EPOCH + Duration::from_secs(951_782_400)), "Date: Tue, 29 Feb 2000 00:00:00 GMT");
    assert_eq!(at(|| SystemTime::UNIX_EPOCH + Duration::from_secs(LAST)), "Date: Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(at(|| SystemTime::UNIX_EPOCH + Duration::from_millis(1_999)), "Date: Thu, 01 Jan 1970 00:00:01 GMT");
    for clock in [
        (|| SystemTime::UNIX_EPOCH - Duration::from_nanos(1)) as fn() -> SystemTime,
        || SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 30),
        || SystemTime::UNIX_EPOCH + Duration::from_secs(LAST + 1),
        || SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 39),
    ] {
        assert!(!at(clock).starts_with("Date"), "{:?}", clock());
    }
}
