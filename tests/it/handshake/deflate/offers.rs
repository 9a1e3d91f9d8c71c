//! What a client offers.

use super::{OFFER, config, full, keeping};
use crate::support::handshake::asking;
use statesocket::{
    Config, Connection, Deflate, Window,
    handshake::{Connect, deflate},
};
use std::{sync::Arc, time::Instant};

/// The value of the header in the request of a client with this configuration; of its only line.
fn offered(config: Config) -> Option<String> {
    let (_, request) = asking(config, &["chat"]);
    let request = String::from_utf8(request).expect("a head is text");
    let mut lines = request.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let line = lines.next().map(str::to_owned);
    assert_eq!(lines.next(), None, "one line: {request}");
    line
}

#[test]
fn d3_d6_a_client_asks_for_nothing_by_default() {
    assert_eq!(offered(config(Deflate::default())).as_deref(), Some(OFFER));
    assert_eq!(offered(config(keeping(Window::KiB32, Window::KiB32))).as_deref(), Some(OFFER));
    assert_eq!(offered(Config::default()), None);
}

#[test]
fn d3_d5_d9_d10_a_client_offers_what_it_keeps() {
    let kept = Window::KiB32;
    for (deflate, expected) in [
        (keeping(Window::KiB4, Window::None), "pmd; snct; cmwb"),
        (keeping(Window::None, kept), "pmd; cmwb; cnct"),
        (keeping(Window::None, Window::None), "pmd; snct; cmwb; cnct"),
        (keeping(Window::KiB4, Window::KiB16), "pmd; smwb=14; cmwb, pmd; snct; cmwb"),
        (keeping(Window::KiB4, Window::Bytes256), "pmd; smwb=8; cmwb, pmd; snct; cmwb"),
        (keeping(Window::None, Window::KiB4), "pmd; smwb=12; cmwb; cnct, pmd; snct; cmwb; cnct"),
    ] {
        assert_eq!(deflate::offer(&deflate), full(expected).as_str(), "{deflate:?}");
        assert_eq!(offered(config(deflate)), Some(full(expected)), "{deflate:?}");
    }
}

#[test]
fn d6_a_client_does_what_it_keeps_without_a_hint() {
    for window in (8..=15).filter_map(Window::from_bits) {
        assert_eq!(deflate::offer(&keeping(window, Window::KiB32)), OFFER, "{window:?}");
    }
}

#[test]
fn d3_a_request_can_go_without_an_offer() {
    let connect = Connect::new("ws://server.example.com/chat").expect("a valid URI").without_deflate();
    let connection = Connection::client(&connect, Arc::new(config(Deflate::default())), Instant::now());
    let request = String::from_utf8_lossy(connection.output()).into_owned();
    assert!(!request.contains("Sec-WebSocket-Extensions"), "{request}");
}
