//! Every error of the opening handshake: the input or call that produces it, and its message.

use crate::support::{
    accepted_head, config, feed,
    handshake::{asking, failure, refusal, refusal_by, server},
    request_head, requested_server,
};
use statesocket::handshake::{Accept, Connect, Response};
use statesocket::http::{HeaderValue, StatusCode, header};
use statesocket::{
    AcceptError, Action, Config, ConnectError, HandshakeError, InvalidHeader, Party, Phase, RejectError,
};

/// Checks the message of an error: lower case, unless it begins with a value or a name, and no full stop.
fn assert_words(error: &dyn std::error::Error, words: &str) {
    let text = error.to_string();
    assert_eq!(text, words);
    assert!(!text.starts_with(char::is_uppercase) && !text.ends_with('.'), "{text}");
    assert!(error.source().is_none(), "{text}: a source would repeat the message");
}

/// Checks that a server refuses `request` with `error`. `refusal` checks that the answer has the status and the
/// message.
fn assert_refused(config: Config, request: &[u8], error: &HandshakeError, status: u16, words: &str) {
    assert_eq!(&refusal(config, request).0, error);
    assert_eq!(error.status().as_u16(), status, "{error:?}");
    assert_words(error, words);
}

#[test]
fn every_http_error_of_a_request_has_its_status_and_message() {
    use HandshakeError as Error;

    let get = request_head("/chat", &[]);
    let post = [b"POST", &get[3..]].concat();
    let origin = request_head("/chat", &[("Origin", "\u{e9}")]);
    let other_version = b"GET / HTTP/2.0\r\nHost: h\r\n\r\n";
    let no_host = b"GET / HTTP/1.1\r\n\r\n";
    let target = request_head("*", &[]);
    let body = request_head("/chat", &[("Content-Length", "1")]);
    for (request, error, status, words) in [
        (b"\x16".as_slice(), Error::Malformed, 400, "the head is not well-formed HTTP"),
        (&origin, Error::InvalidOrigin, 400, "the Origin header is not an origin in printable ASCII"),
        (&post, Error::MethodNotAllowed, 405, "the method is neither GET nor HEAD"),
        (other_version, Error::VersionNotSupported, 505, "the HTTP version is not supported"),
        (&target, Error::InvalidTarget, 400, "the request target is not a resource name"),
        (no_host, Error::InvalidHost, 400, "a request needs exactly one valid Host header"),
        (&body, Error::RequestBody, 400, "the request has a body"),
    ] {
        assert_refused(Config::default(), request, &error, status, words);
    }

    let limited = config(|config| config.max_request_line_bytes = 9);
    let error = Error::RequestLineTooLong { limit: 9 };
    assert_refused(limited, &get, &error, 414, "the request line is over the limit of 9 bytes");
    let limited = config(|config| config.max_head_bytes = 99);
    let error = Error::HeadTooLarge { limit: 99 };
    assert_refused(limited, &get, &error, 431, "the head is over the limit of 99 bytes");
    let limited = config(|config| config.max_headers = 2);
    let error = Error::TooManyHeaders { limit: 2 };
    assert_refused(limited, &get, &error, 431, "the head has more than 2 headers");
    let limited = config(|config| config.max_list_elements = 2);
    let error = Error::TooManyElements { limit: 2 };
    let listed = request_head("/", &[("Connection", "a, b, Upgrade")]);
    assert_refused(limited, &listed, &error, 431, "a list in the head has more than 2 elements");
}

#[test]
fn every_websocket_error_of_a_request_has_its_status_and_message() {
    use HandshakeError as Error;

    let twice = Error::DuplicateHeader(header::SEC_WEBSOCKET_VERSION);
    let connection = "the Connection header does not list upgrade";
    let key = "the Sec-WebSocket-Key header is not 16 bytes in base64";
    let protocol = "the Sec-WebSocket-Protocol header is malformed";
    let extensions = "the Sec-WebSocket-Extensions header is malformed";
    for (name, value, error, status, words) in [
        ("Upgrade", "", Error::UpgradeRequired, 426, "the request does not ask for a WebSocket"),
        ("Connection", "", Error::ConnectionMissing, 400, connection),
        ("Sec-WebSocket-Version", "8", Error::UnsupportedWebSocketVersion, 426, "the WebSocket version is not 13"),
        ("Sec-WebSocket-Key", "", Error::InvalidKey, 400, key),
        ("+Sec-WebSocket-Version", "13", twice, 400, "the sec-websocket-version header appears more than once"),
        ("Sec-WebSocket-Protocol", "a b", Error::InvalidSubprotocol, 400, protocol),
        ("Sec-WebSocket-Protocol", " ,", Error::InvalidSubprotocol, 400, protocol),
        ("Sec-WebSocket-Protocol", "a, a", Error::InvalidSubprotocol, 400, protocol),
        ("Sec-WebSocket-Extensions", "a b", Error::InvalidExtensions, 400, extensions),
        ("Sec-WebSocket-Extensions", " ,", Error::InvalidExtensions, 400, extensions),
    ] {
        assert_refused(Config::default(), &request_head("/chat", &[(name, value)]), &error, status, words);
    }
}

#[test]
fn early_bytes_over_the_limit_are_an_error() {
    let server = requested_server(config(|config| config.max_early_bytes = 2));
    let (error, _) = refusal_by(server, b"xxx");
    assert_eq!(error, HandshakeError::TooMuchEarlyData { limit: 2 });
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    assert_words(&error, "more than 2 bytes came before the answer to the request");
}

/// The errors that only a response can have. A proxy would pass them on as 502.
#[test]
fn every_error_of_a_response_has_its_message() {
    for (name, value, error, status, words) in [
        ("Upgrade", "", HandshakeError::UpgradeMissing, 502, "the Upgrade header of the response is not websocket"),
        (
            "Sec-WebSocket-Accept",
            "",
            HandshakeError::InvalidAccept,
            502,
            "the Sec-WebSocket-Accept header does not answer the key",
        ),
        (
            "Sec-WebSocket-Extensions",
            "foo",
            HandshakeError::ExtensionNotOffered,
            502,
            "the server chose an extension that was not offered",
        ),
        (
            "Sec-WebSocket-Protocol",
            "foo",
            HandshakeError::SubprotocolNotOffered,
            502,
            "the server chose a subprotocol that was not offered",
        ),
    ] {
        let (client, request) = asking(Config::default(), &[]);
        assert_eq!(failure(client, &accepted_head(&request, &[(name, value)])), error);
        assert_eq!(error.status().as_u16(), status, "{error:?}");
        assert_words(&error, words);
    }
}

#[cfg(feature = "deflate")]
#[test]
fn every_reason_of_an_invalid_answer_for_deflate_has_its_message() {
    use statesocket::{Deflate, InvalidDeflate as Reason, Window};

    let deflating = |history| {
        config(|config| {
            config.deflate = Some(Deflate::default().with(|deflate| deflate.client_receive_history = history));
        })
    };
    let snct = "server_no_context_takeover";
    for (history, answer, reason, words) in [
        (Window::KiB32, "; foo=1", Reason::UnknownParameter("foo".to_owned()), "has the unknown parameter foo"),
        (
            Window::KiB32,
            "; server_no_context_takeover; server_no_context_takeover",
            Reason::DuplicateParameter(snct),
            "has the parameter server_no_context_takeover more than once",
        ),
        (
            Window::KiB32,
            "; server_no_context_takeover=1",
            Reason::InvalidValue(snct),
            "has an invalid value of server_no_context_takeover",
        ),
        (Window::None, "", Reason::ServerTakesOver, "has not the offered server_no_context_takeover"),
    ] {
        let (client, request) = asking(deflating(history), &[]);
        let answer = format!("permessage-deflate{answer}");
        let error = failure(client, &accepted_head(&request, &[("Sec-WebSocket-Extensions", &answer)]));
        assert_eq!((&error, error.status().as_u16()), (&HandshakeError::InvalidDeflate(reason), 502));
        assert_words(&error, &format!("the answer for permessage-deflate {words}"));
    }
    for (reason, words) in [
        (
            Reason::ClientWindowNotOffered,
            "the answer for permessage-deflate has client_max_window_bits, which was not offered",
        ),
        (Reason::ServerWindowTooLarge, "the answer for permessage-deflate has not the offered server_max_window_bits"),
        (Reason::Repeated, "the answer has permessage-deflate more than once"),
    ] {
        assert_words(&HandshakeError::from(reason), words);
    }
}

#[test]
fn every_accept_error_has_its_message_and_changes_nothing() {
    let plain = || {
        let mut server = server(config(|config| config.plain_http = true));
        feed(&mut server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        server
    };
    let gone = || {
        let mut server = requested_server(Config::default());
        server.receive_eof();
        server
    };
    let too_early = Phase::Idle.next(Party::Application, Action::Accept).expect_err("no request has arrived");
    for (mut server, accept, error, words) in [
        (
            server(Config::default()),
            Accept::new(),
            AcceptError::Transition(too_early),
            "application cannot accept while the client is connecting and the application is connecting",
        ),
        (gone(), Accept::new(), AcceptError::TransportLost, "the transport is lost"),
        (plain(), Accept::new(), AcceptError::NotWebSocket, "a plain HTTP request cannot be accepted as a WebSocket"),
        (
            requested_server(Config::default()),
            Accept::new().subprotocol("a\nb"),
            AcceptError::SubprotocolNotOffered("a\nb".to_owned()),
            "the client did not offer the subprotocol \"a\\nb\"",
        ),
    ] {
        let before = (server.phase(), server.output().to_vec());
        assert_eq!(server.accept(accept), Err(error.clone()));
        assert_eq!((server.phase(), server.output().to_vec()), before, "{error:?}");
        assert_words(&error, words);
    }
    let reserved = Accept::new().header(header::UPGRADE, HeaderValue::from_static("x")).expect_err("a reserved header");
    assert_eq!(reserved, AcceptError::ReservedHeader(header::UPGRADE));
    assert_words(&reserved, "the header upgrade belongs to the handshake");
    for (name, value, error) in no_headers() {
        assert_eq!(Accept::new().header(name, value), Err(AcceptError::InvalidHeader(error)), "{name:?}: {value:?}");
    }
}

/// What is no header, and why.
fn no_headers() -> [(&'static str, &'static [u8], InvalidHeader); 6] {
    [
        ("", b"x", InvalidHeader::Name),
        ("a b", b"x", InvalidHeader::Name),
        ("a\r\nb", b"x", InvalidHeader::Name),
        ("Server", b"x\r\nb: c", InvalidHeader::Value(header::SERVER)),
        ("server", b"\0", InvalidHeader::Value(header::SERVER)),
        ("Upgrade", b"\x7F", InvalidHeader::Value(header::UPGRADE)),
    ]
}

#[test]
fn each_invalid_header_has_its_message() {
    assert_words(&InvalidHeader::Name, "the name of a header is not a token");
    let words = "the value of the header server has a control character";
    assert_words(&InvalidHeader::Value(header::SERVER), words);
    assert_words(&RejectError::InvalidHeader(InvalidHeader::Value(header::SERVER)), words);
}

#[test]
fn every_reject_error_has_its_message_and_changes_nothing() {
    let too_early = Phase::Idle.next(Party::Application, Action::Reject).expect_err("no request has arrived");
    let refused = |error: RejectError, response, words: &str| {
        let mut server = requested_server(Config::default());
        assert_eq!(server.reject(response), Err(error.clone()));
        assert_eq!((server.phase(), server.output()), (Phase::Requested, &b""[..]), "{error:?}");
        assert_words(&error, words);
        server.reject(Response::new(StatusCode::NOT_FOUND)).expect("nothing has changed");
    };
    for name in [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        let at_once = Response::new(StatusCode::OK).header(name.clone(), HeaderValue::from_static("0"));
        assert_eq!(at_once, Err(RejectError::ReservedHeader(name.clone())));
        let mut response = Response::new(StatusCode::OK);
        response.headers.insert(name.clone(), HeaderValue::from_static("0"));
        let words = format!("the header {name} belongs to the framing of the response");
        refused(RejectError::ReservedHeader(name), response, &words);
    }
    for (status, words) in [
        (StatusCode::CONTINUE, "100 Continue is not a final status"),
        (StatusCode::SWITCHING_PROTOCOLS, "101 Switching Protocols is not a final status"),
        (StatusCode::EARLY_HINTS, "103 Early Hints is not a final status"),
    ] {
        refused(RejectError::NotFinal(status), Response::new(status), words);
    }
    for (status, words) in [
        (StatusCode::NO_CONTENT, "a response with status 204 No Content has no body"),
        (StatusCode::NOT_MODIFIED, "a response with status 304 Not Modified has no body"),
    ] {
        refused(RejectError::BodyNotAllowed(status), Response::new(status).body("x"), words);
    }

    for (name, value, error) in no_headers() {
        let refused = Response::new(StatusCode::OK).header(name, value);
        assert_eq!(refused, Err(RejectError::InvalidHeader(error)), "{name:?}: {value:?}");
    }

    let mut response = Response::new(StatusCode::NOT_FOUND);
    response.reason = "a\r\nb: c".into();
    refused(RejectError::InvalidReason, response, "the reason phrase has a control character");

    let mut asked = requested_server(Config::default());
    let error = RejectError::AsksForWebSocket;
    assert_eq!(asked.respond(Response::new(StatusCode::OK)), Err(error.clone()));
    assert_eq!((asked.phase(), asked.output()), (Phase::Requested, &b""[..]));
    assert_words(&error, "a request for a WebSocket is accepted or rejected");

    let mut server = server(Config::default());
    let error = RejectError::Transition(too_early);
    assert_eq!(server.reject(Response::new(StatusCode::NOT_FOUND)), Err(error.clone()));
    assert_eq!(server.respond(Response::new(StatusCode::NOT_FOUND)), Err(error.clone()));
    assert_words(&error, "application cannot reject while the client is connecting and the application is connecting");
}

/// RFC 9110 section 15.3.6: "a server MUST NOT generate content in a 205 response".
#[test]
fn a_205_response_has_no_body() {
    let mut server = requested_server(Config::default());
    let error = RejectError::BodyNotAllowed(StatusCode::RESET_CONTENT);
    assert_eq!(server.reject(Response::new(StatusCode::RESET_CONTENT).body("x")), Err(error));
    server.reject(Response::new(StatusCode::RESET_CONTENT)).expect("nothing has changed");
    let expected = b"HTTP/1.1 205 Reset Content\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(server.output().escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn every_connect_error_has_its_message() {
    let connect = Connect::new("ws://h/").and_then(|connect| connect.subprotocol("chat")).expect("a valid request");
    for (name, value, error) in no_headers() {
        let refused = connect.clone().header(name, value).err();
        assert_eq!(refused, Some(ConnectError::InvalidHeader(error)), "{name:?}: {value:?}");
    }
    let with_origin = connect.clone().header(header::ORIGIN, HeaderValue::from_static("http://a"));
    let with_origin = with_origin.expect("the first Origin");
    for (result, error, words) in [
        (Connect::new("ws://a b/"), ConnectError::InvalidUri("ws://a b/".to_owned()), "\"ws://a b/\" is not a URI"),
        (Connect::new("http://h/"), ConnectError::UnsupportedScheme, "the scheme of a WebSocket URI is ws or wss"),
        (Connect::new("ws://h/#x"), ConnectError::FragmentInUri, "a WebSocket URI has no fragment"),
        (Connect::new("ws://u@h/"), ConnectError::UserInfoInUri, "a WebSocket URI carries no user name"),
        (
            connect.clone().subprotocol("a\nb"),
            ConnectError::InvalidSubprotocol("a\nb".to_owned()),
            "\"a\\nb\" is not a subprotocol token",
        ),
        (
            connect.clone().subprotocol("chat"),
            ConnectError::DuplicateSubprotocol("chat".to_owned()),
            "the subprotocol \"chat\" is offered twice",
        ),
        (
            connect.clone().header(header::HOST, HeaderValue::from_static("h")),
            ConnectError::ReservedHeader(header::HOST),
            "the header host belongs to the handshake",
        ),
        (
            with_origin.clone().header(header::ORIGIN, HeaderValue::from_static("http://b")),
            ConnectError::DuplicateOrigin,
            "there is an Origin already",
        ),
        (
            with_origin.header(header::ORIGIN, HeaderValue::from_static("")),
            ConnectError::DuplicateOrigin,
            "there is an Origin already",
        ),
        (
            connect.header(header::ORIGIN, HeaderValue::from_static("")),
            ConnectError::InvalidOrigin,
            "an Origin is printable ASCII",
        ),
    ] {
        assert_eq!(result.err(), Some(error.clone()));
        assert_words(&error, words);
    }
}
