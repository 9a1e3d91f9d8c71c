//! The answer of a server (rows HA and HS10 to HS12).

use crate::support::{
    Raw, config, drain, feed,
    handshake::{self, assert_over, refusal, request, server},
    request_head, requested_server,
};
use statesocket::handshake::{Accept, Response};
use statesocket::http::{HeaderName, HeaderValue, StatusCode, header};
use statesocket::{
    AcceptError, Action, Cause, CloseCode, Config, Connection, Disconnect, Event, HandshakeError, Message, Party,
    Phase, RejectError, SocketAction, State, TransitionError,
};

/// The answer that `server` has written, and the only event after its rejection.
fn rejection(server: &mut Connection) -> (String, Box<Disconnect>) {
    assert_eq!((server.client_state(), server.application_state()), (State::Disconnected, State::Disconnected));
    assert_eq!(server.disconnected(), None, "the end is not reported yet");
    let Some(Event::Disconnect(disconnect)) = server.poll_event() else { panic!("a rejection ends the connection") };
    assert_eq!(disconnect.code, CloseCode::ABNORMAL_CLOSURE);
    assert_eq!((disconnect.initiator, disconnect.is_clean), (Some(Party::Application), false));
    assert_eq!(server.poll_socket(), None, "the answer is not written yet");
    let answer = String::from_utf8(drain(server)).expect("the answer is text");
    assert_over(server, &answer);
    (answer, disconnect)
}

#[test]
fn ha1_the_answer_is_that_of_the_rfc() {
    let mut server = requested_server(Config::default());
    assert_eq!((server.client_state(), server.application_state()), (State::Connected, State::Connecting));
    server.accept(Accept::new()).expect("a request is pending");
    assert_eq!(
        drain(&mut server).escape_ascii().to_string(),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            .escape_ascii()
            .to_string()
    );
    assert_eq!((server.client_state(), server.application_state()), (State::Connected, State::Connected));
    assert_eq!((server.poll_event(), server.poll_socket(), server.subprotocol()), (None, None, None));
}

#[test]
fn ha1_a_refusal_without_a_waiting_request_does_nothing() {
    let mut open = requested_server(Config::default());
    open.accept(Accept::new()).expect("a request is pending");
    drain(&mut open);
    let mut refused = requested_server(Config::default());
    refused.refuse(StatusCode::NOT_FOUND);
    drain(&mut refused);
    for mut connection in [server(Config::default()), open, refused] {
        let phase = connection.phase();
        connection.refuse(StatusCode::FORBIDDEN);
        assert_eq!((connection.phase(), connection.output_len()), (phase, 0));
    }
}

#[test]
fn ha1_a_refusal_with_a_status_that_is_not_final_is_a_500() {
    let mut server = requested_server(Config::default());
    server.refuse(StatusCode::CONTINUE);
    let (answer, disconnect) = rejection(&mut server);
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert_eq!(disconnect.cause, Cause::Rejected(StatusCode::INTERNAL_SERVER_ERROR));
}

#[test]
fn ha1_headers_of_the_application_follow_those_of_the_handshake() {
    let mut server = server(Config::default());
    feed(&mut server, &request_head("/chat", &[("Sec-WebSocket-Protocol", "chat, superchat")]));
    let accept = Accept::new()
        .header("Set-Cookie", "a=1")
        .and_then(|accept| accept.header(header::SET_COOKIE, HeaderValue::from_static("b=2")))
        .expect("not a reserved header")
        .subprotocol("superchat");
    server.accept(accept).expect("a request is pending");
    assert_eq!(
        String::from_utf8(drain(&mut server)).expect("text"),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: superchat\r\n\
            set-cookie: a=1\r\nset-cookie: b=2\r\n\r\n"
    );
    assert_eq!(server.subprotocol(), Some("superchat"));
}

#[test]
fn ha2_only_an_offered_subprotocol_is_accepted() {
    let mut server = server(Config::default());
    feed(&mut server, &request_head("/chat", &[("Sec-WebSocket-Protocol", "chat, superchat")]));
    for name in ["", "Chat", "chat ", "chat, superchat", "other", "chat\r\nX: y"] {
        let refused = server.accept(Accept::new().subprotocol(name));
        assert_eq!(refused, Err(AcceptError::SubprotocolNotOffered(name.to_owned())), "{name:?}");
        assert_eq!((server.phase(), server.subprotocol()), (Phase::Requested, None), "{name:?}");
        assert!(server.output().is_empty(), "{name:?}: a refused answer writes nothing");
    }
    server.accept(Accept::new().subprotocol("chat")).expect("the refused calls changed nothing");
    assert_eq!(server.subprotocol(), Some("chat"));
}

#[test]
fn ha3_no_extension_is_ever_accepted() {
    let offer = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame, foo; bar=\"baz\"";
    let mut server = server(Config::default());
    let events = feed(&mut server, &request_head("/chat", &[("Sec-WebSocket-Extensions", offer)]));
    let [Event::Request(request)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(request.extensions().len(), 3, "the request shows the offer");
    server.accept(Accept::new()).expect("a request is pending");
    let answer = String::from_utf8(drain(&mut server)).expect("text").to_lowercase();
    assert!(!answer.contains("sec-websocket-extensions"), "{answer}");
}

#[test]
fn ha4_the_server_may_send_at_once() {
    let mut server = requested_server(Config::default());
    server.accept(Accept::new()).expect("a request is pending");
    server.send_text("Hello").expect("the connection is open");
    let output = drain(&mut server);
    assert!(output.starts_with(b"HTTP/1.1 101 ") && output.ends_with(b"\r\n\r\n\x81\x05Hello"), "{output:?}");
}

#[test]
fn ha4_bytes_behind_the_request_wait_for_the_answer() {
    let hello = Raw::new(Raw::TEXT, "Hello").masked().bytes();
    let more = Raw::new(Raw::TEXT, "again").masked().bytes();
    for split in 0..=hello.len() {
        let mut server = server(Config::default());
        let events = feed(&mut server, &[&request_head("/chat", &[]), &hello[..split]].concat());
        assert!(matches!(events.as_slice(), [Event::Request(_)]), "{split}: {events:?}");
        server.accept(Accept::new().subprotocol("not offered")).expect_err("the subprotocol was not offered");
        server.accept(Accept::new()).expect("a request is pending");
        let mut texts: Vec<_> = server.poll_event().into_iter().collect();
        texts.extend(feed(&mut server, &[&hello[split..], &more].concat()));
        assert_eq!(texts, [Event::Message(Message::from("Hello")), Event::Message(Message::from("again"))], "{split}");
    }
}

#[test]
fn ha4_a_close_behind_the_request_is_answered_after_the_accept() {
    let early = [Raw::new(Raw::PING, "p").masked().bytes(), Raw::close(1001, "off").masked().bytes()].concat();
    let mut server = server(Config::default());
    feed(&mut server, &[request_head("/chat", &[]), early].concat());
    assert_eq!(server.phase(), Phase::Requested, "no frame is read before the answer");
    server.accept(Accept::new()).expect("a request is pending");
    drain(&mut server);
    let events = feed(&mut server, b"");
    let [Event::Ping(_), Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (disconnect.code, disconnect.reason.as_str(), disconnect.is_clean),
        (CloseCode::GOING_AWAY, "off", true)
    );
    assert_eq!(drain(&mut server), b"\x8A\x01p\x88\x05\x03\xE9off");
}

#[test]
fn ha5_headers_of_the_handshake_are_reserved() {
    for name in [
        "Upgrade",
        "connection",
        "Content-Length",
        "Transfer-Encoding",
        "Sec-WebSocket-Accept",
        "sec-websocket-protocol",
        "SEC-WEBSOCKET-EXTENSIONS",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Key",
    ] {
        let mut server = requested_server(Config::default());
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let accept = Accept::new()
            .header(header::SERVER, HeaderValue::from_static("fine"))
            .and_then(|accept| accept.header(name.clone(), HeaderValue::from_static("x")));
        assert_eq!(accept, Err(AcceptError::ReservedHeader(name.clone())));
        assert!(server.output().is_empty() && server.phase() == Phase::Requested, "{name}");
        server.accept(Accept::new()).expect("the refused call changed nothing");
    }
}

#[test]
fn ha6_an_abort_during_the_handshake_closes_the_transport() {
    for mut server in [server(Config::default()), requested_server(Config::default())] {
        server.abort();
        let Some(Event::Disconnect(disconnect)) = server.poll_event() else { panic!("the abort is reported") };
        assert_eq!((disconnect.code, disconnect.cause), (CloseCode::ABNORMAL_CLOSURE, Cause::Aborted));
        assert_eq!(server.phase(), Phase::Closed);
        assert!(server.output().is_empty() && server.poll_event().is_none());
        assert_eq!((server.poll_socket(), server.poll_socket()), (Some(SocketAction::Close), None));
    }
}

#[test]
fn ha6_a_client_that_leaves_during_the_handshake_is_lost() {
    let mut begun = server(Config::default());
    feed(&mut begun, b"GET /chat HTTP/1.1\r\nHost:");
    for mut server in [server(Config::default()), begun, requested_server(Config::default())] {
        let was_requested = server.phase() == Phase::Requested;
        server.receive_eof();
        if was_requested {
            assert_eq!(server.accept(Accept::new()), Err(AcceptError::TransportLost), "the client is gone");
        }
        let Some(Event::Disconnect(disconnect)) = server.poll_event() else { panic!("the end is reported") };
        assert_eq!((disconnect.code, disconnect.cause), (CloseCode::ABNORMAL_CLOSURE, Cause::TransportLost(None)));
        assert_eq!((server.phase(), server.poll_event()), (Phase::Closed, None));
        assert!(server.output().is_empty(), "nothing is written");
        assert_eq!((server.poll_socket(), server.poll_socket()), (Some(SocketAction::Close), None));
    }
}

#[test]
fn ha6_nothing_is_written_to_a_failed_transport() {
    let mut server = requested_server(Config::default());
    server.transport_failed();
    let _ = server.reject(Response::new(StatusCode::NOT_FOUND));
    assert!(server.output().is_empty(), "an answer");
    assert!(matches!(server.poll_event(), Some(Event::Disconnect(_))));
    assert_eq!(server.poll_socket(), Some(SocketAction::Close));

    let mut server = handshake::server(Config::default());
    server.transport_failed();
    assert!(matches!(feed(&mut server, b"\x16\x03\x01").as_slice(), [Event::Disconnect(_)]));
    assert!(server.output().is_empty(), "an error response");
    assert_eq!(server.poll_socket(), Some(SocketAction::Close));
}

#[test]
fn ha7_a_request_is_answered_once() {
    let mut server = requested_server(Config::default());
    server.reject(Response::new(StatusCode::NOT_FOUND)).expect("a request is pending");
    let written = server.output().to_vec();
    assert_eq!(
        server.reject(Response::new(StatusCode::OK)),
        Err(RejectError::Transition(illegal(Phase::Closed, Action::Reject)))
    );
    assert_eq!(server.accept(Accept::new()), Err(AcceptError::Transition(illegal(Phase::Closed, Action::Accept))));
    assert_eq!(server.output(), written);
    assert_eq!(rejection(&mut server).1.cause, Cause::Rejected(StatusCode::NOT_FOUND));
}

#[test]
fn ha7_a_status_alone_is_an_answer() {
    let (mut brief, mut whole) = (requested_server(Config::default()), requested_server(Config::default()));
    brief.reject(StatusCode::FORBIDDEN).expect("a request is pending");
    whole.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request is pending");
    assert_eq!(rejection(&mut brief), rejection(&mut whole));
    assert_eq!(*Box::<Response>::from(StatusCode::OK), Response::new(StatusCode::OK));
}

/// The error of an application whose `action` comes too early or too late.
fn illegal(phase: Phase, action: Action) -> TransitionError {
    phase.next(Party::Application, action).expect_err("no request is pending")
}

#[test]
fn ha7_nothing_can_be_answered_before_a_request() {
    let mut server = server(Config::default());
    assert_eq!(server.accept(Accept::new()), Err(AcceptError::Transition(illegal(Phase::Idle, Action::Accept))));
    let response = Response::new(StatusCode::NOT_FOUND);
    assert_eq!(server.reject(response), Err(RejectError::Transition(illegal(Phase::Idle, Action::Reject))));
    assert_eq!((server.phase(), server.output(), server.request()), (Phase::Idle, &b""[..], None));
}

#[test]
fn ha7_a_close_before_the_answer_is_a_403() {
    let mut closed = requested_server(Config::default());
    closed.close(CloseCode::NORMAL_CLOSURE, "no").expect("the call is legal");
    let mut ensured = requested_server(Config::default());
    ensured.ensure_closed(CloseCode::NORMAL_CLOSURE, "no");
    for mut server in [closed, ensured] {
        let (answer, disconnect) = rejection(&mut server);
        assert_eq!(answer, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(disconnect.cause, Cause::Rejected(StatusCode::FORBIDDEN));
    }
}

#[test]
fn hs10_the_application_may_demand_credentials_or_redirect() {
    let mut server = requested_server(Config::default());
    let challenge = HeaderValue::from_static("Basic realm=\"chat\"");
    let response = Response::new(StatusCode::UNAUTHORIZED)
        .body("who?")
        .header(header::WWW_AUTHENTICATE, challenge)
        .expect("not a reserved header");
    server.reject(response).expect("a request is pending");
    let (answer, disconnect) = rejection(&mut server);
    assert_eq!(
        answer,
        "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"chat\"\r\nConnection: close\r\n\
            Content-Length: 4\r\n\r\nwho?"
    );
    assert_eq!(disconnect.cause, Cause::Rejected(StatusCode::UNAUTHORIZED));

    for status in [301, 302, 303, 307, 308] {
        let mut server = requested_server(Config::default());
        let status = StatusCode::from_u16(status).expect("a status");
        let elsewhere = HeaderValue::from_static("wss://example.com/chat");
        server
            .reject(Response::new(status).header(header::LOCATION, elsewhere).expect("not a reserved header"))
            .expect("a request is pending");
        let (answer, _) = rejection(&mut server);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\nlocation: wss://example.com/chat\r\n")), "{answer}");
    }
}

#[test]
fn hs11_an_unwelcome_origin_is_answered_with_403() {
    let mut server = server(Config::default());
    let events = feed(&mut server, &request_head("/chat", &[("Origin", "https://evil.example")]));
    let [Event::Request(request)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(request.origin(), Some("https://evil.example"));
    server.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request is pending");
    assert!(rejection(&mut server).0.starts_with("HTTP/1.1 403 Forbidden\r\n"));
}

#[test]
fn hs12_an_unknown_resource_is_answered_with_404() {
    let mut server = requested_server(Config::default());
    assert_eq!(server.request().map(|request| request.path()), Some("/chat"));
    server.reject(Response::new(StatusCode::NOT_FOUND).body("no /chat here")).expect("a request is pending");
    let (answer, _) = rejection(&mut server);
    assert_eq!(answer, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 13\r\n\r\nno /chat here");
}

#[test]
fn hs12_early_bytes_of_a_rejected_client_are_dropped() {
    let mut server = server(Config::default());
    let second = request_head("/admin", &[]);
    feed(&mut server, &[request_head("/chat", &[]), second].concat());
    server.reject(Response::new(StatusCode::NOT_FOUND)).expect("a request is pending");
    assert_eq!(rejection(&mut server).1.cause, Cause::Rejected(StatusCode::NOT_FOUND));
}

#[test]
fn ha7_a_response_without_content_has_no_length() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let mut server = requested_server(Config::default());
        let with_body = Response::new(status).body("x");
        assert_eq!(server.reject(with_body), Err(RejectError::BodyNotAllowed(status)));
        server.reject(Response::new(status)).expect("the refused call changed nothing");
        assert_eq!(rejection(&mut server).0, format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n"));
    }
}

#[test]
fn ha7_a_plain_request_is_reported_only_if_configured() {
    let plain = b"GET /index.html HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(refusal(Config::default(), plain).0, HandshakeError::UpgradeRequired);

    let config = config(|config| config.plain_http = true);
    assert!(!request(config.clone(), plain).is_websocket());
    let mut server = server(config.clone());
    feed(&mut server, plain);
    assert_eq!(server.accept(Accept::new()), Err(AcceptError::NotWebSocket));
    assert!(server.output().is_empty() && server.phase() == Phase::Requested);
    let page = Response::new(StatusCode::OK)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("text/html"))
        .expect("not a reserved header");
    server.reject(page.body("<p>Hello")).expect("a request is pending");
    assert_eq!(
        rejection(&mut server).0,
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nConnection: close\r\nContent-Length: 8\r\n\r\n<p>Hello"
    );

    let with_a_key = request_head("/chat", &[("Upgrade", "h2c")]);
    let mut server = self::server(config.clone());
    feed(&mut server, &with_a_key);
    assert_eq!(server.accept(Accept::new()), Err(AcceptError::NotWebSocket), "a key alone is a plain request");

    let broken = request_head("/chat", &[("Sec-WebSocket-Key", "")]);
    assert_eq!(refusal(config, &broken).0, HandshakeError::InvalidKey, "a request for a WebSocket must be valid");
}
