//! Agreeing on permessage-deflate (rows D of `tests/rfc7692.md`): what is offered, answered and agreed on.

mod agreed;
mod answers;
mod offers;
mod verdicts;

use crate::support::{
    accepted_head, drain, feed,
    handshake::{asking, failure, refusal, server},
    request_head,
};
use statesocket::{
    AgreedDeflate, Config, Deflate, Event, HandshakeError, InvalidDeflate, Phase, Role, Window,
    handshake::{Accept, Extension, deflate},
    http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS},
};

const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// The choices of the first two columns of the tables: 4 KiB both ways, which is the default, and nothing kept.
fn choices() -> [Deflate; 2] {
    [Deflate::default(), keeping(Window::None, Window::None)]
}

/// An end that keeps these histories, in both roles.
fn keeping(sent: Window, received: Window) -> Deflate {
    Deflate::default().with(|deflate| {
        deflate.send_history = sent;
        (deflate.receive_history, deflate.client_receive_history) = (received, received);
    })
}

fn config(deflate: Deflate) -> Config {
    Config::default().with(|config| config.deflate = Some(deflate))
}

/// The extensions in a header with this value.
fn extensions(value: &str) -> Result<Vec<Extension>, HandshakeError> {
    let mut headers = HeaderMap::new();
    if !value.is_empty() {
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(value).expect("a header value"));
    }
    Extension::all(&headers, 100)
}

/// The text with its abbreviations written out, as the tables have them.
fn full(text: &str) -> String {
    let names = [
        ("pmd", "permessage-deflate"),
        ("snct", "server_no_context_takeover"),
        ("cnct", "client_no_context_takeover"),
        ("smwb", "server_max_window_bits"),
        ("cmwb", "client_max_window_bits"),
    ];
    names.iter().fold(text.to_owned(), |text, (short, name)| text.replace(short, name))
}

/// The answer of a server to `offer`, abbreviated as in [`full`], and what is agreed on. Asserts that a connection says
/// the same as the function.
#[track_caller]
fn answer(deflate: Deflate, offer: &str) -> Option<(String, AgreedDeflate)> {
    let offer = full(offer);
    let offered = extensions(&offer).unwrap_or_else(|error| panic!("{offer}: {error}"));
    let answer = deflate::answer(&offered, &deflate);
    let answer = answer.map(|(header, agreed)| (header.to_str().expect("a text").to_owned(), agreed));

    let mut server = server(config(deflate));
    feed(&mut server, &request_head("/chat", &[("Sec-WebSocket-Extensions", &offer)]));
    assert_eq!(server.deflate(), None, "{offer}: nothing is agreed on before the answer");
    server.accept(Accept::new()).expect("a request is pending");
    assert_eq!(
        (server.phase(), server.deflate()),
        (Phase::Open, answer.as_ref().map(|(_, agreed)| *agreed)),
        "{offer}"
    );
    let head = String::from_utf8(drain(&mut server)).expect("a head is text");
    let lines: Vec<_> = head.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: ")).collect();
    assert_eq!(lines, answer.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), "{offer}");
    assert!(head.starts_with("HTTP/1.1 101 "), "{offer}: {head}");

    // Whoever has sent the offer takes the answer.
    let answered = extensions(&lines.join(", ")).expect("our answer is well-formed");
    assert_eq!(deflate::agree(&offered, &answered), Ok(server.deflate()), "{offer} -> {lines:?}");
    answer
}

/// Checks that a server answers `offer` with `expected`, both abbreviated; with no extension if it is empty.
#[track_caller]
fn assert_answer(deflate: Deflate, offer: &str, expected: &str) {
    let expected = if expected.is_empty() { None } else { Some(full(&format!("pmd; {expected}"))) };
    let answer = answer(deflate, offer).map(|(text, _)| text);
    assert_eq!(answer, expected, "{offer}");
}

/// What a client makes of `answer` to `offer`, both abbreviated.
#[track_caller]
fn verdict(offer: &str, answer: &str) -> Result<Option<AgreedDeflate>, HandshakeError> {
    let offered = extensions(&full(offer)).unwrap_or_else(|error| panic!("{offer}: {error}"));
    extensions(&full(answer)).and_then(|answered| deflate::agree(&offered, &answered))
}

/// The reason for which a client of [`verdict`] fails.
#[track_caller]
fn why(offer: &str, answer: &str) -> InvalidDeflate {
    match verdict(offer, answer) {
        Err(HandshakeError::InvalidDeflate(reason)) => reason,
        other => panic!("{offer} -> {answer}: {other:?}"),
    }
}

/// What a client with these choices makes of `answer` to its own offer.
#[track_caller]
fn client_verdict(deflate: Deflate, answer: &str) -> Result<Option<AgreedDeflate>, HandshakeError> {
    let (mut client, request) = asking(config(deflate), &[]);
    let response = accepted_head(&request, &[("Sec-WebSocket-Extensions", &full(answer))]);
    let offered = deflate::offer(&deflate);
    let offered = extensions(offered.to_str().expect("a text")).expect("our offer is well-formed");
    let expected = extensions(&full(answer)).and_then(|answered| deflate::agree(&offered, &answered));
    if expected.is_err() {
        let error = failure(client, &response);
        assert_eq!(Err(&error), expected.as_ref(), "{answer}");
        return Err(error);
    }
    let events = feed(&mut client, &response);
    assert!(matches!(events.as_slice(), [Event::Accepted(_)]), "{answer}: {events:?}");
    assert_eq!(Ok(client.deflate()), expected, "{answer}");
    expected
}

/// The bits and the takeover of the client's direction, and those of the server's.
fn terms(agreed: AgreedDeflate) -> [(u8, bool); 2] {
    [Role::Client, Role::Server].map(|sender| (agreed.window_bits(sender), agreed.has_takeover(sender)))
}
