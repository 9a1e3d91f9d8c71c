//! Servers that speak another protocol than HTTP (row K11).

use crate::support::{
    feed,
    handshake::{asking, assert_gone, failure},
};
use statesocket::{Cause, Config, Connection, Event, HandshakeError};

fn client() -> Connection {
    asking(Config::default(), &[]).0
}

/// Checks that a client fails at the last of `bytes`, and at none before it.
#[track_caller]
fn assert_fails_at_the_last_byte(bytes: &[u8]) {
    let case = bytes.escape_ascii().to_string();
    let (last, before) = bytes.split_last().expect("there are bytes");
    let mut client = client();
    for byte in before {
        assert_eq!(feed(&mut client, &[*byte]), [], "{case}");
    }
    let events = feed(&mut client, &[*last]);
    let [Event::Disconnect(end)] = events.as_slice() else { panic!("{case}: {events:?}") };
    assert_eq!(end.cause, Cause::Handshake(HandshakeError::Malformed), "{case}");
    assert!(!end.is_retryable(), "{case}: it would say the same again");
    assert_gone(&mut client, &case);
    assert_eq!(failure(self::client(), bytes), HandshakeError::Malformed, "{case} at once");
}

#[test]
fn k11_a_greeting_of_another_protocol_fails_at_its_first_byte() {
    for greeting in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"220 smtp.example.com ESMTP\r\n",
        b"+OK POP3\r\n",
        b"* OK IMAP4rev1\r\n",
        b"-ERR unknown command\r\n",
        b"RFB 003.008\n",
        b"ICY 200 OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n\r\n",
        b"http/1.1 101 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"<html>",
        b"{}",
        b" HTTP/1.1 101 OK\r\n\r\n",
        b"\xEF\xBB\xBFHTTP/1.1 101 OK\r\n\r\n",
        // A TLS alert, the settings of HTTP/2, a frame, the greeting of MySQL, Telnet.
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        b"\x81\x05Hello",
        b"\x4A\x00\x00\x00\x0A",
        b"\xFF\xFD\x18",
    ] {
        assert_fails_at_the_last_byte(&greeting[..1]);
        assert_eq!(failure(client(), greeting), HandshakeError::Malformed, "{}", greeting.escape_ascii());
    }
}

#[test]
fn k11_each_byte_that_cannot_follow_in_http_slash_fails_at_once() {
    let begin = b"HTTP/";
    for at in 0..begin.len() {
        for byte in 0..=u8::MAX {
            let bytes = [&begin[..at], &[byte]].concat();
            // An empty line may come before the status line.
            if byte == begin[at] || (at == 0 && byte == b'\r') {
                assert_eq!(feed(&mut client(), &bytes), [], "{}", bytes.escape_ascii());
            } else {
                assert_fails_at_the_last_byte(&bytes);
            }
        }
    }
}

#[test]
fn k11_empty_lines_and_interim_responses_before_it_change_nothing() {
    for before in ["\r\n", "\r\n\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 X\r\n\r\n\r\n"] {
        for greeting in ["S", "HTTPS", "\r\rH"] {
            let bytes = format!("{before}{greeting}");
            let bytes = &bytes[..bytes.len() - usize::from(greeting == "\r\rH")];
            assert_fails_at_the_last_byte(bytes.as_bytes());
        }
    }
}

/// A line that begins like HTTP is checked at its end, before the rest of the head comes.
#[test]
fn k11_a_malformed_status_line_fails_at_its_end() {
    for line in [
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1\t101",
        "HTTP/1.1  101",
        "HTTP/1.1 OK",
        "HTTP/1.1 10",
        "HTTP/1.1 1O1 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 1010 OK",
        "HTTP/1.1 101\tOK",
        "HTTP/1.1 +10 OK",
        "HTTP/1.10 101 OK",
        "HTTP/11 101 OK",
        "HTTP/1 101 OK",
        "HTTP/1. 101 OK",
        "HTTP/a.b 101 OK",
        "HTTP/ 101 OK",
    ] {
        assert_fails_at_the_last_byte(format!("{line}\r\n").as_bytes());
    }
}

/// A limit that is exceeded before the first wrong byte is reported, however the bytes are cut.
#[test]
fn k11_the_first_of_a_limit_and_a_wrong_byte_is_reported() {
    for (limit, bytes, error) in [
        (2, "HTX", HandshakeError::HeadTooLarge { limit: 2 }),
        (3, "HTX and more", HandshakeError::Malformed),
        (0, "SSH", HandshakeError::HeadTooLarge { limit: 0 }),
        (5, "HTTP/1.1", HandshakeError::HeadTooLarge { limit: 5 }),
    ] {
        for size in [1, 2, 100] {
            let mut client = asking(crate::support::config(|config| config.max_head_bytes = limit), &[]).0;
            let events: Vec<_> = bytes.as_bytes().chunks(size).flat_map(|piece| feed(&mut client, piece)).collect();
            let [Event::Disconnect(end)] = events.as_slice() else { panic!("{bytes}: {events:?}") };
            assert_eq!(end.cause, Cause::Handshake(error.clone()), "{bytes} over {limit} in pieces of {size}");
        }
    }
}
