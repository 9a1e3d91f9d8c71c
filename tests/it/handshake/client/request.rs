//! The request that a client sends (rows HC).

use crate::support::{
    Fragments, accepted_head, client, feed,
    handshake::{asking, assert_gone},
};
use statesocket::handshake::Connect;
use statesocket::http::{HeaderValue, header};
use statesocket::{
    Action, Cause, CloseCode, Config, ConnectError, Connection, Event, Party, Phase, PingError, SendError, State,
};
use std::{collections::HashSet, net::ToSocketAddrs, sync::Arc, time::Instant};

/// The lines of the request for `connect`.
fn lines(connect: &Connect) -> Vec<String> {
    let client = Connection::client(connect, Arc::new(Config::default()), Instant::now());
    let request = std::str::from_utf8(client.output()).expect("a request is text");
    let head = request.strip_suffix("\r\n\r\n").expect("a request is a head");
    head.split("\r\n").map(String::from).collect()
}

fn connect(uri: &str) -> Connect {
    Connect::new(uri).unwrap_or_else(|error| panic!("{uri}: {error}"))
}

/// The value of the only header `name` in `lines`.
fn value<'l>(lines: &'l [String], name: &str) -> &'l str {
    let mut values =
        lines.iter().filter_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
    let (_, value) = values.next().unwrap_or_else(|| panic!("no {name}: {lines:?}"));
    assert_eq!(values.next(), None, "{name} appears once");
    value
}

#[test]
fn hc1_a_uri_that_is_not_a_websocket_uri_is_refused() {
    for uri in
        ["http://example.com/", "https://example.com/", "ftp://example.com/", "example.com", "/chat", "ws:example.com"]
    {
        assert_eq!(Connect::new(uri).err(), Some(ConnectError::UnsupportedScheme), "{uri:?}");
    }
    for uri in [
        "",
        "ws://",
        "ws:///chat",
        "ws://:80/",
        "ws://two words/",
        "ws://h/two words",
        "ws://h:80:80/",
        "ws://[::1/",
        "ws://::1/",
        "ws://%zz/",
        "ws://ü/",
        "ws://h/<x>",
    ] {
        assert_eq!(Connect::new(uri).err(), Some(ConnectError::InvalidUri(uri.to_owned())), "{uri:?}");
    }
    for uri in ["ws://user@h/", "ws://user:word@h/", "ws://@h/"] {
        assert_eq!(Connect::new(uri).err(), Some(ConnectError::UserInfoInUri), "{uri:?}");
    }
}

#[test]
fn hc1_fragments_are_refused_and_a_hash_is_escaped() {
    for uri in ["ws://h/#", "ws://h/chat#x", "ws://h#x", "ws://h/?a#b", "#"] {
        assert_eq!(Connect::new(uri).err(), Some(ConnectError::FragmentInUri), "{uri:?}");
    }
    assert_eq!(lines(&connect("ws://h/chat%23x"))[0], "GET /chat%23x HTTP/1.1");
}

/// RFC 6455 section 3: "The URI is called "secure" [...] if the scheme component matches "wss" case-insensitively."
#[test]
fn hc1_the_scheme_is_case_insensitive() {
    for (uri, is_secure, port) in [("WS://h/", false, 80), ("Wss://h/", true, 443), ("WSS://h/", true, 443)] {
        let connect = connect(uri);
        assert_eq!((connect.is_secure(), connect.port()), (is_secure, port), "{uri}");
    }
}

#[test]
fn hc1_an_invalid_port_is_refused() {
    for uri in ["ws://h:65536/", "ws://h:99999/", "ws://h:port/", "ws://h:-1/", "ws://h:+80/", "wss://[::1]:x/"] {
        assert_eq!(Connect::new(uri).err(), Some(ConnectError::InvalidUri(uri.to_owned())), "{uri}");
    }
    assert_eq!(connect("ws://h:/").port(), 80, "RFC 3986 section 3.2.3 lets a port be empty");
    assert_eq!(connect("ws://h:65535/").port(), 65535);
}

#[test]
fn hc1_brackets_hold_an_ipv6_address_and_end_the_host() {
    for uri in ["ws://[]/", "ws://[zz]/", "ws://[::1]x/", "ws://[127.0.0.1]/"] {
        assert_eq!(Connect::new(uri).err(), Some(ConnectError::InvalidUri(uri.to_owned())), "{uri}");
    }
}

#[test]
fn hc1_characters_outside_ascii_are_refused() {
    for uri in ["ws://h/ü", "ws://h/?q=ü", "ws://h/\u{202E}"] {
        assert_eq!(Connect::new(uri).err(), Some(ConnectError::InvalidUri(uri.to_owned())), "{uri}");
    }
}

/// RFC 3986 sections 3.3 and 3.4: these characters are escaped in a path or a query.
#[test]
fn hc1_characters_outside_the_grammar_of_uris_are_refused() {
    for uri in
        ["ws://h/\"", "ws://h/{x}", "ws://h/a\\b", "ws://h/a^b", "ws://h/?a|b", "ws://h/[x]", "ws://h/%zz", "ws://h/%4"]
    {
        assert_eq!(Connect::new(uri).err(), Some(ConnectError::InvalidUri(uri.to_owned())), "{uri}");
    }
}

#[test]
fn hc2_the_resource_name_is_path_and_query() {
    for (uri, resource) in [
        ("ws://h", "/"),
        ("ws://h/", "/"),
        ("ws://h/chat", "/chat"),
        ("ws://h/chat?room=7&x=%20", "/chat?room=7&x=%20"),
        ("ws://h/?a?b/c", "/?a?b/c"),
        ("ws://h//x", "//x"),
        ("ws://h/a/../b;c=d", "/a/../b;c=d"),
    ] {
        assert_eq!(lines(&connect(uri))[0], format!("GET {resource} HTTP/1.1"), "{uri}");
    }
}

/// RFC 6455 section 3: the resource name is "/" if the path component is empty, and has "?" only if the query component
/// is non-empty.
#[test]
fn hc2_an_empty_path_becomes_a_slash_and_an_empty_query_nothing() {
    for (uri, resource) in
        [("ws://h?x=1", "/?x=1"), ("ws://h:81?x", "/?x"), ("ws://h/?", "/"), ("ws://h/chat?", "/chat")]
    {
        assert_eq!(lines(&connect(uri))[0], format!("GET {resource} HTTP/1.1"), "{uri}");
    }
}

#[test]
fn hc5_the_request_is_a_get_of_http_1_1() {
    let connect = connect("ws://server.example.com/chat").seed([7; 32]);
    let lines = lines(&connect);
    let key = value(&lines, "Sec-WebSocket-Key").to_owned();
    assert_eq!(
        lines,
        [
            "GET /chat HTTP/1.1",
            "Host: server.example.com",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            &format!("Sec-WebSocket-Key: {key}"),
        ]
    );
}

#[test]
fn hc6_the_target_is_the_resource_name_for_every_authority() {
    for uri in ["ws://h/x?y", "wss://h:81/x?y", "ws://[::1]:81/x?y"] {
        assert_eq!(lines(&connect(uri))[0], "GET /x?y HTTP/1.1", "{uri}");
    }
}

#[test]
fn hc7_host_has_the_port_unless_it_is_the_default() {
    for (uri, host, port, field) in [
        ("ws://example.com/", "example.com", 80, "example.com"),
        ("ws://example.com:80/", "example.com", 80, "example.com"),
        ("ws://example.com:443/", "example.com", 443, "example.com:443"),
        ("wss://example.com/", "example.com", 443, "example.com"),
        ("wss://example.com:443/", "example.com", 443, "example.com"),
        ("wss://example.com:80/", "example.com", 80, "example.com:80"),
        ("ws://127.0.0.1:9001/", "127.0.0.1", 9001, "127.0.0.1:9001"),
        ("ws://[::1]/", "[::1]", 80, "[::1]"),
        ("ws://[2001:db8::7]:9001/", "[2001:db8::7]", 9001, "[2001:db8::7]:9001"),
        ("ws://example.com:080/", "example.com", 80, "example.com"),
    ] {
        let connect = connect(uri);
        assert_eq!((connect.host(), connect.port()), (host, port), "{uri}");
        assert_eq!(connect.address(), (host.trim_matches(['[', ']']), port), "{uri}");
        assert_eq!(value(&lines(&connect), "Host"), field, "{uri}");
    }
}

#[test]
fn hc8_upgrade_and_connection_ask_for_a_websocket() {
    let lines = lines(&connect("ws://h/"));
    assert_eq!((value(&lines, "Upgrade"), value(&lines, "Connection")), ("websocket", "Upgrade"));
}

#[test]
fn hc9_the_key_is_16_random_bytes_and_new_for_each_connection() {
    let key = |connect: &Connect| value(&lines(connect), "Sec-WebSocket-Key").to_owned();
    let connect = connect("ws://h/");
    let keys: HashSet<_> = (0..50).map(|_| key(&connect)).collect();
    assert_eq!(keys.len(), 50, "the same request never has the same key");
    for key in keys {
        assert_eq!(data_encoding::BASE64.decode(key.as_bytes()).expect("base64").len(), 16, "{key}");
    }
    assert_eq!(key(&connect.clone().seed([7; 32])), key(&connect.clone().seed([7; 32])), "a seed is for tests");
    assert_ne!(key(&connect.clone().seed([7; 32])), key(&connect.seed([8; 32])));
}

#[test]
fn hc10_origin_is_sent_only_if_given() {
    assert!(!lines(&connect("ws://h/")).iter().any(|line| line.to_lowercase().starts_with("origin")));
    let origin = HeaderValue::from_static("https://example.com");
    let connect = connect("ws://h/").header(header::ORIGIN, origin).expect("the header is not reserved");
    let connect = connect.header(header::COOKIE, HeaderValue::from_static("a=1")).expect("it is no second origin");
    assert_eq!(value(&lines(&connect), "Origin"), "https://example.com");
}

#[test]
fn hc11_the_version_is_13() {
    assert_eq!(value(&lines(&connect("ws://h/")), "Sec-WebSocket-Version"), "13");
}

#[test]
fn hc12_subprotocols_are_distinct_tokens_in_order() {
    let every_token = "!#$%&'*+-.^_`|~09azAZ";
    let mut connect = connect("ws://h/");
    for name in ["superchat", "chat", "Chat", every_token] {
        connect = connect.subprotocol(name).expect("a token, once");
    }
    assert_eq!(connect.subprotocols(), ["superchat", "chat", "Chat", every_token]);
    assert_eq!(value(&lines(&connect), "Sec-WebSocket-Protocol"), format!("superchat, chat, Chat, {every_token}"));

    let again = connect.clone().subprotocol("chat").err();
    assert_eq!(again, Some(ConnectError::DuplicateSubprotocol("chat".to_owned())));
    let separators = "()<>@,;:\\\"/[]?={} \t".chars().map(|separator| format!("a{separator}b"));
    for name in separators.chain(["", "\0", "\x7F", "ü", "a\r\nX: y", " a", "a "].map(String::from)) {
        let refused = connect.clone().subprotocol(name.clone()).err();
        assert_eq!(refused, Some(ConnectError::InvalidSubprotocol(name.clone())), "{name:?}");
    }
}

#[test]
fn hc12_without_subprotocols_there_is_no_header() {
    assert!(!lines(&connect("ws://h/")).iter().any(|line| line.starts_with("Sec-WebSocket-Protocol")));
}

#[test]
fn hc13_nothing_is_sent_between_the_request_and_the_response() {
    let (mut client, request) = asking(Config::default(), &[]);
    assert_eq!((client.client_state(), client.application_state()), (State::Connected, State::Connecting));
    let illegal = |action| client.phase().next(Party::Client, action).expect_err("the server has not answered");
    let (message, ping) = (illegal(Action::Message), illegal(Action::Ping));
    assert_eq!(client.send_text("Hello"), Err(SendError::Transition(message)));
    assert_eq!(client.send_binary(b"Hello"), Err(SendError::Transition(message)));
    assert_eq!(client.send_text_fragment("Hello", false), Err(SendError::Transition(message)));
    assert_eq!(client.ping(b""), Err(PingError::Transition(ping)));
    assert_eq!((client.poll_socket(), client.output(), client.phase()), (None, &b""[..], Phase::Requested));

    assert_eq!(feed(&mut client, &accepted_head(&request, &[])).len(), 1);
    client.send_text("Hello").expect("the connection is open");
}

#[test]
fn hc13_giving_up_before_the_response_sends_nothing() {
    for give_up in [
        |client: &mut Connection| client.close(CloseCode::NORMAL_CLOSURE, "no").expect("the call is legal"),
        |client: &mut Connection| client.ensure_closed(CloseCode::NORMAL_CLOSURE, "no"),
        Connection::abort,
    ] {
        for mut client in [asking(Config::default(), &[]).0, client(Config::default(), &[])] {
            give_up(&mut client);
            let Some(Event::Disconnect(disconnect)) = client.poll_event() else { panic!("the end is reported") };
            assert_eq!((disconnect.code, &disconnect.cause), (CloseCode::ABNORMAL_CLOSURE, &Cause::Aborted));
            assert_eq!(disconnect.initiator, Some(Party::Client));
            assert_gone(&mut client, &"gave up");
        }
    }
}

#[test]
fn hc14_extra_headers_are_sent_in_order() {
    let connect = connect("ws://h/")
        .header("Cookie", "a=1")
        .and_then(|connect| connect.header(header::AUTHORIZATION, HeaderValue::from_static("Basic eDp5")))
        .and_then(|connect| connect.header(header::COOKIE, HeaderValue::from_static("b=2")))
        .expect("no header is reserved");
    let lines = lines(&connect);
    let cookies: Vec<_> = lines.iter().filter(|line| line.starts_with("cookie: ")).collect();
    assert_eq!(cookies, ["cookie: a=1", "cookie: b=2"]);
    assert_eq!(value(&lines, "Authorization"), "Basic eDp5");
}

#[test]
fn hc14_headers_of_the_handshake_are_reserved() {
    for name in [
        header::HOST,
        header::UPGRADE,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_VERSION,
        header::SEC_WEBSOCKET_PROTOCOL,
        header::SEC_WEBSOCKET_EXTENSIONS,
        header::SEC_WEBSOCKET_ACCEPT,
    ] {
        let refused = connect("ws://h/").header(name.clone(), HeaderValue::from_static("x")).err();
        assert_eq!(refused, Some(ConnectError::ReservedHeader(name)));
    }
}

#[test]
fn k14_an_address_can_be_resolved() {
    for (uri, expected) in [
        ("ws://[::1]:80/", ("::1", 80)),
        ("wss://[2001:db8::1]/", ("2001:db8::1", 443)),
        ("ws://127.0.0.1:8080/chat", ("127.0.0.1", 8080)),
        ("wss://127.0.0.1", ("127.0.0.1", 443)),
    ] {
        let connect = Connect::new(uri).expect("a URI");
        assert_eq!(connect.address(), expected, "{uri}");
        let resolved =
            connect.address().to_socket_addrs().expect("the system can read it").next().expect("one address");
        assert_eq!((resolved.ip().to_string().as_str(), resolved.port()), expected, "{uri}");
    }
}

#[test]
fn k14_the_host_header_keeps_the_brackets() {
    let client = Connection::client(&Connect::new("ws://[::1]:81/").expect("a URI"), Arc::default(), Instant::now());
    assert!(String::from_utf8_lossy(client.output()).contains("\r\nHost: [::1]:81\r\n"));
}
