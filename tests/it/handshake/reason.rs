//! The reason phrase of a response (row K17).

use crate::support::{Pair, accepted_head, drain, feed, handshake::asking, requested_server};
use statesocket::http::StatusCode;
use statesocket::{Config, Event, Phase, RejectError, handshake::Response};

/// Phrases that a status line may have.
const PHRASES: [&[u8]; 7] =
    [b"Not Here", b"", b" ", b"  two  spaces  ", b"\ttab", b"D\xE9plac\xE9", "d\u{e9}plac\u{e9} \u{10348}".as_bytes()];

#[test]
fn k17_the_reason_phrase_is_kept_as_it_came() {
    for phrase in PHRASES {
        let line = [b"HTTP/1.1 404 ", phrase, b"\r\nContent-Length: 0\r\n\r\n"].concat();
        let events = feed(&mut asking(Config::default(), &[]).0, &line);
        let [Event::Rejected(response), Event::Disconnect(_)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(response.reason, phrase, "{}", line.escape_ascii());

        let (mut client, request) = asking(Config::default(), &[]);
        let accepted = accepted_head(&request, &[]);
        let line = [b"HTTP/1.1 101 ", phrase, &accepted["HTTP/1.1 101 Switching Protocols".len()..]].concat();
        let events = feed(&mut client, &line);
        let [Event::Accepted(response)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(response.reason, phrase, "{}", line.escape_ascii());
    }
    let events = feed(&mut asking(Config::default(), &[]).0, b"\r\nHTTP/1.1 404\r\nContent-Length: 0\r\n\r\n");
    let [Event::Rejected(response), Event::Disconnect(_)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(response.reason, "", "there is none, and no space before it");
}

#[test]
fn k17_a_reason_phrase_that_is_set_is_written_and_read() {
    for phrase in PHRASES {
        let mut pair = Pair::new(Config::default());
        pair.to_server();
        let response = Response::new(StatusCode::NOT_FOUND).reason(phrase).expect("a phrase").body("no");
        pair.server.reject(response).expect("a request waits");
        let line = [b"HTTP/1.1 404 ", phrase, b"\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"].concat();
        assert_eq!(pair.server.output().escape_ascii().to_string(), line.escape_ascii().to_string());
        let events = pair.to_client();
        let [Event::Rejected(response), Event::Disconnect(_)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((&response.reason[..], &response.body[..]), (phrase, &b"no"[..]));
    }
}

#[test]
fn k17_a_new_response_has_the_phrase_of_its_status() {
    for (status, phrase) in
        [(200, "OK"), (404, "Not Found"), (431, "Request Header Fields Too Large"), (499, ""), (599, "")]
    {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(Response::new(status).reason, phrase);
        let mut server = requested_server(Config::default());
        server.reject(Response::new(status)).expect("a request waits");
        assert!(drain(&mut server).starts_with(format!("HTTP/1.1 {} {phrase}\r\n", status.as_str()).as_bytes()));
    }
}

#[test]
fn k17_a_phrase_that_would_end_the_line_is_refused_and_changes_nothing() {
    for byte in (0..b' ').chain([0x7F]).filter(|byte| *byte != b'\t') {
        let phrase = [b"a", &[byte][..], b"b"].concat();
        let refused = Response::new(StatusCode::NOT_FOUND).reason(phrase.clone());
        assert_eq!(refused, Err(RejectError::InvalidReason), "{}", phrase.escape_ascii());

        let mut server = requested_server(Config::default());
        let mut response = Response::new(StatusCode::NOT_FOUND);
        response.reason = phrase.into();
        assert_eq!(server.reject(response), Err(RejectError::InvalidReason));
        assert_eq!((server.phase(), server.output()), (Phase::Requested, &b""[..]));
        server.reject(Response::new(StatusCode::NOT_FOUND)).expect("the error has changed nothing");
    }
}
