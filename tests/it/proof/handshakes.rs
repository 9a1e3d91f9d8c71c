//! Opening handshakes, judged by other means than those of the crate.

use super::{by_library, settings};
use crate::support::{client, connect, drain, feed, pending};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use statesocket::{
    Cause, Config, Connection, Event, Phase,
    handshake::{Accept, Request, Response},
    http,
};
use std::{borrow::Cow, sync::Arc, time::Instant};
use tungstenite::handshake::derive_accept_key;

/// A head as another parser reads it.
struct Head {
    first_line: [String; 3],
    headers: Vec<(String, String)>,
    len: usize,
}

/// The first byte is the configuration, the rest is what a client sends to a server.
pub(crate) fn check_request(data: &[u8]) {
    let Some((&choices, wire)) = data.split_first() else { return };
    let config = settings::config(choices);
    let mut server = Connection::server(Arc::new(config.clone()), Instant::now());
    let events = feed(&mut server, wire);
    match events.as_slice() {
        [] => {
            assert_eq!((server.phase(), server.output()), (Phase::Idle, &b""[..]), "nothing is reported");
            assert!(!is_plainly_right_request(wire, &config), "a valid request is reported");
            server.receive_eof();
            let events = pending(&mut server);
            let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!(disconnect.cause, Cause::TransportLost(None));
            assert_eq!(server.output(), b"");
        }
        [Event::Request(request)] => {
            assert_eq!(server.output(), b"", "only the application answers");
            by_library::check_request(wire, &config, Ok(request));
            check_accepted(&mut server, request, wire, &config);
        }
        [Event::Request(request), Event::Disconnect(disconnect)] => {
            by_library::check_request(wire, &config, Ok(request));
            let head = parse_request(wire).expect("a reported request is complete");
            let early = wire.len() - head.len;
            assert!(early > config.max_early_bytes, "only more than can be held ends it: {disconnect:?}");
            check_refusal(server.output(), &disconnect.cause, is_head(wire, &config));
        }
        [Event::Disconnect(disconnect)] => {
            assert!(!is_plainly_right_request(wire, &config), "a valid request is not refused: {disconnect:?}");
            assert_eq!((u16::from(disconnect.code), server.phase()), (1006, Phase::Closed));
            check_refusal(server.output(), &disconnect.cause, is_head(wire, &config));
            let Cause::Handshake(error) = &disconnect.cause else { panic!("{disconnect:?}") };
            by_library::check_request(wire, &config, Err(error));
        }
        other => panic!("{other:?}"),
    }
}

/// RFC 6455 section 4.2.1, on the head as httparse reads it.
fn check_accepted(server: &mut Connection, request: &Request, wire: &[u8], config: &Config) {
    let head = parse_request(wire).expect("a reported request is complete");
    let [method, target, version] = &head.first_line;
    assert_eq!(method, request.method().as_str());
    assert!(["GET", "HEAD"].contains(&method.as_str()), "{method}");
    assert!(target.contains(request.path()) || request.path() == "/", "{target} names {}", request.path());
    assert!(head.values("host").len() == 1 || (head.values("host").is_empty() && version == "0"), "{:?}", head.headers);
    assert!(head.len <= config.max_head_bytes);
    assert!(head.headers.len() <= config.max_headers);
    assert!(wire.len() - head.len <= config.max_early_bytes, "the head is over the limit");
    assert!(head.values("transfer-encoding").is_empty());
    assert!(
        head.values("content-length").iter().all(|len| len.bytes().all(|b| b == b'0')),
        "a body would be read as frames"
    );
    match head.values("origin")[..] {
        [] => assert_eq!(request.origin(), None),
        [origin] => {
            assert!(!origin.is_empty() && origin.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{origin:?}");
            assert_eq!(request.origin(), Some(origin));
        }
        _ => panic!("an Origin twice: {:?}", head.headers),
    }
    if !request.is_websocket() {
        assert!(config.plain_http, "a plain request is handed out only if the configuration says so");
        assert!(server.accept(Accept::new()).is_err(), "and cannot be accepted");
        server.reject(Response::new(http::StatusCode::OK).body("hello")).expect("it can be answered");
        return check_response_head(server.output(), "200", method == "HEAD");
    }
    assert_eq!(method, "GET", "no other asks for a WebSocket");
    assert_ne!(version, "0", "HTTP/1.0 knows no Upgrade");
    assert!(head.lists("upgrade", "websocket"));
    assert!(head.lists("connection", "upgrade"));
    // Only an extension has parameters, which semicolons divide. A plain request has no list that anyone reads.
    let (tokens, parameters): (&[char], &[char]) = (&[','], &[',', ';']);
    for (list, separators) in [
        ("upgrade", tokens),
        ("connection", tokens),
        ("sec-websocket-protocol", tokens),
        ("sec-websocket-extensions", parameters),
    ] {
        let elements: usize = head.values(list).iter().map(|value| value.split(separators).count()).sum();
        assert!(elements <= config.max_list_elements, "{list} has {elements} elements");
    }
    assert_eq!(head.values("sec-websocket-version"), ["13"]);
    let [key] = head.values("sec-websocket-key")[..] else { panic!("one key: {:?}", head.headers) };
    assert_eq!((key.len(), key.ends_with("==")), (24, true), "16 bytes in base64: {key}");

    let offered = request.subprotocols().to_vec();
    assert!(server.accept(Accept::new().subprotocol("never offered")).is_err());
    assert_eq!(server.output(), b"", "a refused call writes nothing");
    let accept = offered.first().map_or_else(Accept::new, |name| Accept::new().subprotocol(name.as_str()));
    server.accept(accept).expect("the subprotocol was offered");
    let answer = drain(server);
    check_response_head(&answer, "101", false);
    let answer = parse_response(&answer).expect("it was checked");
    assert_eq!(answer.values("sec-websocket-accept"), [derive_accept_key(key.as_bytes())]);
    assert_eq!(answer.values("sec-websocket-protocol"), offered.first().into_iter().collect::<Vec<_>>());
}

/// A refusal is one whole HTTP response with the status of its reason.
fn check_refusal(output: &[u8], cause: &Cause, is_to_head: bool) {
    let Cause::Handshake(error) = cause else { panic!("{cause:?}") };
    check_response_head(output, error.status().as_str(), is_to_head);
    let head = parse_response(output).expect("it was checked");
    match error.status().as_u16() {
        // RFC 9110 section 15.5.22: "The server MUST send an Upgrade header field in a 426 response".
        426 => assert!(!head.values("upgrade").is_empty()),
        // Section 15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
        405 => assert!(["GET", "GET, HEAD"].contains(&head.values("allow")[0]), "{:?}", head.headers),
        400.. => {}
        other => panic!("{other} is no refusal"),
    }
}

/// Whether the method is HEAD and is complete before any limit is exceeded.
fn is_head(wire: &[u8], config: &Config) -> bool {
    let mut line = wire;
    while let Some(rest) = line.strip_prefix(b"\r\n") {
        line = rest;
    }
    let end = wire.len() - line.len() + 5;
    line.starts_with(b"HEAD ") && end <= config.max_request_line_bytes.min(config.max_head_bytes)
}

/// Checks that `output` is one complete response with `status`. A 101 and an answer to a HEAD have no body; any other
/// response has a body of the length in its headers.
fn check_response_head(output: &[u8], status: &str, is_to_head: bool) {
    let head = parse_response(output).unwrap_or_else(|| panic!("no response: {}", output.escape_ascii()));
    assert_eq!(head.first_line[1], status);
    let body = &output[head.len..];
    if status == "101" {
        assert!(head.lists("upgrade", "websocket") && head.lists("connection", "upgrade"));
        return assert_eq!(body, b"");
    }
    assert!(head.lists("connection", "close"));
    let [length] = head.values("content-length")[..] else { panic!("one length: {:?}", head.headers) };
    assert!(if is_to_head { body.is_empty() } else { length == body.len().to_string() }, "{length}: {body:?}");
}

/// A request without any possible fault, in a form simple enough to be sure of that.
pub(crate) fn is_plainly_right_request(wire: &[u8], config: &Config) -> bool {
    let Some(head) = parse_request(wire) else { return false };
    let [method, target, version] = &head.first_line;
    let is_host = |host: &&str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_lowercase() || b == b'.');
    let is_simple = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~=&?".contains(&byte);
    // Any value of a Cookie is valid.
    let others = ["host", "upgrade", "connection", "sec-websocket-version", "sec-websocket-key", "cookie"];
    let early = wire.len() - head.len;
    method == "GET"
        && version != "0"
        && wire.starts_with(b"GET ")
        && target.starts_with('/')
        && target.bytes().all(is_simple)
        && head.headers.iter().all(|(name, _)| others.contains(&name.to_ascii_lowercase().as_str()))
        && matches!(head.values("host")[..], [host] if is_host(&host))
        && matches!(head.values("upgrade")[..], [value] if value.eq_ignore_ascii_case("websocket"))
        && matches!(head.values("connection")[..], [value] if value.eq_ignore_ascii_case("upgrade"))
        && head.values("sec-websocket-version") == ["13"]
        && head.values("sec-websocket-key") == ["dGhlIHNhbXBsZSBub25jZQ=="]
        && head.len <= config.max_head_bytes
        && target.len() + 16 <= config.max_request_line_bytes
        && head.headers.len() <= config.max_headers
        && early <= config.max_early_bytes
        && has_line_ends(&wire[..head.len])
}

fn has_line_ends(head: &[u8]) -> bool {
    head.windows(2).all(|two| (two[1] == b'\n') == (two[0] == b'\r'))
}

/// The first byte is the configuration, the rest is what a server sends to a client that offers two subprotocols.
pub(crate) fn check_response(data: &[u8]) {
    let Some((&choices, wire)) = data.split_first() else { return };
    // The output limit of the configuration applies to messages, not to the request.
    let config = settings::config(choices);
    let mut client = client(config.clone(), &["chat", "superchat"]);
    let request = parse_request(&drain(&mut client)).expect("our own request is valid");
    let [key] = request.values("sec-websocket-key")[..] else { panic!("one key: {:?}", request.headers) };
    let mut buffer = wire.to_vec();
    let mut input = buffer.as_mut_slice();
    let first = client.receive(&mut input, Instant::now());
    let taken = wire.len() - input.len();
    let accept = derive_accept_key(key.as_bytes());
    match first {
        Some(Event::Accepted(_)) => {}
        _ => {
            assert!(!is_plainly_right_answer(wire, &accept, client.config()), "a valid response is accepted: {first:?}")
        }
    }
    let (_, expected) = connect(&["chat", "superchat"]).to_request(http::Version::HTTP_11, &config);
    let is_old = is_old_response(&wire[..taken]);
    match first {
        None => {
            assert_eq!((client.phase(), client.output(), taken), (Phase::Requested, &b""[..], wire.len()));
        }
        Some(Event::Accepted(response)) => {
            check_answer(&response, &accept, client.subprotocol());
            by_library::check_response(&response, is_old, (&expected, &config), Ok(client.subprotocol()));
            assert_eq!(client.phase(), Phase::Open);
            assert!(wire[..taken].ends_with(b"\r\n\r\n"), "frames follow the empty line");
        }
        Some(Event::Rejected(response)) => {
            let status = response.status.as_u16();
            assert!(status == 101 || status >= 200, "an interim response is not reported: {status}");
            assert_ne!(status, 101, "an invalid 101 is not a rejection");
            assert!(response.body.len() <= client.config().max_rejection_body_bytes);
            check_gone(&mut client, |cause| *cause == Cause::Rejected(response.status));
        }
        Some(Event::InvalidResponse(response)) => {
            assert_eq!(response.status.as_u16(), 101, "what is no 101 is a rejection");
            assert!(wire[..taken].ends_with(b"\r\n\r\n"), "it is judged when it is whole");
            check_gone(&mut client, |cause| {
                let Cause::Handshake(error) = cause else { return false };
                by_library::check_response(&response, is_old, (&expected, &config), Err(error));
                true
            });
        }
        Some(Event::Disconnect(disconnect)) => {
            assert!(matches!(disconnect.cause, Cause::Handshake(_)), "{disconnect:?}");
            assert_eq!((client.phase(), client.output()), (Phase::Closed, &b""[..]), "a failed client writes nothing");
        }
        Some(other) => panic!("{other:?} before the response"),
    }
}

/// Whether the last head in `heads` is one of HTTP/1.0.
fn is_old_response(heads: &[u8]) -> bool {
    let mut status_lines = heads.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"HTTP/"));
    status_lines.next_back().is_some_and(|line| line.starts_with(b"HTTP/1.0"))
}

/// A 101 without any possible fault, in a form simple enough to be sure of that; `accept` answers the client's key.
pub(crate) fn is_plainly_right_answer(wire: &[u8], accept: &str, config: &Config) -> bool {
    let Some(head) = parse_response(wire) else { return false };
    let [version, status, _] = &head.first_line;
    let names = ["upgrade", "connection", "sec-websocket-accept", "sec-websocket-protocol", "set-cookie"];
    status == "101"
        && version != "0"
        && wire.starts_with(b"HTTP/")
        && head.headers.iter().all(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()))
        && matches!(head.values("upgrade")[..], [value] if value.eq_ignore_ascii_case("websocket"))
        && matches!(head.values("connection")[..], [value] if value.eq_ignore_ascii_case("upgrade"))
        && head.values("sec-websocket-accept") == [accept]
        && matches!(head.values("sec-websocket-protocol")[..], [] | ["chat" | "superchat"])
        && head.len <= config.max_head_bytes
        && head.headers.len() <= config.max_headers
        && has_line_ends(&wire[..head.len])
}

/// RFC 6455 section 4.1, the list of what "the client MUST validate".
fn check_answer(response: &Response, accept: &str, subprotocol: Option<&str>) {
    assert_eq!(response.status.as_u16(), 101);
    let values = |name| -> Vec<String> {
        let values = response.headers.get_all::<http::HeaderName>(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    let [upgrade] = &values(UPGRADE)[..] else { panic!("exactly one Upgrade") };
    assert!(upgrade.trim().eq_ignore_ascii_case("websocket"));
    let connection = values(CONNECTION).join(",");
    assert!(connection.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade")), "{connection}");
    assert_eq!(values(SEC_WEBSOCKET_ACCEPT), [accept]);
    assert_eq!(values(SEC_WEBSOCKET_PROTOCOL), subprotocol.into_iter().collect::<Vec<_>>());
    assert!(
        subprotocol.is_none_or(|name| ["chat", "superchat"].contains(&name)),
        "the subprotocol was offered: {subprotocol:?}"
    );
}

fn check_gone(client: &mut Connection, is_cause: impl FnOnce(&Cause) -> bool) {
    let events = pending(client);
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert!(is_cause(&disconnect.cause), "{disconnect:?}");
    assert_eq!((u16::from(disconnect.code), client.phase()), (1006, Phase::Closed));
}

impl Head {
    fn new(first_line: [String; 3], headers: &[httparse::Header<'_>], len: usize) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let headers = headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect();
        Self { first_line, headers, len }
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    fn lists(&self, name: &str, token: &str) -> bool {
        self.values(name).join(",").split(',').any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

fn parse_request(wire: &[u8]) -> Option<Head> {
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut room);
    let (wire, version) = with_known_version(wire);
    let httparse::Status::Complete(len) = parsed.parse(&wire).ok()? else { return None };
    let version = version.unwrap_or_else(|| parsed.version.expect("it is whole").to_string());
    let first_line = [parsed.method?.to_owned(), parsed.path?.to_owned(), version];
    Some(Head::new(first_line, parsed.headers, len))
}

fn parse_response(wire: &[u8]) -> Option<Head> {
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Response::new(&mut room);
    let (wire, version) = with_known_version(wire);
    let httparse::Status::Complete(len) = parsed.parse(&wire).ok()? else { return None };
    let version = version.unwrap_or_else(|| parsed.version.expect("it is whole").to_string());
    let first_line = [version, parsed.code?.to_string(), parsed.reason?.to_owned()];
    Some(Head::new(first_line, parsed.headers, len))
}

/// `wire` with HTTP/1.1 in place of a later HTTP/1, which httparse refuses, and the replaced minor version.
fn with_known_version(wire: &[u8]) -> (Cow<'_, [u8]>, Option<String>) {
    let first = wire.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or_default();
    let line = wire[first..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let at = if line.starts_with(b"HTTP/1.") { first + 7 } else { (first + line.len()).saturating_sub(1) };
    let is_version = wire[..at].ends_with(b"HTTP/1.") && matches!(wire.get(at), Some(b'2'..=b'9'));
    if !is_version {
        return (wire.into(), None);
    }
    let mut known = wire.to_vec();
    known[at] = b'1';
    (known.into(), Some(char::from(wire[at]).to_string()))
}
