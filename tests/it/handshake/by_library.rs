//! Opening handshakes that an HTTP library carries, as values of the crate `http`. `proof::handshakes` compares their
//! verdicts with those on the same bytes.

use crate::support::{config, drain, feed, handshake::request, request_head};
use statesocket::{
    AcceptError, Config, Connection, HandshakeError,
    handshake::{Accept, Connect, Request, Response},
    http::{
        self, HeaderMap, HeaderValue, Method, StatusCode, Version,
        header::{COOKIE, ORIGIN, SET_COOKIE},
        request::Parts,
    },
};
use std::{sync::Arc, time::Instant};

const VERSIONS: [Version; 3] = [Version::HTTP_11, Version::HTTP_2, Version::HTTP_3];

const WEBSOCKET: Option<&str> = Some("websocket");

/// A request with `headers` that would be right over HTTP/2.
fn parts(method: Method, version: Version, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).version(version).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request of the library").into_parts().0
}

fn extended(headers: &[(&str, &str)]) -> Parts {
    let version = ("sec-websocket-version", "13");
    parts(Method::CONNECT, Version::HTTP_2, "https://example.com/chat?a=1", &[&[version], headers].concat())
}

/// The verdict on an extended CONNECT with `headers`.
fn verdict(headers: &[(&str, &str)]) -> Result<(), HandshakeError> {
    Request::from_parts(&extended(headers), WEBSOCKET, &Config::default()).map(|_| ())
}

/// The configurations, with and without compression.
fn configs() -> Vec<Config> {
    let plain = Config::default();
    #[cfg(feature = "deflate")]
    return vec![plain, config(|config| config.deflate = Some(statesocket::Deflate::default()))];
    #[cfg(not(feature = "deflate"))]
    vec![plain]
}

/// The first line and the headers of a head.
fn read_head(head: &[u8]) -> (String, HeaderMap) {
    let text = std::str::from_utf8(head).expect("a head is text");
    let mut lines = text.trim_end().split("\r\n");
    let first = lines.next().expect("a head has a first line").to_owned();
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: http::HeaderName = name.parse().expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    (first, headers)
}

fn connect(url: &str) -> Connect {
    let connect = Connect::new(url).and_then(|connect| connect.subprotocol("superchat")?.subprotocol("chat"));
    let connect = connect.and_then(|connect| connect.header(COOKIE, HeaderValue::from_static("a=1")));
    connect.expect("a valid request").seed([7; 32])
}

#[test]
fn hx2_an_extended_connect_for_a_websocket_is_read() {
    let headers = [("sec-websocket-protocol", "soap, wamp"), ("origin", "https://example.com")];
    let request = Request::from_parts(&extended(&headers), WEBSOCKET, &Config::default()).expect("it is valid");
    assert_eq!((request.method(), request.is_websocket()), (&Method::CONNECT, true));
    assert_eq!((request.path(), request.raw_query()), ("/chat", Some("a=1")));
    assert_eq!(request.url("wss"), "wss://example.com/chat?a=1");
    assert_eq!((request.subprotocols(), request.is_same_origin()), (&["soap".to_owned(), "wamp".to_owned()][..], true));
    for protocol in ["websocket", "WebSocket"] {
        for version in [Version::HTTP_2, Version::HTTP_3] {
            let mut parts = extended(&[]);
            parts.version = version;
            assert!(Request::from_parts(&parts, Some(protocol), &Config::default()).is_ok(), "{protocol}, {version:?}");
        }
    }
}

#[test]
fn hx2_hx6_what_is_no_extended_connect_for_a_websocket_is_refused() {
    use HandshakeError::{InvalidHost, InvalidTarget, MethodNotAllowed, UnknownProtocol, UpgradeRequired};
    let (h1, h2, uri) = (Version::HTTP_11, Version::HTTP_2, "https://example.com/");
    let cases = [
        (Method::CONNECT, h2, uri, Some("connect-udp"), UnknownProtocol),
        (Method::CONNECT, Version::HTTP_3, uri, Some(""), UnknownProtocol),
        (Method::CONNECT, h2, uri, None, MethodNotAllowed),
        (Method::CONNECT, h1, uri, WEBSOCKET, MethodNotAllowed),
        (Method::POST, h2, uri, WEBSOCKET, MethodNotAllowed),
        (Method::OPTIONS, h1, uri, None, MethodNotAllowed),
        (Method::GET, h2, uri, None, UpgradeRequired),
        (Method::GET, Version::HTTP_10, uri, None, UpgradeRequired),
        (Method::GET, Version::HTTP_09, uri, None, HandshakeError::VersionNotSupported),
        (Method::CONNECT, h2, "example.com:80", WEBSOCKET, InvalidTarget),
        (Method::CONNECT, h2, "*", WEBSOCKET, InvalidTarget),
        (Method::CONNECT, h2, "ftp://example.com/", WEBSOCKET, InvalidTarget),
        (Method::CONNECT, h2, "https://user@example.com/", WEBSOCKET, InvalidTarget),
        (Method::CONNECT, h2, "/no-authority", WEBSOCKET, InvalidHost),
        (Method::GET, h1, "/no-host", None, InvalidHost),
    ];
    for (method, version, uri, protocol, error) in cases {
        let case = format!("{method} {uri} {version:?} {protocol:?}");
        let upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")];
        let host = if error == InvalidHost { &[][..] } else { &[("host", "example.com")] };
        let parts = parts(method, version, uri, &[&upgrade[..], host].concat());
        assert_eq!(Request::from_parts(&parts, protocol, &Config::default()).err(), Some(error), "{case}");
    }
    assert_eq!(UnknownProtocol.status(), StatusCode::NOT_IMPLEMENTED);
    assert_eq!(UnknownProtocol.to_string(), "the protocol of the CONNECT is not websocket");
}

#[test]
fn hx4_the_headers_of_an_extended_connect_are_checked_like_all_others() {
    use HandshakeError::{
        DuplicateHeader, InvalidExtensions, InvalidHost, InvalidOrigin, InvalidSubprotocol, RequestBody,
    };
    assert_eq!(verdict(&[("upgrade", "h2c"), ("sec-websocket-key", "no key")]), Ok(()), "they are of no account");
    for (headers, error) in [
        (&[("sec-websocket-version", "13")][..], DuplicateHeader(http::header::SEC_WEBSOCKET_VERSION)),
        (&[("sec-websocket-protocol", "a, a")], InvalidSubprotocol),
        (&[("sec-websocket-protocol", "a b")], InvalidSubprotocol),
        (&[("sec-websocket-extensions", "a=1")], InvalidExtensions),
        (&[("origin", "")], InvalidOrigin),
        (&[("origin", "https://a"), ("origin", "https://b")], DuplicateHeader(ORIGIN)),
        (&[("content-length", "5")], RequestBody),
        (&[("transfer-encoding", "chunked")], RequestBody),
        (&[("host", "a"), ("host", "a")], InvalidHost),
        (&[("host", "a b")], InvalidHost),
    ] {
        assert_eq!(verdict(headers), Err(error), "{headers:?}");
    }
    let mut old = extended(&[]);
    old.headers.insert("sec-websocket-version", HeaderValue::from_static("8"));
    let error = Request::from_parts(&old, WEBSOCKET, &Config::default()).expect_err("the version is old");
    assert_eq!(error, HandshakeError::UnsupportedWebSocketVersion);
    assert_eq!(http::Response::from(Response::from(&error)).headers()["sec-websocket-version"], "13");
}

#[test]
fn the_limits_of_headers_and_lists_apply_to_parts() {
    let small = config(|config| (config.max_headers, config.max_list_elements) = (2, 3));
    let of = |headers: &[(&str, &str)]| Request::from_parts(&extended(headers), WEBSOCKET, &small).map(|_| ());
    assert_eq!(of(&[("sec-websocket-protocol", "a, b, c")]), Ok(()));
    let too_long = HandshakeError::TooManyElements { limit: 3 };
    assert_eq!(of(&[("sec-websocket-protocol", "a, b, c, d")]), Err(too_long.clone()));
    assert_eq!(of(&[("sec-websocket-extensions", "a; b; c; d")]), Err(too_long));
    let too_many = HandshakeError::TooManyHeaders { limit: 2 };
    assert_eq!(of(&[("cookie", "a=1"), ("cookie", "b=2")]), Err(too_many.clone()));

    let (_, expected) = connect("ws://example.com/").to_request(Version::HTTP_2, &small);
    let answer = |count| {
        let mut response = http::Response::new(());
        for _ in 0..count {
            response.headers_mut().append(SET_COOKIE, HeaderValue::from_static("a=1"));
        }
        expected.check(&response, &small).map(|_| ())
    };
    assert_eq!((answer(2), answer(3)), (Ok(()), Err(too_many)));
}

#[test]
fn plain_http_is_allowed_by_the_configuration_alone() {
    let plain = config(|config| config.plain_http = true);
    for (method, version) in
        [(Method::GET, Version::HTTP_2), (Method::HEAD, Version::HTTP_3), (Method::GET, Version::HTTP_10)]
    {
        let parts = parts(method.clone(), version, "http://example.com/", &[("upgrade", "websocket")]);
        let request = Request::from_parts(&parts, None, &plain).expect("any GET or HEAD is allowed");
        assert_eq!((request.method(), request.is_websocket()), (&method, false));
        assert_eq!(Accept::new().into_response(&request, &plain).err(), Some(AcceptError::NotWebSocket));
    }
}

#[test]
fn a_101_by_a_library_has_the_headers_of_one_in_bytes() {
    for config in configs() {
        let accept = || {
            let accept = Accept::new().subprotocol("superchat").header(SET_COOKIE, HeaderValue::from_static("a=1"));
            accept
                .and_then(|accept| accept.header(SET_COOKIE, HeaderValue::from_static("b=2")))
                .expect("none is reserved")
        };
        let offers = [
            ("Sec-WebSocket-Protocol", "chat, superchat"),
            ("Sec-WebSocket-Extensions", "foo, permessage-deflate; client_max_window_bits"),
        ];
        let head = request_head("/chat", &offers);
        let mut server = Connection::server(Arc::new(config.clone()), Instant::now());
        feed(&mut server, &head);
        server.accept(accept()).expect("the subprotocol was offered");
        let (first, headers) = read_head(&drain(&mut server));
        assert_eq!(first, "HTTP/1.1 101 Switching Protocols");

        let (_, sent) = read_head(&head);
        let mut parts = parts(Method::GET, Version::HTTP_11, "/chat", &[]);
        parts.headers = sent;
        let read = Request::from_parts(&parts, None, &config).expect("it is valid");
        assert_eq!(read, *request(config.clone(), &head), "the same request");
        let (response, agreed) = accept().into_response(&read, &config).expect("the subprotocol was offered");
        assert_eq!((response.status(), response.headers()), (StatusCode::SWITCHING_PROTOCOLS, &headers));
        assert_eq!(agreed.subprotocol.as_deref(), server.subprotocol());
        #[cfg(feature = "deflate")]
        assert_eq!((agreed.deflate, agreed.deflate.is_some()), (server.deflate(), config.deflate.is_some()));
    }
}

#[test]
fn a_request_for_a_library_has_the_headers_of_one_in_bytes() {
    for config in configs() {
        for url in ["ws://example.com", "wss://example.com:443/a?", "ws://[::1]:8080//a?b=c", "WS://EXAMPLE.com:443/"] {
            let connect = connect(url);
            let mut client = Connection::client(&connect, Arc::new(config.clone()), Instant::now());
            let (first, mut headers) = read_head(&drain(&mut client));
            let (request, _) = connect.to_request(Version::HTTP_11, &config);
            assert_eq!(format!("{} {} HTTP/1.1", request.method(), request.uri()), first, "{url}");
            assert_eq!((request.version(), request.headers()), (Version::HTTP_11, &headers), "{url}");

            let (request, _) = connect.to_request(Version::HTTP_2, &config);
            let host = headers.remove("host").expect("it is there");
            for name in ["upgrade", "connection", "sec-websocket-key"] {
                headers.remove(name).expect("it is there");
            }
            assert_eq!((request.method(), request.headers()), (&Method::CONNECT, &headers), "{url}");
            let scheme = if connect.is_secure() { "https" } else { "http" };
            let target = first.split(' ').nth(1).expect("the target");
            let uri = format!("{scheme}://{}{target}", host.to_str().expect("text"));
            assert_eq!(request.uri().to_string(), uri.to_string(), "{url}");
        }
    }
}

#[test]
fn hx4_both_ends_agree_over_every_version_of_http() {
    for config in configs() {
        for version in VERSIONS {
            let (request, expected) = connect("wss://example.com/chat").to_request(version, &config);
            let (parts, ()) = request.into_parts();
            assert_eq!((parts.version, parts.uri.path()), (version, "/chat"));
            let read = Request::from_parts(&parts, WEBSOCKET, &config).expect("it is valid");
            let accept = Accept::new().preferred_by_server(&read, &["chat"]);
            let (response, agreed) = accept.into_response(&read, &config).expect("the subprotocol was offered");
            let is_connect = version != Version::HTTP_11;
            assert_eq!(response.status(), if is_connect { 200 } else { 101 });
            for name in ["upgrade", "connection", "sec-websocket-accept"] {
                assert_eq!(response.headers().contains_key(name), !is_connect, "{version:?}: {name}");
            }
            let checked = expected.check(&response, &config).expect("the answer is right");
            assert_eq!(checked.subprotocol.as_deref(), Some("chat"));
            assert_eq!(checked, agreed.seed([7; 32]), "{version:?}");
        }
    }
}

#[test]
fn hr1_hx4_another_status_is_no_acceptance() {
    let config = Config::default();
    for (version, right, wrong) in [
        (Version::HTTP_11, &[101][..], &[100, 200, 204, 302, 401, 503][..]),
        (Version::HTTP_2, &[200, 201, 204, 299], &[100, 101, 302, 401, 503]),
        (Version::HTTP_3, &[200], &[101, 404]),
    ] {
        let (request, expected) = connect("ws://example.com/").to_request(version, &config);
        let read = Request::from_parts(&request.into_parts().0, WEBSOCKET, &config).expect("it is valid");
        let (mut response, _) = Accept::new().into_response(&read, &config).expect("it is for a WebSocket");
        for status in [right, wrong].concat() {
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            let verdict = expected.check(&response, &config);
            match verdict {
                Ok(_) => assert!(right.contains(&status), "{version:?}: {status}"),
                Err(error) => {
                    assert!(wrong.contains(&status), "{version:?}: {status}");
                    assert_eq!(error, HandshakeError::NotAccepted(response.status()));
                    assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
                    assert_eq!(error.to_string(), format!("the server answered with {}", response.status()));
                }
            }
        }
    }
}

#[test]
fn hx4_an_answer_to_a_connect_is_checked_like_all_others() {
    let (_, expected) = connect("ws://example.com/").to_request(Version::HTTP_2, &Config::default());
    for (headers, error) in [
        (&[("sec-websocket-protocol", "other")][..], HandshakeError::SubprotocolNotOffered),
        (&[("sec-websocket-protocol", "chat, superchat")], HandshakeError::InvalidSubprotocol),
        (&[("sec-websocket-extensions", "foo")], HandshakeError::ExtensionNotOffered),
        (&[("sec-websocket-extensions", "foo; ")], HandshakeError::InvalidExtensions),
    ] {
        let mut response = http::Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body("of any type").expect("a response of the library");
        assert_eq!(expected.check(&response, &Config::default()), Err(error), "{headers:?}");
    }
}

#[test]
fn hc9_a_key_is_drawn_anew_or_set() {
    let connect = Connect::new("ws://example.com/").expect("a valid URL");
    let key = |connect: &Connect| {
        let (request, _) = connect.to_request(Version::HTTP_11, &Config::default());
        request.headers()["sec-websocket-key"].clone()
    };
    assert_ne!(key(&connect), key(&connect));
    let set = connect.key(*b"the sample nonce");
    assert_eq!((key(&set), key(&set)), ("dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap(), key(&set)));
    let mut client = Connection::client(&set, Arc::new(Config::default()), Instant::now());
    drain(&mut client);
    let recorded = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(feed(&mut client, recorded).len(), 1, "the recorded answer fits");
    assert!(client.can_send());
}
