//! Hosts and origins whose requests a server accepts.

use crate::support::{
    feed,
    memory::{RawClient, Served, server},
    request_head,
};
use statesocket::{
    Config, Connection, Event,
    server::{Admission, OriginPolicy},
};
use std::{sync::Arc, time::Instant};

/// The status for a request with `changes` under `admission`.
fn status(admission: &Admission, config: Config, changes: &[(&str, &str)]) -> u16 {
    let served = Served::echo(config);
    served.server().set_admission(admission.clone()).expect("each entry can match");
    answer(&served, changes)
}

fn answer(served: &Served, changes: &[(&str, &str)]) -> u16 {
    let mut client = RawClient::dial(served);
    client.write(&request_head("/ws", changes));
    let head = client.head();
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// The status for a request to `server.example.com` with this `Origin`; an empty one is none.
fn status_of_origin(admission: &OriginPolicy, origin: &str) -> u16 {
    let mut all = Admission::default();
    all.origin = admission.clone();
    status(&all, Config::default(), &[("Origin", origin)])
}

#[test]
fn a9_only_pages_of_the_same_origin_are_served_by_default() {
    assert_eq!(Admission::default().origin, OriginPolicy::Same);
    for (origin, expected) in
        [("", 101), ("http://server.example.com", 101), ("https://evil.example", 403), ("null", 403)]
    {
        assert_eq!(status(&Admission::default(), Config::default(), &[("Origin", origin)]), expected, "{origin}");
    }
}

#[test]
fn se1_any_page_is_served_if_the_policy_says_so() {
    for origin in ["", "null", "https://evil.example", "nonsense"] {
        assert_eq!(status_of_origin(&OriginPolicy::Any, origin), 101, "{origin}");
    }
}

#[test]
fn se1_only_pages_of_the_same_host_are_served() {
    for (origin, expected) in [
        ("", 101),
        ("http://server.example.com", 101),
        ("https://SERVER.example.com", 101),
        ("http://server.example.com:80", 101),
        ("https://server.example.com:443", 101),
        ("http://server.example.com:8080", 403),
        ("http://example.com", 403),
        ("http://evil-server.example.com", 403),
        ("http://server.example.com.evil.example", 403),
        ("null", 403),
        ("nonsense", 403),
    ] {
        assert_eq!(status_of_origin(&OriginPolicy::Same, origin), expected, "{origin:?}");
    }
}

#[test]
fn se1_only_pages_of_the_list_are_served() {
    let list = ["https://example.com", "http://Localhost:3000", "http://[::1]:3000", "https://[2001:DB8::1]"];
    let list = OriginPolicy::List(list.map(str::to_owned).to_vec());
    for (origin, expected) in [
        ("", 101),
        ("https://example.com", 101),
        ("HTTPS://Example.COM", 101),
        ("http://localhost:3000", 101),
        ("http://[::1]:3000", 101),
        ("https://[2001:db8::1]", 101),
        ("https://example.com:443", 101),
        ("https://example.com/", 403),
        ("http://example.com", 403),
        ("https://example.com:8443", 403),
        ("https://example.com.evil.example", 403),
        ("https://www.example.com", 403),
        ("http://[::1]", 403),
        ("null", 403),
    ] {
        assert_eq!(status_of_origin(&list, origin), expected, "{origin:?}");
    }
    assert_eq!(status_of_origin(&OriginPolicy::List(Vec::new()), "https://example.com"), 403);
    assert_eq!(status_of_origin(&OriginPolicy::List(vec!["null".to_owned()]), "null"), 101);
}

#[test]
fn s14_every_spelling_of_an_entry_has_its_effect() {
    for (entry, origin) in [
        ("https://app.example.com/", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("HTTP://App.Example.com:80/", "http://app.example.com"),
        ("http://[0:0::1]:3000", "http://[::1]:3000"),
        ("tauri://localhost", "tauri://localhost"),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
    ] {
        assert_eq!(status_of_origin(&OriginPolicy::List(vec![entry.to_owned()]), origin), 101, "{entry}");
    }
    for (entry, host) in [("Example.COM", "example.com:8080"), ("::1", "[::1]:80"), ("[0::1]", "[::1]")] {
        let admission = Admission::default().with(|admission| admission.hosts = Some(vec![entry.to_owned()]));
        assert_eq!(status(&admission, Config::default(), &[("Host", host)]), 101, "{entry}");
    }
}

#[test]
fn s14_an_entry_that_can_match_nothing_is_an_error() {
    let mut server = server(Config::default());
    let mut refused = |admission: Admission, entry: &str| {
        let error = server.set_admission(admission).expect_err(entry);
        assert_eq!(error.entry, entry);
        assert!(error.to_string().starts_with(&format!("{entry:?} matches no request: ")), "{error}");
    };
    for entry in [
        "*",
        "",
        "app.example.com",
        "//app.example.com",
        "https://",
        "https://*.example.com",
        "https://bücher.example",
        "https://app.example.com/page",
        "https://me@app.example.com",
        "https://app.example.com:99999",
        "1http://app.example.com",
    ] {
        let list = vec!["https://good.example".to_owned(), entry.to_owned()];
        refused(Admission::default().with(|admission| admission.origin = OriginPolicy::List(list)), entry);
    }
    for entry in ["example.com:443", "https://example.com", "*.example.com", "example.com/", "", "a b"] {
        let list = Some(vec![entry.to_owned()]);
        refused(Admission::default().with(|admission| admission.hosts = list), entry);
    }
}

#[test]
fn plain_requests_are_served_for_every_origin() {
    let mut admission = Admission::default();
    admission.origin = OriginPolicy::Same;
    let plain = [("Upgrade", ""), ("Connection", ""), ("Origin", "https://evil.example")];
    assert_eq!(status(&admission, Config::default(), &plain), 426);
}

#[test]
fn only_requests_for_a_known_host_are_served() {
    let mut admission = Admission::default();
    admission.hosts = Some(["example.com", "LOCALHOST", "[::1]"].map(str::to_owned).to_vec());
    for (host, expected) in [
        ("example.com", 101),
        ("Example.com:8080", 101),
        ("localhost", 101),
        ("[::1]:8080", 101),
        ("[::2]", 421),
        ("evil.example", 421),
        ("www.example.com", 421),
        ("127.0.0.1", 421),
    ] {
        assert_eq!(status(&admission, Config::default(), &[("Host", host)]), expected, "{host}");
        let plain = [("Host", host), ("Upgrade", ""), ("Connection", "")];
        let expected = if expected == 101 { 426 } else { expected };
        assert_eq!(status(&admission, Config::default(), &plain), expected, "{host}");
    }
    admission.hosts = Some(Vec::new());
    assert_eq!(status(&admission, Config::default(), &[]), 421);
}

#[test]
fn the_host_is_checked_before_the_origin_and_both_before_the_route() {
    let mut admission = Admission::default();
    admission.origin = OriginPolicy::Same;
    admission.hosts = Some(vec!["example.com".to_owned()]);
    let evil = ("Origin", "https://evil.example");
    assert_eq!(status(&admission, Config::default(), &[evil, ("Host", "evil.example")]), 421);
    let served = Served::start(Config::default(), |server| {
        server.set_admission(admission).expect("each entry can match");
    });
    assert_eq!(answer(&served, &[evil, ("Host", "example.com")]), 403);
    assert_eq!(answer(&served, &[("Host", "example.com")]), 404);
}

#[test]
fn se1_a_request_knows_whether_it_is_of_the_same_origin() {
    for (host, origin, expected) in [
        ("example.com", "http://example.com", true),
        ("example.com", "https://example.com", true),
        ("EXAMPLE.com", "https://example.COM", true),
        ("example.com:80", "http://example.com", true),
        ("example.com", "http://example.com:80", true),
        ("example.com:443", "https://example.com", true),
        ("example.com:80", "https://example.com", false),
        ("example.com:443", "http://example.com", false),
        ("example.com:8080", "http://example.com:8080", true),
        ("example.com:8080", "http://example.com", false),
        ("example.com", "http://example.com:8080", false),
        ("[::1]:8080", "http://[::1]:8080", true),
        ("[::1]", "http://[::1]", true),
        ("[::1]", "http://[::2]", false),
        ("127.0.0.1:3000", "http://127.0.0.1:3000", true),
        ("127.0.0.1:3000", "http://localhost:3000", false),
        ("example.com", "http://www.example.com", false),
        ("example.com", "http://example.com.evil.example", false),
        ("example.com", "http://evil.example/example.com", false),
        ("example.com", "null", false),
        ("example.com", "example.com", false),
        ("example.com", "http://", false),
        ("example.com", "", false),
    ] {
        let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
        let head = request_head("/", &[("Host", host), ("Origin", origin)]);
        let events = feed(&mut connection, &head);
        let [Event::Request(request)] = events.as_slice() else { panic!("{host} {origin}: {events:?}") };
        assert_eq!(request.is_same_origin(), expected, "a request for {host} from {origin:?}");
    }
}
