//! Limits of the request (row HS15).

use crate::support::{
    config, drain, feed,
    handshake::{assert_over, refusal, refusal_by, request, server},
    request_head, requested_server,
};
use statesocket::{Cause, CloseCode, Config, Event, HandshakeError, Phase, SocketAction, Timer, http::StatusCode};
use std::time::{Duration, Instant};

/// The request of RFC 6455 with `n` headers.
fn with_headers(n: usize) -> Vec<u8> {
    let head = request_head("/chat", &[]);
    let more: String = (5..n).map(|i| format!("X{i}: y\r\n")).collect();
    [&head[..head.len() - 2], more.as_bytes(), b"\r\n"].concat()
}

#[test]
fn hs15_a_request_line_over_the_limit_is_answered_with_414() {
    let head = request_head("/chat?room=7", &[]);
    let limit = "GET /chat?room=7 HTTP/1.1\r\n".len();
    request(config(|config| config.max_request_line_bytes = limit), &head);
    let (error, _) = refusal(config(|config| config.max_request_line_bytes = limit - 1), &head);
    assert_eq!(error, HandshakeError::RequestLineTooLong { limit: limit - 1 });
    assert_eq!(error.status(), StatusCode::URI_TOO_LONG);
}

#[test]
fn hs15_a_request_line_over_the_limit_fails_before_its_end() {
    let limit = Config::default().max_request_line_bytes;
    let mut server = server(Config::default());
    assert_eq!(feed(&mut server, &vec![b'x'; limit]), []);
    let (error, _) = refusal_by(server, b"x");
    assert_eq!(error, HandshakeError::RequestLineTooLong { limit });
}

#[test]
fn hs15_empty_lines_before_the_request_are_limited() {
    let config = Config::default();
    let limit = config.max_request_line_bytes;
    let (error, _) = refusal(config, &b"\r\n".repeat(limit));
    assert_eq!(error, HandshakeError::RequestLineTooLong { limit });
}

#[test]
fn hs15_a_head_over_the_limit_is_answered_with_431() {
    let head = request_head("/chat", &[("Cookie", &"c".repeat(1000))]);
    let limit = head.len();
    request(config(|config| config.max_head_bytes = limit), &head);
    let (error, _) = refusal(config(|config| config.max_head_bytes = limit - 1), &head);
    assert_eq!(error, HandshakeError::HeadTooLarge { limit: limit - 1 });
    assert_eq!(error.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[test]
fn hs15_of_two_limits_the_lower_one_applies_first() {
    for (line_limit, head_limit) in [(20, 30), (20, 20), (30, 20)] {
        let config = config(|config| {
            (config.max_request_line_bytes, config.max_head_bytes) = (line_limit, head_limit);
        });
        let expected = if line_limit <= head_limit {
            HandshakeError::RequestLineTooLong { limit: line_limit }
        } else {
            HandshakeError::HeadTooLarge { limit: head_limit }
        };
        assert_eq!(refusal(config, &[b'x'; 100]).0, expected, "{line_limit} for the line, {head_limit} for the head");
    }
}

#[test]
fn hs15_bytes_behind_the_head_do_not_count() {
    let head = request_head("/chat", &[]);
    let limit = head.len();
    let mut server = server(config(|config| config.max_head_bytes = limit));
    let events = feed(&mut server, &[head, vec![b'x'; 1000]].concat());
    assert!(matches!(events.as_slice(), [Event::Request(_)]), "{events:?}");
}

#[test]
fn hs15_more_headers_than_the_limit_are_answered_with_431() {
    let limit = Config::default().max_headers;
    assert_eq!(request(Config::default(), &with_headers(limit)).headers().len(), limit);
    let (error, _) = refusal(Config::default(), &with_headers(limit + 1));
    assert_eq!(error, HandshakeError::TooManyHeaders { limit });
    assert_eq!(error.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    request(config(|config| config.max_headers = 5), &with_headers(5));
    refusal(config(|config| config.max_headers = 4), &with_headers(5));
}

/// A request whose header `name` has `count` elements, and another line with `more` of them.
fn with_list(name: &str, first: &str, separator: &str, count: usize, more: usize) -> Vec<u8> {
    let elements = |count: usize, from: usize| {
        (0..count).map(|n| if from + n == 0 { first.to_owned() } else { format!("e{}", from + n) }).collect::<Vec<_>>()
    };
    let again = format!("+{name}");
    let (line, second) = (elements(count, 0).join(separator), elements(more, count).join(separator));
    let lines = [(name, line.as_str()), (again.as_str(), second.as_str())];
    request_head("/chat", if more == 0 { &lines[..1] } else { &lines })
}

#[test]
fn a10_a_list_with_more_elements_than_the_limit_is_answered_with_431() {
    let limit = Config::default().max_list_elements;
    for (name, first, separator) in [
        ("Sec-WebSocket-Extensions", "a", ","),
        ("Sec-WebSocket-Extensions", "a", ";"),
        ("Sec-WebSocket-Protocol", "a", ", "),
        ("Connection", "Upgrade", ","),
        ("Upgrade", "websocket", ","),
    ] {
        for (count, more) in [(limit, 0), (limit - 10, 10)] {
            request(Config::default(), &with_list(name, first, separator, count, more));
        }
        for (count, more) in [(limit + 1, 0), (limit - 10, 11), (limit * 10, 0)] {
            let (error, _) = refusal(Config::default(), &with_list(name, first, separator, count, more));
            assert_eq!(error, HandshakeError::TooManyElements { limit }, "{name} with {count} and {more}");
            assert_eq!(error.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
    }
}

#[test]
fn a10_empty_elements_count_and_the_limit_can_be_moved() {
    let commas = request_head("/chat", &[("Sec-WebSocket-Extensions", &format!("a{}", ",".repeat(7_900)))]);
    let limit = Config::default().max_list_elements;
    assert_eq!(refusal(Config::default(), &commas).0, HandshakeError::TooManyElements { limit });
    let none = config(|config| config.max_list_elements = 0);
    assert_eq!(refusal(none, &request_head("/", &[])).0, HandshakeError::TooManyElements { limit: 0 });
    request(config(|config| config.max_list_elements = 10_000), &commas);
}

#[test]
fn hs15_limits_may_be_as_high_as_their_types_allow() {
    let config = config(|config| {
        config.max_request_line_bytes = usize::MAX;
        config.max_head_bytes = usize::MAX;
        config.max_headers = usize::MAX;
        config.max_early_bytes = usize::MAX;
    });
    request(config, &with_headers(50));
}

/// More headers than `http::HeaderMap` holds are the peer's fault, not a panic.
#[test]
fn hs15_more_headers_than_a_map_holds_are_answered_with_431() {
    let config = config(|config| {
        config.max_head_bytes = usize::MAX;
        config.max_headers = 1 << 20;
    });
    for n in [25_000, 40_000] {
        let (error, _) = refusal(config.clone(), &with_headers(n));
        assert_eq!(error.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{n} headers");
    }
}

#[test]
fn hs15_a_request_that_takes_too_long_is_answered_with_408() {
    let start = Instant::now();
    let timeout = Duration::from_secs(10);
    let mut server = server(Config::default());
    assert_eq!(feed(&mut server, b"GET /chat HTT"), []);
    server.handle_timeout(start);
    assert_eq!((server.poll_event(), server.phase()), (None, Phase::Idle), "not yet");

    server.handle_timeout(start + timeout + Duration::from_secs(1));
    let Some(Event::Disconnect(disconnect)) = server.poll_event() else { panic!("time is up") };
    assert_eq!((disconnect.code, disconnect.cause), (CloseCode::ABNORMAL_CLOSURE, Cause::TimedOut(Timer::Opening)));
    assert_eq!((disconnect.initiator, disconnect.is_clean, server.phase()), (None, false, Phase::Closed));
    let answer = String::from_utf8(drain(&mut server)).expect("text");
    assert_eq!(answer, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_over(&mut server, &"408");
}

#[test]
fn hs15_a_client_that_sends_nothing_in_time_gets_no_answer() {
    let mut server = server(Config::default());
    server.handle_timeout(Instant::now() + Duration::from_secs(11));
    let Some(Event::Disconnect(disconnect)) = server.poll_event() else { panic!("time is up") };
    assert_eq!(disconnect.cause, Cause::TimedOut(Timer::Opening));
    assert!(server.output().is_empty());
    assert_eq!((server.poll_socket(), server.poll_socket()), (Some(SocketAction::Close), None));
}

#[test]
fn hs15_the_answer_may_take_longer_than_the_request_within_limits() {
    let mut server = requested_server(Config::default());
    server.handle_timeout(Instant::now() + Duration::from_secs(29));
    assert_eq!((server.poll_event(), server.phase()), (None, Phase::Requested));
    server.handle_timeout(Instant::now() + Duration::from_secs(31));
    let Some(Event::Disconnect(disconnect)) = server.poll_event() else { panic!("time is up") };
    assert_eq!(disconnect.cause, Cause::TimedOut(Timer::Accept));
    assert!(server.output().starts_with(b"HTTP/1.1 503 "));
}

#[test]
fn hs15_early_bytes_over_the_limit_are_answered_with_400() {
    let limit = 1000;
    let config = config(|config| config.max_early_bytes = limit);
    for split in [0, 1, limit, limit + 1] {
        let mut server = requested_server(config.clone());
        assert_eq!(feed(&mut server, &vec![b'x'; split.min(limit)]), [], "{split}");
        let (error, _) = refusal_by(server, &vec![b'x'; limit + 1 - split.min(limit)]);
        assert_eq!(error, HandshakeError::TooMuchEarlyData { limit }, "{split}");
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    }
}
