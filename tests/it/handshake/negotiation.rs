//! Subprotocols and extensions (rows E).

use crate::support::{
    Pair, accepted_head, drain, feed,
    handshake::{self, asking, failure, refusal, server},
    request_head,
};
use statesocket::handshake::{Accept, Request};
use statesocket::{AcceptError, Config, Event, HandshakeError, Phase};
use std::sync::Arc;

/// The request of RFC 6455 with `changes`, as a server reports it.
fn request(changes: &[(&str, &str)]) -> Arc<Request> {
    handshake::request(Config::default(), &request_head("/chat", changes))
}

fn why(name: &str, value: &str) -> HandshakeError {
    refusal(Config::default(), &request_head("/chat", &[(name, value)])).0
}

#[test]
fn e1_subprotocols_are_a_list_of_distinct_tokens() {
    let offered = |value| request(&[("Sec-WebSocket-Protocol", value)]).subprotocols().to_vec();
    assert_eq!(offered("chat"), ["chat"]);
    assert_eq!(offered("\ta ,\tb,c\t"), ["a", "b", "c"]);
    assert_eq!(offered(",a,, ,b,"), ["a", "b"], "RFC 9110 section 5.6.1: empty elements are ignored");
    assert_eq!(offered("Chat, chat"), ["Chat", "chat"], "tokens differ by case");
    assert_eq!(offered("!#$%&'*+-.^_`|~"), ["!#$%&'*+-.^_`|~"]);
    assert!(request(&[]).subprotocols().is_empty());
    for value in [" ", ",", "\t,\t", "a b", "a;b", "a/1", "\"a\"", "a, \"b,c\"", "chät", "a, b, a", "a,a", "a:b", "{a}"]
    {
        assert_eq!(why("Sec-WebSocket-Protocol", value), HandshakeError::InvalidSubprotocol, "{value:?}");
    }
    let twice = request_head("/chat", &[("Sec-WebSocket-Protocol", "a"), ("+Sec-WebSocket-Protocol", "b, a")]);
    assert_eq!(refusal(Config::default(), &twice).0, HandshakeError::InvalidSubprotocol, "the same on two lines");
}

#[test]
fn e1_extensions_are_read_with_their_parameters() {
    let offered = |value| {
        let request = request(&[("Sec-WebSocket-Extensions", value)]);
        let in_words = request.extensions().iter().map(|extension| {
            let params = extension.params.iter().map(|(name, value)| match value {
                Some(value) => format!(";{name}={value}"),
                None => format!(";{name}"),
            });
            extension.name.clone() + &params.collect::<String>()
        });
        in_words.collect::<Vec<_>>()
    };
    for (value, extensions) in [
        ("foo", &["foo"][..]),
        ("foo, bar; baz=2", &["foo", "bar;baz=2"]),
        ("foo;a;b=1\t;\tc , foo", &["foo;a;b=1;c", "foo"]),
        (",foo,,", &["foo"]),
        ("foo; bar=\"baz\"", &["foo;bar=baz"]),
        ("foo; bar=\"b\\a\\z\", x", &["foo;bar=baz", "x"]),
        ("permessage-deflate; client_max_window_bits", &["permessage-deflate;client_max_window_bits"]),
        ("permessage-deflate; a=10, permessage-deflate", &["permessage-deflate;a=10", "permessage-deflate"]),
    ] {
        assert_eq!(offered(value), extensions, "{value:?}");
    }
}

#[test]
fn e1_malformed_extensions_are_answered_with_400() {
    for value in [
        " ",
        ",",
        "foo bar",
        "foo;",
        "foo;;a",
        ";a",
        "foo; =1",
        "foo; a=",
        "foo; a=1=2",
        "foo; a b",
        "foo=1",
        "\"foo\"",
        "foo; a=\"\"",
        "foo; a=\"b c\"",
        "foo; a=\"b,c\"",
        "foo; a=\"b;c\"",
        "foo; a=\"b",
        "foo; a=\"b\\\"",
        "foo; a=\"b\"c",
        "foo; a=\"b\"c\"",
        "foo; a=b\"c, d\"",
        "foo; \"a\"=b",
        "foo; a='b c'",
        "foo/1",
        "föo",
    ] {
        assert_eq!(why("Sec-WebSocket-Extensions", value), HandshakeError::InvalidExtensions, "{value:?}");
    }
}

#[test]
fn e2_neither_end_chooses_what_was_not_offered() {
    let mut pair = Pair::new(Config::default());
    let events = pair.to_server();
    let [Event::Request(request)] = events.as_slice() else { panic!("{events:?}") };
    assert!(request.extensions().is_empty(), "our client offers none");
    assert_eq!(request.subprotocols(), ["chat", "superchat"]);
    let refused = pair.server.accept(Accept::new().subprotocol("other"));
    assert_eq!(refused, Err(AcceptError::SubprotocolNotOffered("other".to_owned())));

    let (client, request) = asking(Config::default(), &["chat"]);
    let other = accepted_head(&request, &[("Sec-WebSocket-Protocol", "other")]);
    assert_eq!(failure(client, &other), HandshakeError::SubprotocolNotOffered);
    let (client, request) = asking(Config::default(), &["chat"]);
    let extended = accepted_head(&request, &[("Sec-WebSocket-Extensions", "permessage-deflate")]);
    assert_eq!(failure(client, &extended), HandshakeError::ExtensionNotOffered);
}

/// By default the crate negotiates no extension, so the only order that a response may have is the empty one. With
/// `Config::deflate` it negotiates one: `deflate/`.
#[test]
fn e3_no_order_of_extensions_is_needed_since_none_is_agreed_on() {
    for offer in ["foo, bar", "bar, foo", "permessage-deflate, permessage-deflate; client_no_context_takeover"] {
        let mut server = server(Config::default());
        feed(&mut server, &request_head("/chat", &[("Sec-WebSocket-Extensions", offer)]));
        server.accept(Accept::new()).expect("a request is pending");
        let answer = drain(&mut server);
        let plain = accepted_head(&request_head("/chat", &[]), &[]);
        assert_eq!(answer.escape_ascii().to_string(), plain.escape_ascii().to_string(), "{offer}");
    }
}

#[test]
fn e4_subprotocols_are_compared_exactly() {
    for (offered, supported, agreed) in [
        (&["chat", "superchat"][..], &["superchat", "chat"][..], Some("chat")),
        (&["superchat", "chat"], &["superchat", "chat"], Some("superchat")),
        (&["chat", "superchat"], &["superchat"], Some("superchat")),
        (&["Chat"], &["chat"], None),
        (&["chat"], &["chat2", "cha"], None),
        (&["chat"], &[], None),
        (&[], &["chat"], None),
    ] {
        let case = format!("{offered:?} and {supported:?}");
        let (mut client, bytes) = asking(Config::default(), offered);
        let mut server = server(Config::default());
        let events = feed(&mut server, &bytes);
        let [Event::Request(request)] = events.as_slice() else { panic!("{case}: {events:?}") };
        server.accept(Accept::new().preferred_by_client(request, supported)).expect(&case);
        let answer = drain(&mut server);
        let lines = String::from_utf8_lossy(&answer).matches("Sec-WebSocket-Protocol: ").count();
        assert_eq!(lines, usize::from(agreed.is_some()), "{case}");
        let events = feed(&mut client, &answer);
        assert!(matches!(events.as_slice(), [Event::Accepted(_)]), "{case}: {events:?}");
        assert_eq!((client.subprotocol(), server.subprotocol()), (agreed, agreed), "{case}");
    }
}

/// The subprotocols agreed on by the order of the client, and by that of the server.
fn agreed(offered: &[&str], supported: &[&str]) -> [Option<String>; 2] {
    let by: [fn(&Request, &[&str]) -> Accept; 2] = [
        |request, supported| Accept::new().preferred_by_client(request, supported),
        |request, supported| Accept::new().preferred_by_server(request, supported),
    ];
    by.map(|choose| {
        let (_, bytes) = asking(Config::default(), offered);
        let mut server = server(Config::default());
        let events = feed(&mut server, &bytes);
        let [Event::Request(request)] = events.as_slice() else { panic!("{events:?}") };
        server.accept(choose(request, supported)).expect("the choice is from the offer");
        server.subprotocol().map(str::to_owned)
    })
}

#[test]
fn k19_the_order_of_either_side_can_decide() {
    for (offered, supported, by_client, by_server) in [
        (&["v1", "v2"][..], &["v2", "v1"][..], Some("v1"), Some("v2")),
        (&["v2", "v1"], &["v2", "v1"], Some("v2"), Some("v2")),
        (&["v0", "v1", "v2"], &["v3", "v2", "v1"], Some("v1"), Some("v2")),
        (&["v1"], &["v2"], None, None),
        (&[], &["v2"], None, None),
        (&["v1"], &[], None, None),
        (&["V1"], &["v1"], None, None),
        (&["v1"], &["v1", "v1"], Some("v1"), Some("v1")),
    ] {
        let expected = [by_client, by_server].map(|name| name.map(str::to_owned));
        assert_eq!(agreed(offered, supported), expected, "{offered:?} and {supported:?}");
    }
}

#[test]
fn k19_a_later_choice_replaces_an_earlier_one() {
    let request = request(&[("Sec-WebSocket-Protocol", "a, b")]);
    let none = Accept::new().subprotocol("a").preferred_by_server(&request, &["c"]);
    assert_eq!(none, Accept::new());
    let by_server = Accept::new().preferred_by_client(&request, &["a"]).preferred_by_server(&request, &["b", "a"]);
    assert_eq!(by_server, Accept::new().subprotocol("b"));
}

#[test]
fn e5_a_connection_without_a_common_subprotocol_is_open() {
    let mut pair = Pair::open(Config::default());
    assert_eq!((pair.client.phase(), pair.server.phase()), (Phase::Open, Phase::Open));
    assert_eq!((pair.client.subprotocol(), pair.server.subprotocol()), (None, None));
    pair.client.send_text("Hello").expect("the connection is open");
    assert!(matches!(pair.to_server().as_slice(), [Event::Message(_)]));
}

/// A client cannot require an extension: the header is reserved for the handshake, and `Config::deflate` only offers
/// one. So no client closes with 1010 by itself; the code is for applications whose subprotocol needs an extension.
#[test]
fn e6_no_extension_can_be_required_and_only_a_client_may_send_1010() {
    use statesocket::http::{HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};
    use statesocket::{CloseCode, CloseError, ConnectError, handshake::Connect};

    let connect = Connect::new("ws://server.example.com/chat").expect("a valid URI");
    let refused = connect.header(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("foo")).err();
    assert_eq!(refused, Some(ConnectError::ReservedHeader(SEC_WEBSOCKET_EXTENSIONS)));

    let mut pair = Pair::open(Config::default());
    let refused = pair.server.close(CloseCode::MANDATORY_EXTENSION, "foo");
    assert_eq!(refused, Err(CloseError::InvalidCode(CloseCode::MANDATORY_EXTENSION)), "a server may not send 1010");
    pair.client.close(CloseCode::MANDATORY_EXTENSION, "foo").expect("a client may send 1010");
    let events = pair.to_server();
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((disconnect.code, disconnect.reason.as_str()), (CloseCode::MANDATORY_EXTENSION, "foo"));
}
