//! Pages that connect to the servers of others.

use crate::support::{feed, request_head};
use statesocket::{Config, Connection, Event};
use std::{sync::Arc, time::Instant};

/// A host, an origin, and whether they match.
const CASES: [(&str, &str, bool); 26] = [
    ("example.com", "https://example.com", true),
    ("example.com", "HTTPS://EXAMPLE.com", true),
    ("example.com:443", "https://example.com", true),
    ("example.com:8080", "http://example.com:8080", true),
    ("[::1]:8080", "http://[::1]:8080", true),
    ("example.com", "null", false),
    ("example.com", "", false),
    ("example.com", "https://example.com.evil", false),
    ("example.com", "https://evil.example.com", false),
    ("example.com", "https://evilexample.com", false),
    ("example.com:8080", "http://example.com", false),
    ("[::1]:8080", "http://[::2]:8080", false),
    ("example.com", "https://example.com@evil", false),
    ("example.com", "example.com", false),
    ("example.com", "ftp://example.com", false),
    ("example.com", "ws://example.com", false),
    ("example.com", "httpss://example.com", false),
    ("example.com", "http://me@example.com", false),
    ("example.com", "http://me:word@example.com", false),
    ("example.com", "http://example.com/", false),
    ("example.com", "http://example.com?x", false),
    ("example.com", "http://example.com:99999", false),
    ("example.com", "http://example.com:+80", false),
    ("[::1]", "http://[::1", false),
    ("example.com:80", "http://example.com:", true),
    ("example.com", "http://example.com http://example.com", false),
];

/// Cross-site WebSocket hijacking: emqx 4000, awx 2467, asobi 160.
#[test]
fn emqx_4000_and_others_a_page_of_another_origin_is_recognised() {
    for (host, origin, is_same) in CASES {
        let mut server = Connection::server(Arc::new(Config::default()), Instant::now());
        let head = request_head("/", &[("Host", host), ("Origin", origin)]);
        let events = feed(&mut server, &head);
        let [Event::Request(request)] = events.as_slice() else { panic!("{host} {origin}: {events:?}") };
        assert_eq!(request.is_same_origin(), is_same, "{host} {origin}");
    }
}

/// Anything that is no serialized origin is the same as nothing.
#[test]
fn a16_only_an_origin_of_a_page_can_be_the_same() {
    for (origin, is_same) in [
        ("http://h:80", true),
        ("HTTP://H", true),
        ("https://h", false),
        ("https://h:80", true),
        ("http://h:080", true),
        ("http://h:8O", false),
        ("http:///h", false),
        ("http:h", false),
        ("://h", false),
        ("http://h#x", false),
        ("http://h\\@evil", false),
        ("file://", false),
        ("chrome-extension://h", false),
    ] {
        let mut server = Connection::server(Arc::new(Config::default()), Instant::now());
        let events = feed(&mut server, &request_head("/", &[("Host", "h:80"), ("Origin", origin)]));
        let [Event::Request(request)] = events.as_slice() else { panic!("{origin}: {events:?}") };
        assert_eq!(request.is_same_origin(), is_same, "{origin}");
    }
}

#[cfg(feature = "server")]
mod policy {
    use super::CASES;
    use crate::support::{
        loopback::{RawClient, Served, Witness},
        request_head,
    };
    use statesocket::{
        Config,
        server::{Admission, OriginPolicy},
    };
    use std::sync::mpsc;

    #[test]
    fn emqx_4000_and_others_a_page_of_another_origin_is_refused() {
        let served = Served::start(Config::default(), |server| {
            let mut policy = Admission::default();
            policy.origin = OriginPolicy::Same;
            server.set_admission(policy).expect("each entry can match");
            server.route("/", || Witness::new(mpsc::channel().0, Witness::accept)).expect("the route is new");
        });
        for (host, origin, is_same) in CASES {
            // A request without `Origin` is not from a browser.
            let is_welcome = is_same || origin.is_empty();
            let mut client = RawClient::dial(served.address);
            client.write(&request_head("/", &[("Host", host), ("Origin", origin)]));
            let status = if is_welcome { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " };
            let head = client.head();
            assert!(head.starts_with(status), "{host} {origin}: {head}");
        }
    }
}
