//! The opening handshake: what both ends have agreed on, or the rule that one of them breaks.

use crate::rules::Violation;
use statesocket::{
    Agreed, Cause, Config, Connection, Event, HandshakeError,
    handshake::{Accept, Connect, Extension, Request, deflate},
    http::{
        HeaderMap, HeaderValue,
        header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS},
    },
};
use std::{sync::Arc, time::Instant};

/// The key of the client that judges answers, and the right answer to it: those of RFC 6455 section 1.3.
const KEY: [u8; 16] = *b"the sample nonce";
const ANSWER: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Collects the head of a request or a response.
#[derive(Debug, Default)]
pub struct HeadReader {
    bytes: Vec<u8>,
}

impl HeadReader {
    /// Takes bytes up to the end of the head, or up to `limit`. Returns the head, if it ends there.
    pub fn take(&mut self, input: &mut &[u8], limit: usize) -> Option<Vec<u8>> {
        while let Some((byte, rest)) = input.split_first() {
            self.bytes.push(*byte);
            *input = rest;
            if self.bytes.ends_with(b"\r\n\r\n") || self.bytes.len() >= limit {
                return Some(std::mem::take(&mut self.bytes));
            }
        }
        None
    }

    /// The bytes of a head that has not ended.
    #[must_use]
    pub fn partial(&self) -> &[u8] {
        &self.bytes
    }
}

/// What a connection is if its first bytes, those of the client, show that it is no WebSocket. A head is judged when
/// its first line is there, and again when it is whole.
#[must_use]
pub fn other_protocol(head: &[u8], is_whole: bool) -> Option<String> {
    if head.starts_with(&[0x16, 3]) {
        return Some("TLS: the inspector does not decrypt".to_owned());
    }
    if head.starts_with(b"PRI * HTTP/2") {
        return Some("HTTP/2".to_owned());
    }
    let (line, is_line) = match head.iter().position(|byte| *byte == b'\n') {
        Some(end) => (head[..end].trim_ascii(), true),
        None => (head, is_whole),
    };
    if is_line && !line.windows(8).any(|word| word.starts_with(b" HTTP/")) {
        return Some("not HTTP".to_owned());
    }
    let asks = header_lines(head).any(|(name, value)| {
        name.len() > 13 && name[..14].eq_ignore_ascii_case(b"sec-websocket-")
            || name.eq_ignore_ascii_case(b"upgrade")
                && value.to_ascii_lowercase().windows(9).any(|it| it == b"websocket")
    });
    (is_whole && !asks).then(|| format!("plain HTTP: {}", show_line(line)))
}

/// The first line of a head and its headers for WebSocket, for display. Others may be secret.
#[must_use]
pub fn shown_lines(head: &[u8]) -> Vec<String> {
    const SHOWN: [&[u8]; 4] = [b"host", b"origin", b"upgrade", b"connection"];
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_shown = |name: &[u8]| {
        let name = name.to_ascii_lowercase();
        SHOWN.contains(&&name[..]) || name.starts_with(b"sec-websocket-")
    };
    let headers = head.split(|byte| *byte == b'\n').skip(1).filter(|line| is_shown(split_header(line).0));
    std::iter::once(first).chain(headers).map(show_line).collect()
}

/// The status code of a response.
#[must_use]
pub fn status(head: &[u8]) -> Option<u16> {
    let code = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    std::str::from_utf8(code).ok()?.parse().ok()
}

/// Judges the head of a request, as a server does.
///
/// # Errors
/// The rule that the client breaks.
pub fn judge_request(head: &[u8], config: &Arc<Config>, now: Instant) -> Result<Arc<Request>, Violation> {
    let mut judge = Connection::server(Arc::clone(config), now);
    match judge.receive(&mut &mut head.to_vec()[..], now) {
        Some(Event::Request(request)) => Ok(request),
        Some(Event::Disconnect(end)) => match end.cause {
            Cause::Handshake(error) => Err(Violation::of_request(&error)),
            _ => Err(Violation::of_request(&HandshakeError::Malformed)),
        },
        _ => Err(Violation::of_request(&HandshakeError::Malformed)),
    }
}

/// Judges the head of a response to `request`, as a client does. `None` if it is no 101, which is no error.
///
/// # Errors
/// The rule that the server breaks.
pub fn judge_response(
    request: &Request,
    head: &[u8],
    config: &Arc<Config>,
    now: Instant,
) -> Result<Option<Agreed>, Violation> {
    let (head, extensions) = for_judge(request, head, config);
    let connect = request
        .subprotocols()
        .iter()
        .try_fold(Connect::new("ws://localhost/").expect("this is a URI").key(KEY), |connect, name| {
            connect.subprotocol(name)
        });
    let connect = connect.expect("a request with tokens that are no names is refused");
    let mut judge = Connection::client(&connect, Arc::clone(config), now);
    judge.advance(judge.output_len());
    let (mut bytes, mut is_accepted) = (head, false);
    let mut input = &mut bytes[..];
    while let Some(event) = judge.receive(&mut input, now) {
        match event {
            Event::Accepted(_) => is_accepted = true,
            Event::Disconnect(end) => {
                if let Cause::Handshake(error) = end.cause {
                    return Err(Violation::of_response(&error));
                }
            }
            _ => {}
        }
    }
    if !is_accepted {
        return Ok(None);
    }
    let answered = Extension::all(&extensions, config.max_list_elements);
    let deflate = answered.and_then(|answered| deflate::agree(request.extensions(), &answered));
    let mut agreed = Agreed::new();
    agreed.subprotocol = judge.subprotocol().map(str::to_owned);
    agreed.deflate = deflate.map_err(|error| Violation::of_response(&error))?;
    Ok(Some(agreed))
}

/// The head of a response as the judge gets it, and the extensions that it has.
///
/// The judge has a key of its own, since the key of a request may have spare bits, and no other bytes stand for it. So
/// the right answer is replaced by the right one to the key of the judge. Extensions are taken out, since the judge
/// has not offered what the client has. A header that is there twice is left to the judge.
fn for_judge(request: &Request, head: &[u8], config: &Config) -> (Vec<u8>, HeaderMap) {
    let right = Accept::new().into_response(request, config).ok();
    let right = right.and_then(|(response, _)| response.headers().get(SEC_WEBSOCKET_ACCEPT).cloned());
    let count = |wanted: &str| header_lines(head).filter(|(name, _)| is_named(name, wanted)).count();
    let mut extensions = HeaderMap::new();
    let takes_out = count(SEC_WEBSOCKET_EXTENSIONS.as_str()) == 1;
    let mut out = Vec::with_capacity(head.len() + ANSWER.len());
    for (n, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (name, value) = split_header(line);
        let is_header = n > 0 && line.ends_with(b"\r\n");
        if is_header
            && takes_out
            && is_named(name, SEC_WEBSOCKET_EXTENSIONS.as_str())
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            extensions.insert(SEC_WEBSOCKET_EXTENSIONS, value);
            continue;
        }
        if is_header && is_named(name, SEC_WEBSOCKET_ACCEPT.as_str()) {
            let is_right = right.as_ref().is_some_and(|right| right.as_bytes() == value);
            out.extend_from_slice(
                format!("Sec-WebSocket-Accept: {}\r\n", if is_right { ANSWER } else { "-" }).as_bytes(),
            );
            continue;
        }
        out.extend_from_slice(line);
    }
    (out, extensions)
}

fn is_named(name: &[u8], wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted.as_bytes())
}

fn header_lines(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|byte| *byte == b'\n').skip(1).map(split_header)
}

/// The name of a header, and its value without the space around it.
fn split_header(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':');
    colon.map_or((&[], line), |colon| (&line[..colon], line[colon + 1..].trim_ascii()))
}

/// A line without what a terminal would obey.
fn show_line(line: &[u8]) -> String {
    const MAX: usize = 200;
    let line = line.trim_ascii_end();
    let text = String::from_utf8_lossy(&line[..line.len().min(MAX)]).escape_debug().to_string();
    let text = text.replace("\\\"", "\"").replace("\\'", "'");
    if line.len() > MAX { format!("{text}...") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                           Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\
                           Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";

    fn judge(key: &str, answer: &str) -> Result<Option<Agreed>, Violation> {
        let (config, now) = (Arc::new(Config::default()), Instant::now());
        let request = judge_request(format!("{REQUEST}Sec-WebSocket-Key: {key}\r\n\r\n").as_bytes(), &config, now)?;
        let head = format!("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{answer}\r\n");
        judge_response(&request, head.as_bytes(), &config, now)
    }

    #[test]
    fn an_answer_is_judged_by_the_offer_of_this_client() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let accept = "sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n";
        let agreed = judge(key, accept).unwrap().unwrap();
        assert_eq!((agreed.subprotocol, agreed.deflate), (None, None));

        let answer = "Sec-WebSocket-Protocol: chat\r\n\
                      Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
        let agreed = judge(key, &format!("{accept}{answer}")).unwrap().unwrap();
        assert_eq!(agreed.subprotocol.as_deref(), Some("chat"));
        assert!(agreed.deflate.is_some());

        let fault = |answer: &str| judge(key, &format!("{accept}{answer}")).unwrap_err().fault;
        let extensions = |value: &str| format!("Sec-WebSocket-Extensions: {value}\r\n");
        assert!(fault(&extensions("permessage-deflate")).contains("server_no_context_takeover"));
        assert!(fault(&extensions("foo")).contains("not offered"));
        assert!(fault(&extensions("a;;")).contains("malformed"));
        assert!(fault(&extensions("permessage-deflate").repeat(2)).contains("more than once"));
        assert!(fault("Sec-WebSocket-Protocol: other\r\n").contains("not offered"));
        assert!(fault(accept).contains("more than once"));
    }

    #[test]
    fn the_accept_value_must_answer_the_very_key() {
        let other = "AQIDBAUGBwgJCgsMDQ4PEC==";
        // The key of section 4.1 has spare bits: no bytes encode to it.
        let right = Accept::new().into_response(
            &judge_request(
                format!("{REQUEST}Sec-WebSocket-Key: {other}\r\n\r\n").as_bytes(),
                &Arc::new(Config::default()),
                Instant::now(),
            )
            .unwrap(),
            &Config::default(),
        );
        let right = right.unwrap().0.headers()[SEC_WEBSOCKET_ACCEPT].to_str().unwrap().to_owned();
        assert!(judge(other, &format!("Sec-WebSocket-Accept: {right}\r\n")).unwrap().is_some());
        for wrong in [ANSWER, "", "-"] {
            let violation = judge(other, &format!("Sec-WebSocket-Accept: {wrong}\r\n")).unwrap_err();
            assert_eq!(violation.section, "RFC 6455 section 4.1");
        }
    }

    #[test]
    fn other_protocols_are_told_by_their_first_bytes() {
        assert!(other_protocol(&[0x16, 3, 1], false).unwrap().starts_with("TLS"));
        assert_eq!(other_protocol(b"EHLO a\r\n", false).as_deref(), Some("not HTTP"));
        assert_eq!(other_protocol(b"PRI * HTTP/2.0\r\n", false).as_deref(), Some("HTTP/2"));
        let plain = b"GET /a\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(other_protocol(plain, false), None);
        assert_eq!(other_protocol(plain, true).as_deref(), Some("plain HTTP: GET /a\\u{1b}[2J HTTP/1.1"));
        for asks in ["Upgrade: h2c, WebSocket", "sec-websocket-key: a"] {
            assert_eq!(other_protocol(format!("GET / HTTP/1.1\r\n{asks}\r\n\r\n").as_bytes(), true), None);
        }
    }

    #[test]
    fn secrets_of_a_head_are_not_shown() {
        let head = b"GET /?a=\"1\" HTTP/1.1\r\nHost: a\r\nCookie: secret\r\nSec-WebSocket-Version: 13\r\n\r\n";
        assert_eq!(shown_lines(head), ["GET /?a=\"1\" HTTP/1.1", "Host: a", "Sec-WebSocket-Version: 13"]);
    }
}
