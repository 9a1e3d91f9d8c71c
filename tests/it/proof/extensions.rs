//! Agreeing on permessage-deflate, judged by RFC 7692 section 7.1 in its plainest form.

use crate::support::{accepted_head, client, drain, feed, request_head};
use statesocket::{
    Cause, Config, Connection, Deflate, Event, HandshakeError, Role, Window,
    handshake::{Accept, Extension, deflate},
    http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS},
};
use std::{collections::HashMap, sync::Arc, time::Instant};

const NAME: &str = "permessage-deflate";
/// The values of a window, from the smallest.
const WINDOWS: [&str; 8] = ["8", "9", "10", "11", "12", "13", "14", "15"];

/// The parameters of one element, and their values.
type Params<'e> = HashMap<&'e str, Option<&'e str>>;

/// Two bytes choose what the ends keep. The rest is the header of a client and, behind a line feed, that of a server.
pub(crate) fn check(data: &[u8]) {
    let Some((choices, headers)) = data.split_first_chunk() else { return };
    let deflate = choose(*choices);
    let (request, response) = split(headers);
    let offered = extensions(request);
    check_server(deflate, request, offered.as_deref());
    if let (Ok(offered), Ok(answered)) = (&offered, extensions(response)) {
        let agreed = deflate::agree(offered, &answered);
        assert_eq!(agreed.is_ok(), is_right(offered, &answered), "{offered:?} -> {answered:?}: {agreed:?}");
    }
    check_client(deflate, response);
}

/// The headers of the client and the server in a property's bytes.
fn split(headers: &[u8]) -> (&[u8], &[u8]) {
    let end = headers.iter().position(|byte| *byte == b'\n').unwrap_or(headers.len());
    (&headers[..end], headers.get(end + 1..).unwrap_or_default())
}

fn choose([sent, received]: [u8; 2]) -> Deflate {
    let window = |choice: u8| Window::from_bits(7 + choice % 9).unwrap_or(Window::None);
    Deflate::default().with(|deflate| {
        deflate.send_history = window(sent);
        (deflate.receive_history, deflate.client_receive_history) = (window(received), window(received / 9));
    })
}

fn extensions(header: &[u8]) -> Result<Vec<Extension>, HandshakeError> {
    let mut headers = HeaderMap::new();
    // Of a byte that no header has, the reader of heads takes care.
    if let Ok(value) = HeaderValue::from_bytes(header)
        && !value.is_empty()
    {
        headers.append(SEC_WEBSOCKET_EXTENSIONS, value);
    }
    Extension::all(&headers, Config::default().max_list_elements)
}

/// A server answers the first valid offer with what that allows, and keeps no more than it has chosen.
fn check_server(deflate: Deflate, request: &[u8], offered: Result<&[Extension], &HandshakeError>) {
    let config = Config::default().with(|config| config.deflate = Some(deflate));
    let mut server = Connection::server(Arc::new(config), Instant::now());
    let Some(text) = as_value(request) else { return };
    let events = feed(&mut server, &request_head("/chat", &[("Sec-WebSocket-Extensions", text)]));
    let Ok(offered) = offered else {
        let [Event::Disconnect(end)] = events.as_slice() else { panic!("{text}: {events:?}") };
        assert_eq!(Some(&end.cause), offered.err().map(|error| Cause::Handshake(error.clone())).as_ref());
        return;
    };
    server.accept(Accept::new()).expect("a request is pending");
    let head = String::from_utf8(drain(&mut server)).expect("a head is text");
    let mut lines = head.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let answer = lines.next();
    assert_eq!(lines.next(), None, "{head}");

    let offer = offered.iter().filter(|element| element.name == NAME).find_map(|element| valid(element, false));
    let Some(offer) = offer else {
        assert_eq!((answer, server.deflate()), (None, None), "nothing to take in {text}");
        return;
    };
    let answer = answer.unwrap_or_else(|| panic!("{offer:?} is valid"));
    let answered = extensions(answer.as_bytes()).expect("our answer is well-formed");
    let [element] = answered.as_slice() else { panic!("one element: {answer}") };
    let params = valid(element, true).expect("our answer is valid");
    assert!(fits(&params, &offer), "{text} -> {answer}");
    assert_eq!(params.get("server_max_window_bits"), offer.get("server_max_window_bits"), "{text} -> {answer}");
    let hint = offer.get("client_max_window_bits").copied().flatten();
    if let (Some(Some(bits)), Some(hint)) = (params.get("client_max_window_bits"), hint) {
        assert!(place(bits) <= place(hint), "a server answers with no more than the hint: {text} -> {answer}");
    }

    let agreed = server.deflate().expect("it has answered");
    assert_eq!(deflate::agree(offered, &answered), Ok(Some(agreed)), "{text} -> {answer}");
    assert!(agreed.history(Role::Client) <= deflate.receive_history, "{agreed:?} of {deflate:?}");
    assert!(deflate.send_history > Window::None || !agreed.has_takeover(Role::Server), "{agreed:?} of {deflate:?}");
    for (sender, takeover, window) in [
        (Role::Client, "client_no_context_takeover", "client_max_window_bits"),
        (Role::Server, "server_no_context_takeover", "server_max_window_bits"),
    ] {
        assert_eq!(agreed.has_takeover(sender), !params.contains_key(takeover), "{answer}");
        let bits = params.get(window).copied().flatten().unwrap_or("15");
        assert_eq!(agreed.window_bits(sender).to_string(), bits, "{answer}");
    }
}

/// A client takes exactly the right answers to its own offer, and keeps no more than it has chosen.
fn check_client(deflate: Deflate, response: &[u8]) {
    let Some(text) = as_value(response) else { return };
    let mut client = client(Config::default().with(|config| config.deflate = Some(deflate)), &[]);
    let request = drain(&mut client);
    let head = accepted_head(&request, &[("Sec-WebSocket-Extensions", text)]);
    let events = feed(&mut client, &head);

    let offer = deflate::offer(&deflate);
    let offered = extensions(offer.as_bytes()).expect("our offer is well-formed");
    let verdict = extensions(response).and_then(|answered| {
        assert!(offered.iter().all(|element| valid(element, false).is_some()), "our offers are valid: {offer:?}");
        let agreed = deflate::agree(&offered, &answered);
        assert_eq!(agreed.is_ok(), is_right(&offered, &answered), "{offer:?} -> {text}: {agreed:?}");
        agreed
    });
    match verdict {
        Ok(agreed) => {
            assert!(matches!(events.as_slice(), [Event::Accepted(_)]), "{text}: {events:?}");
            assert_eq!(client.deflate(), agreed, "{text}");
            let history = agreed.map_or(Window::None, |agreed| agreed.history(Role::Server));
            assert!(history <= deflate.client_receive_history, "{offer:?} -> {text}: {history:?}");
        }
        Err(error) => {
            let [Event::InvalidResponse(_), Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!(end.cause, Cause::Handshake(error), "{text}");
            assert_eq!(client.deflate(), None, "{text}");
        }
    }
}

/// The text, if a head can have it as the value of a header.
fn as_value(header: &[u8]) -> Option<&str> {
    let is_plain = header.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    std::str::from_utf8(header).ok().filter(|text| is_plain && text.len() <= 4096)
}

/// RFC 6455 section 4.1 and RFC 7692 sections 5 and 7: nothing, or one answer that is valid and fits an offer.
fn is_right(offered: &[Extension], answered: &[Extension]) -> bool {
    let offers = offered.iter().filter(|element| element.name == NAME);
    let mut offers = offers.filter_map(|element| valid(element, false));
    match answered {
        [] => true,
        [answer] if answer.name == NAME => {
            valid(answer, true).is_some_and(|answer| offers.any(|offer| fits(&answer, &offer)))
        }
        _ => false,
    }
}

/// Section 7: the parameters, unless one is unknown, is there twice, or has an invalid value.
fn valid(element: &Extension, is_answer: bool) -> Option<Params<'_>> {
    let mut params = Params::new();
    for (name, value) in &element.params {
        let is_window = value.as_deref().is_some_and(|value| WINDOWS.contains(&value));
        let is_valid = match name.as_str() {
            "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
            "server_max_window_bits" => is_window,
            "client_max_window_bits" => is_window || (value.is_none() && !is_answer),
            _ => false,
        };
        if !is_valid || params.insert(name, value.as_deref()).is_some() {
            return None;
        }
    }
    Some(params)
}

/// Sections 7.1.1 and 7.1.2: the answer has what the offer asks for, and nothing that it forbids.
fn fits(answer: &Params<'_>, offer: &Params<'_>) -> bool {
    let name = "server_max_window_bits";
    let is_small = match (offer.get(name), answer.get(name)) {
        (None, _) => true,
        (Some(Some(limit)), Some(Some(bits))) => place(bits) <= place(limit),
        (Some(_), _) => false,
    };
    let has = |params: &Params<'_>, name| params.contains_key(name);
    is_small
        && (!has(offer, "server_no_context_takeover") || has(answer, "server_no_context_takeover"))
        && (has(offer, "client_max_window_bits") || !has(answer, "client_max_window_bits"))
}

fn place(bits: &str) -> Option<usize> {
    WINDOWS.iter().position(|window| *window == bits)
}

/// Whether the bytes have a valid offer, and an answer that a client takes.
pub(crate) fn reaches(data: &[u8]) -> [bool; 2] {
    let (request, response) = split(data.get(2..).unwrap_or_default());
    let (offered, answered) = (extensions(request).unwrap_or_default(), extensions(response).unwrap_or_default());
    let has_offer = offered.iter().any(|element| element.name == NAME && valid(element, false).is_some());
    [has_offer, !answered.is_empty() && is_right(&offered, &answered)]
}
