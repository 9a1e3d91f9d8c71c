//! Clients that speak another protocol than HTTP (row K11, on a server).

use crate::support::{
    feed,
    handshake::{refusal, refusal_by, server},
};
use statesocket::{Config, HandshakeError};

/// Checks that a server answers the last of `bytes` with `error`, and none before it.
#[track_caller]
fn assert_refused_at_the_last_byte(bytes: &[u8], error: &HandshakeError) {
    let case = bytes.escape_ascii().to_string();
    let (last, before) = bytes.split_last().expect("there are bytes");
    let mut server = server(Config::default());
    for byte in before {
        assert_eq!(feed(&mut server, &[*byte]), [], "{case}");
    }
    assert_eq!(&refusal_by(server, &[*last]).0, error, "{case}");
    assert_eq!(&refusal(Config::default(), bytes).0, error, "{case} at once");
}

/// RFC 9110 section 9.1: a method is a token.
#[test]
fn k11_a_byte_that_no_method_begins_with_is_answered_at_once() {
    for byte in 0..=u8::MAX {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if is_token || byte == b'\r' {
            assert_eq!(feed(&mut server(Config::default()), &[byte]), [], "{}", byte.escape_ascii());
        } else {
            assert_refused_at_the_last_byte(&[byte], &HandshakeError::Malformed);
            assert_refused_at_the_last_byte(&[b'\r', b'\n', byte], &HandshakeError::Malformed);
        }
    }
}

#[test]
fn k11_a_greeting_of_another_protocol_is_answered_at_the_end_of_its_line() {
    for line in [
        "SSH-2.0-OpenSSH_9.6",
        "EHLO client.example.com",
        "USER anonymous",
        "*1",
        "stats",
        "HELP",
        "GET /",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1",
        "GET / FTP/1.1",
        "HTTP/1.1 101 Switching Protocols",
    ] {
        assert_refused_at_the_last_byte(format!("{line}\r\n").as_bytes(), &HandshakeError::Malformed);
    }
}

#[test]
fn k11_a_request_line_that_is_refused_is_answered_at_its_end() {
    for (line, error) in [
        ("PRI * HTTP/2.0", HandshakeError::VersionNotSupported),
        ("OPTIONS rtsp://example.com RTSP/1.0", HandshakeError::Malformed),
        ("INVITE sip:user@example.com SIP/2.0", HandshakeError::Malformed),
        ("POST / HTTP/1.1", HandshakeError::MethodNotAllowed),
        ("GET / HTTP/3.0", HandshakeError::VersionNotSupported),
    ] {
        assert_refused_at_the_last_byte(format!("{line}\r\n").as_bytes(), &error);
    }
}
