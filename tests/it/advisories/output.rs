//! Sent and queued bytes.

use crate::support::{Pair, Raw, config, drain, established, peer_sends, requested_server};
use statesocket::{
    AcceptError, Agreed, Config, ConnectError, Connection, Role, SendError,
    handshake::{Accept, Connect},
    http::{HeaderName, HeaderValue},
};
use std::{collections::HashSet, sync::Arc, time::Instant};

/// ws-rs queued without limit for a peer that did not read.
#[test]
fn rustsec_2020_0043_cve_2020_35896_unread_output_does_not_grow() {
    let limit = 10_000;
    let mut server =
        established(Role::Server, config(|config| (config.max_output_bytes, config.high_water) = (limit, None)));
    let full = (0..).find_map(|_| server.send_binary(&[0; 1000]).err());
    assert!(matches!(full, Some(SendError::OutputFull { .. })), "{full:?}");
    (0..).find_map(|_| server.ping(b"").err()).expect("a Ping is refused too");
    let queued = server.output_len();
    assert!(queued <= limit);
    // The replies that the protocol demands have a limit of their own.
    for _ in 0..100_000 {
        peer_sends(&mut server, [Raw::new(Raw::PING, [b'p'; 125])]);
    }
    let replies = server.output_len() - queued;
    assert!(replies <= 16 * 127, "{replies} bytes of Pongs");
    peer_sends(&mut server, [Raw::close(1000, "")]);
    assert!(server.output_len() <= limit + 16 * 127 + 4);
}

/// undici wrote the application's line ends into the head.
#[test]
fn cve_2026_1527_no_line_end_gets_into_a_head() {
    for evil in ["a\r\nSet-Cookie: x=1", "a\nb", "a\rb", "a\0b", "a\r\n\r\n"] {
        HeaderValue::from_str(evil).expect_err("the value is invalid");
        HeaderName::from_bytes(evil.as_bytes()).expect_err("the name is invalid");
        Connect::new(&format!("ws://h/{evil}")).expect_err("a URI");
        let mut server = requested_server(Config::default());
        let refused = server.accept(Accept::new().subprotocol(evil)).expect_err("the subprotocol was not offered");
        assert_eq!(refused, AcceptError::SubprotocolNotOffered(evil.to_owned()));
        assert_eq!(server.output_len(), 0, "nothing is written");
    }
}

/// sockudo did so in the subprotocol of a client.
#[test]
fn sockudo_78_no_line_end_gets_into_a_subprotocol() {
    for evil in ["a\r\nX: y", "a\nb", "a\0b", "", "a b", "a,b", "\"a\"", "é"] {
        let connect = Connect::new("ws://h/").expect("a valid URI");
        assert_eq!(connect.subprotocol(evil).err(), Some(ConnectError::InvalidSubprotocol(evil.to_owned())));
    }
}

/// Masks came from a weak generator or were the same for all frames in several libraries: OkHttp 9472, aiohttp 1437,
/// autobahn-python 758, mojo 2326, fast-websocket 5, Java-WebSocket 1132.
#[test]
fn okhttp_9472_and_others_masking_keys_are_fresh() {
    let (now, frames) = (Instant::now(), 1000);
    let mut keys = HashSet::new();
    for _ in 0..2 {
        let config = Arc::new(Config::default());
        let mut client = Connection::established(Role::Client, Agreed::new(), config, now);
        for _ in 0..frames {
            client.ping(b"").expect("the connection is open");
            keys.insert(drain(&mut client)[2..].to_vec());
        }
    }
    // Of 2,000 keys out of 2^32 hardly ever two are equal, and never ten.
    assert!(keys.len() > 2 * frames - 10, "{} different keys", keys.len());
}

/// WebSockets over HTTP/2 crashed httpd. An HTTP/2 server would use `established`, which works without a request.
#[test]
fn cve_2024_36387_an_established_connection_needs_no_request() {
    let config = Arc::new(Config::default());
    let established = |role| Connection::established(role, Agreed::new(), Arc::clone(&config), Instant::now());
    let mut pair = Pair { client: established(Role::Client), server: established(Role::Server) };
    assert!(pair.server.request().is_none());
    pair.server.accept(Accept::new()).expect_err("there is no request");
    pair.client.send_text("Hello").expect("the connection is open");
    assert_eq!(pair.to_server().len(), 1);
    pair.server.close(1000, "").expect("the connection is open");
    assert_eq!(pair.to_client().len(), 1);
    assert_eq!(pair.to_server().len(), 1);
}
