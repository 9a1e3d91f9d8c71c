//! Security: RFC 6455 section 10 (rows SE).

use crate::support::{
    Fragments, Pair, Raw, accepted_head, drain, established, feed,
    handshake::{asking, failure, refusal, request, server},
    opened_server, request_head,
};
use statesocket::handshake::{Connect, Response};
use statesocket::http::{HeaderName, HeaderValue, StatusCode};
use statesocket::{
    Agreed, Cause, CloseCode, Config, ConnectError, Connection, Event, HandshakeError, Phase, ProtocolError, Role,
    SocketAction,
};
use std::{collections::HashSet, sync::Arc, time::Instant};

#[test]
fn se1_a_server_sees_the_origin_of_a_page() {
    let allowed = "https://example.com";
    for (origin, is_welcome) in [
        (Some("https://example.com"), true),
        (Some("https://example.com.evil"), false),
        (Some("http://example.com"), false),
        (Some("null"), false),
        (None, true),
    ] {
        let mut pair = Pair::new(Config::default());
        let mut connect = Connect::new("ws://server.example.com/chat").expect("a valid URI");
        if let Some(origin) = origin {
            connect = connect
                .header(HeaderName::from_static("origin"), HeaderValue::from_static(origin))
                .expect("the header is not reserved");
        }
        pair.client = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
        let events = pair.to_server();
        let [Event::Request(request)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(request.origin(), origin);
        assert_eq!(request.origin().is_none_or(|origin| origin == allowed), is_welcome, "{origin:?}");
        if !is_welcome {
            pair.server.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request is pending");
            let events = pair.to_client();
            let [Event::Rejected(_), Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!(disconnect.cause, Cause::Rejected(StatusCode::FORBIDDEN));
        }
    }
}

/// The masking keys of `n` empty messages.
fn mask_keys(client: &mut Connection, n: usize) -> Vec<[u8; 4]> {
    (0..n)
        .map(|_| {
            client.send_binary(b"").expect("the connection is open");
            let frame = drain(client);
            frame[2..].try_into().expect("a header, a key, no payload")
        })
        .collect()
}

#[test]
fn se2_masking_keys_are_fresh_for_each_frame_and_connection() {
    let unseeded = || Connection::established(Role::Client, Agreed::new(), Arc::new(Config::default()), Instant::now());
    let keys: Vec<_> = (0..4).flat_map(|_| mask_keys(&mut unseeded(), 16)).collect();
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "{keys:?}");
    let distances: HashSet<_> =
        keys.windows(2).map(|pair| u32::from_be_bytes(pair[1]).wrapping_sub(u32::from_be_bytes(pair[0]))).collect();
    assert_eq!(distances.len(), keys.len() - 1, "the difference of two keys is never the same");
}

#[test]
fn se2_masking_keys_are_fresh_after_an_opening_handshake_too() {
    let connect = Connect::new("ws://server.example.com/chat").expect("a valid URI");
    let mut all = HashSet::new();
    for _ in 0..4 {
        let mut client = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
        let request = drain(&mut client);
        feed(&mut client, &accepted_head(&request, &[]));
        all.extend(mask_keys(&mut client, 16));
    }
    assert_eq!(all.len(), 64);
}

#[test]
fn se3_a_client_always_masks_and_a_server_never_does() {
    for role in [Role::Client, Role::Server] {
        let mut connection = established(role, Config::default());
        connection.send_text("Hello").expect("the connection is open");
        connection.send_binary_fragment(&[0; 70_000], false).expect("the connection is open");
        connection.ping(b"p").expect("the connection is open");
        connection.send_binary_fragment(&[0; 200], true).expect("the connection is open");
        connection.close(CloseCode::NORMAL_CLOSURE, "bye").expect("the connection is open");
        let mut output = drain(&mut connection);
        let mut frames = 0;
        while !output.is_empty() {
            assert_eq!(output[1] & 0x80 != 0, role == Role::Client, "{role:?}, frame {frames}");
            let (form, len) = match output[1] & 0x7F {
                126 => (2, usize::from(u16::from_be_bytes([output[2], output[3]]))),
                127 => {
                    (8, usize::try_from(u64::from_be_bytes(output[2..10].try_into().expect("8 bytes"))).expect("small"))
                }
                len => (0, usize::from(len)),
            };
            let key = if role == Role::Client { 4 } else { 0 };
            output.drain(..2 + form + key + len);
            frames += 1;
        }
        assert_eq!(frames, 5);
    }
}

#[test]
fn se3_wrong_masking_is_refused() {
    let frame = Raw::new(Raw::TEXT, "Hello");
    for (role, frame, error) in [
        (Role::Server, frame.clone(), ProtocolError::UnmaskedFrame),
        (Role::Client, frame.masked(), ProtocolError::MaskedFrame),
    ] {
        let mut connection = established(role, Config::default());
        let events = feed(&mut connection, &frame.bytes());
        let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{role:?}: {events:?}") };
        assert_eq!(
            (disconnect.code, &disconnect.cause),
            (CloseCode::ABNORMAL_CLOSURE, &Cause::Protocol(error)),
            "{role:?}"
        );
    }
}

#[test]
fn se4_every_limit_is_finite_by_default() {
    let config = Config::default();
    for limit in [
        config.max_head_bytes,
        config.max_request_line_bytes,
        config.max_headers,
        config.max_early_bytes,
        config.max_rejection_body_bytes,
        config.max_output_bytes,
        usize::try_from(config.max_frame_bytes).expect("small"),
        usize::try_from(config.max_message_bytes).expect("small"),
        usize::try_from(config.max_fragments).expect("small"),
    ] {
        assert!((1..=64 << 20).contains(&limit), "{config:?}");
    }
    for timeout in [config.opening_timeout, config.closing_timeout, config.linger_timeout] {
        assert!(timeout.is_some_and(|timeout| timeout.as_secs() <= 60), "{config:?}");
    }
}

#[test]
fn se5_invalid_data_gets_a_status_before_the_101_and_a_code_after() {
    let (error, answer) = refusal(Config::default(), b"\x16\x03\x01\x02\x00");
    assert_eq!(error, HandshakeError::Malformed);
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    for (bytes, code) in [
        (Raw::new(Raw::TEXT, b"\xFF").masked().bytes(), 1007),
        (Raw::new(0x3, "").masked().bytes(), 1002),
        (Raw::new(Raw::TEXT, "").set(0x40).masked().bytes(), 1002),
        (request_head("/chat", &[]), 1002),
        (b"\x82\xFF\x00\x00\x01\x00\x00\x00\x00\x00\x37\xFA\x21\x3D".to_vec(), 1009),
    ] {
        let mut server = opened_server(Config::default());
        let events = feed(&mut server, &bytes);
        assert!(matches!(events.as_slice(), [Event::Disconnect(_)]), "{code}: {events:?}");
        let close = drain(&mut server);
        assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, code), "{}", bytes.escape_ascii());
    }
}

/// SHA-1 only shows that the server has read the request: the answer depends on the key and nothing else.
#[test]
fn se7_the_answer_depends_on_the_key_alone() {
    let accept = |changes: &[(&str, &str)]| {
        let mut server = server(Config::default());
        feed(&mut server, &request_head("/any", changes));
        server.accept(Default::default()).expect("a request is pending");
        drain(&mut server)
    };
    let plain = accept(&[]);
    assert_eq!(accept(&[("Origin", "https://evil.example"), ("Host", "other"), ("Cookie", "a=1")]), plain);
    assert_ne!(accept(&[("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")]), plain);
}

#[test]
fn se9_a_server_under_attack_may_drop_the_connection() {
    let mut server = opened_server(Config::default());
    server.send_binary(&[0; 100_000]).expect("the connection is open");
    server.abort();
    assert!(server.output().is_empty(), "the output is dropped");
    let Some(Event::Disconnect(disconnect)) = server.poll_event() else { panic!("the end is reported") };
    assert_eq!((disconnect.code, &disconnect.cause), (CloseCode::ABNORMAL_CLOSURE, &Cause::Aborted));
    assert_eq!(
        (server.phase(), server.poll_socket(), server.poll_socket()),
        (Phase::Closed, Some(SocketAction::Close), None)
    );
}

#[test]
fn se10_no_written_header_can_contain_a_line_end_or_nul() {
    for text in ["a\r\nX: y", "a\nb", "a\rb", "a\0b"] {
        assert!(HeaderValue::from_str(text).is_err(), "{text:?}: no header has this value");
        assert!(HeaderName::from_bytes(text.as_bytes()).is_err(), "{text:?}: no header has this name");
        for uri in
            [format!("ws://h/{text}"), format!("ws://h/?{text}"), format!("ws://{text}/"), format!("ws://h:{text}/")]
        {
            assert_eq!(Connect::new(&uri).err(), Some(ConnectError::InvalidUri(uri.clone())), "{uri:?}");
        }
        let connect = Connect::new("ws://h/").expect("a valid URI");
        let refused = connect.subprotocol(text).err();
        assert_eq!(refused, Some(ConnectError::InvalidSubprotocol(text.to_owned())), "{text:?}");
    }
}

#[test]
fn se10_no_read_header_can_contain_a_line_end_or_nul() {
    for value in ["a\0b", "a\rb", "a\nb", "\0", "a\r\n b"] {
        for name in ["X", "Sec-WebSocket-Protocol", "Origin"] {
            let (error, _) = refusal(Config::default(), &request_head("/chat", &[(name, value)]));
            assert_eq!(error, HandshakeError::Malformed, "{name}: {value:?}");
            // A client has to join a folded line.
            if value != "a\r\n b" {
                let (client, request) = asking(Config::default(), &["a"]);
                let error = failure(client, &accepted_head(&request, &[(name, value)]));
                assert_eq!(error, HandshakeError::Malformed, "{name}: {value:?}");
            }
        }
        let (error, _) = refusal(Config::default(), &request_head(&format!("/{value}"), &[]));
        assert_eq!(error, HandshakeError::Malformed, "{value:?}");
    }
    let (mut client, asked) = asking(Config::default(), &[]);
    let events = feed(&mut client, &accepted_head(&asked, &[("X", "a\r\n b")]));
    let [Event::Accepted(response)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(response.headers["x"], "a   b", "the line end of a fold is gone");
    let escaped = request(Config::default(), &request_head("/chat", &[("X", "a%0D%0Ab")]));
    assert_eq!(escaped.headers()["x"], "a%0D%0Ab", "an escape stays an escape");
}

#[test]
fn se10_the_answer_to_garbage_repeats_none_of_it() {
    let garbage =
        request_head("/<script>", &[("X", "<script>"), ("Sec-WebSocket-Key", "<script>"), ("Host", "<script>")]);
    assert!(!refusal(Config::default(), &garbage).1.contains("script"));
}

#[test]
fn se11_a_flood_of_pings_is_answered_in_constant_memory() {
    let mut server = opened_server(Config::default());
    let flood = Raw::new(Raw::PING, [b'p'; 125]).masked().bytes().repeat(10_000);
    assert_eq!(feed(&mut server, &flood).len(), 10_000);
    let pongs = drain(&mut server).len();
    assert!((127..=64 * 127).contains(&pongs), "F18: the latest Pongs suffice, and {pongs} bytes are too many");
}

#[test]
fn se12_a_plain_request_is_answered_with_426() {
    let (error, answer) = refusal(Config::default(), b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(error, HandshakeError::UpgradeRequired);
    assert_eq!(
        answer,
        "HTTP/1.1 426 Upgrade Required\r\ncontent-type: text/plain; charset=utf-8\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nConnection: close, upgrade\r\nContent-Length: 41\r\n\r\n\
            the request does not ask for a WebSocket\n"
    );
}
