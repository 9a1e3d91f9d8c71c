//! Header values that broke other parsers: regular expressions, and buffers of a fixed size.

use crate::support::{config, feed, request_head};
use statesocket::{Config, Connection, Event};
use std::{sync::Arc, time::Instant};

/// Limits above everything that a test sends.
fn roomy() -> Config {
    config(|config| {
        config.max_head_bytes = 1 << 20;
        config.max_request_line_bytes = 1 << 20;
    })
}

/// Sends a request with `value` as the header `name`. Checks that the server reports or refuses it.
fn ask(name: &str, value: &str) -> Event<'static> {
    let mut server = Connection::server(Arc::new(roomy()), Instant::now());
    let mut events = feed(&mut server, &request_head("/", &[(name, value)]));
    let is_answer = matches!(events.as_slice(), [Event::Request(_) | Event::Disconnect(_)]);
    assert!(is_answer, "{name} of {} bytes: {events:?}", value.len());
    events.remove(0)
}

/// A regular expression took quadratic time for spaces in the list of subprotocols.
#[test]
fn cve_2021_32640_spaces_among_subprotocols_are_read() {
    for value in [format!("b{}x", " ".repeat(500_000)), " ,".repeat(250_000), format!("a,{}", " ".repeat(500_000))] {
        ask("Sec-WebSocket-Protocol", &value);
    }
}

fn unclosed_quotes() {
    for value in [
        format!("a; b=\"{}", r"\c".repeat(250_000)),
        format!("a; b=\"{}", "\\".repeat(500_000)),
        format!("a; b=\"{}\"c", "\\\"".repeat(250_000)),
    ] {
        assert!(matches!(ask("Sec-WebSocket-Extensions", &value), Event::Disconnect(_)));
    }
}

/// websocket-extensions for Node: a quoted value that does not end.
#[test]
fn cve_2020_7662_an_unclosed_quote_is_refused() {
    unclosed_quotes();
}

/// websocket-extensions for Ruby: the same, and a name of many parts.
#[test]
fn cve_2020_7663_an_unclosed_quote_is_refused() {
    unclosed_quotes();
    ask("Sec-WebSocket-Extensions", &"a;".repeat(250_000));
}

/// A name that every JavaScript object has.
#[test]
fn nsp_2017_and_ws_1235_names_with_a_meaning_in_javascript_are_tokens() {
    for name in ["constructor", "__proto__", "toString", "hasOwnProperty", "prototype"] {
        let Event::Request(request) = ask("Sec-WebSocket-Extensions", &format!("{name}; {name}={name}, {name}")) else {
            panic!("{name} is a token like any other")
        };
        assert_eq!(request.subprotocols().len(), 0);
    }
}

/// libwebsockets copied headers into buffers of a fixed size.
#[test]
fn libwebsockets_1362_2120_headers_of_any_length_are_read() {
    for name in ["Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Origin", "Host"] {
        for length in (1..=300).chain([511, 512, 513, 1023, 1024, 1025, 4095, 4096]) {
            ask(name, &"A".repeat(length));
        }
    }
}
