//! Invariant 4: whatever holds of one role holds of the other, with the parties exchanged.

use crate::{
    proof::settings,
    support::{Fragments, ROLES, Raw, feed, pending, sent},
};
use arbitrary::{Result, Unstructured};
use statesocket::{Agreed, Connection, Event, Phase, Role};
use std::{sync::Arc, time::Instant};

/// An action on both.
#[derive(Clone, Debug)]
enum Move {
    Frame(Raw),
    Text(String),
    Fragment(String, bool),
    Ping(Vec<u8>),
    Close(u16, String),
    EnsureClosed,
    Abort,
    Eof,
    TransportFailed,
}

/// Draws actions from `data`, and applies them to a server and to a client.
pub(crate) fn i_4_the_roles_mirror_each_other(data: &[u8]) {
    let mut source = Unstructured::new(data);
    let choices: u8 = source.arbitrary().unwrap_or_default();
    // A client's frames are longer by their keys, so that it reaches a small limit at other times.
    let config = Arc::new(settings::config(choices & 0x07));
    let now = Instant::now();
    let [mut server, mut client] =
        ROLES.map(|role| Connection::established(role, Agreed::new().seed([7; 32]), Arc::clone(&config), now));
    while !source.is_empty() {
        let Ok(next) = draw(&mut source) else { break };
        let [at_server, at_client] = [&mut server, &mut client].map(|connection| make(connection, &next));
        assert_eq!(at_server, at_client, "I-4: {next:?}");
        assert_eq!(mirrored(server.phase()), client.phase(), "I-4: {next:?}");
    }
}

fn mirrored(phase: Phase) -> Phase {
    match phase {
        Phase::ClientClosed => Phase::ApplicationClosed,
        Phase::ApplicationClosed => Phase::ClientClosed,
        Phase::Idle | Phase::Requested | Phase::Open | Phase::Closed => phase,
    }
}

/// The effect of an action: whether and how it was refused, the events, and the frames without their keys.
#[derive(Debug, PartialEq)]
struct Outcome {
    refusal: Option<String>,
    events: Vec<String>,
    frames: Vec<Raw>,
}

fn make(connection: &mut Connection, next: &Move) -> Outcome {
    let role = connection.role();
    let mut events = Vec::new();
    let result = match next {
        Move::Frame(frame) => {
            events = feed(connection, &frame.clone().for_endpoint(role));
            Ok(())
        }
        Move::Text(text) => connection.send_text(text).map_err(|error| error.to_string()),
        Move::Fragment(text, is_last) => {
            connection.send_text_fragment(text, *is_last).map_err(|error| error.to_string())
        }
        Move::Ping(payload) => connection.ping(payload).map_err(|error| error.to_string()),
        Move::Close(code, reason) => connection.close(*code, reason).map_err(|error| error.to_string()),
        Move::EnsureClosed => {
            connection.ensure_closed(1001, "away");
            Ok(())
        }
        Move::Abort => {
            connection.abort();
            Ok(())
        }
        Move::Eof => {
            connection.receive_eof();
            Ok(())
        }
        Move::TransportFailed => {
            connection.transport_failed();
            Ok(())
        }
    };
    events.extend(pending(connection));
    Outcome {
        refusal: result.err().map(|text| in_terms_of_role(&text, role)),
        events: events.iter().map(|event| of_event(event, role)).collect(),
        frames: sent(connection),
    }
}

fn of_event(event: &Event<'_>, role: Role) -> String {
    in_terms_of_role(&format!("{event:?}"), role)
}

/// `text` with the names of the parties, and of the rule that only one of them can break, made relative.
fn in_terms_of_role(text: &str, role: Role) -> String {
    let (local, peer) = match role {
        Role::Client => ("client", "application"),
        Role::Server => ("application", "client"),
    };
    let text = text.replace("Client", "client").replace("Application", "application");
    // The refusal names the client's state first in both roles.
    let mut words: Vec<_> = text.split(" while the ").map(str::to_owned).collect();
    if let Some(states) = words.get_mut(1) {
        let mut states_sorted: Vec<_> = states.split(" and the ").map(|state| relative(state, local, peer)).collect();
        states_sorted.sort();
        *states = states_sorted.join(" and ");
    }
    relative(&words.join(" while "), local, peer)
}

fn relative(text: &str, local: &str, peer: &str) -> String {
    text.replace(local, "local").replace(peer, "peer")
}

fn draw(source: &mut Unstructured<'_>) -> Result<Move> {
    let text = source.choose(&["", "hello", "κόσμε"])?.to_string();
    let code = *source.choose(&[1000, 1001, 1011, 3000, 4999, 1005, 999, 1015])?;
    Ok(match source.int_in_range(0..=31)? {
        0..=3 => Move::Text(text),
        4..=6 => Move::Fragment(text, source.arbitrary()?),
        7 | 8 => Move::Ping(text.into_bytes()),
        9 => Move::Close(code, text),
        10 if source.ratio(1, 3)? => Move::EnsureClosed,
        11 if source.ratio(1, 3)? => Move::Abort,
        12 if source.ratio(1, 3)? => Move::Eof,
        13 if source.ratio(1, 3)? => Move::TransportFailed,
        14..=17 => Move::Frame(Raw::new(Raw::TEXT, text)),
        18 | 19 => Move::Frame(Raw::new(Raw::BINARY, text).more()),
        20..=22 => Move::Frame(Raw::new(Raw::CONTINUATION, text)),
        23..=26 => Move::Frame(Raw::new(Raw::PING, text)),
        27 => Move::Frame(Raw::new(Raw::PONG, text)),
        28 => Move::Frame(Raw::close(code, &text)),
        29 => Move::Frame(Raw { first: source.arbitrary()?, payload: text.into_bytes(), key: None }),
        _ => Move::Frame(Raw::new(Raw::BINARY, vec![7; source.int_in_range(0..=300)?])),
    })
}
