//! What `{:?}` shows of a connection: where it stands, and nothing that its peer or its program says.

use crate::support::{established, feed, in_every_phase, request_head};
use statesocket::{Agreed, Config, Connection, Inbox, Phase, Role, blocking::WebSocket};
use std::{
    io,
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Instant,
};

const SECRETS: [&str; 4] = ["hidden", "104, 105, 100", "68, 69, 64", "token"];

#[track_caller]
fn assert_shows(shown: &str, expected: &[&str]) {
    for part in expected {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret} is told: {shown}");
    }
}

#[test]
fn a_connection_shows_its_phase_and_both_states() {
    for (case, connection) in in_every_phase() {
        let phase = connection.phase();
        let shown = format!("{connection:?}");
        let expected = [
            format!("role: {:?}, phase: {phase:?}", connection.role()),
            format!("client_state: {:?}, application_state: {:?}", phase.client_state(), phase.application_state()),
            format!("queued: {}", connection.output_len()),
        ];
        assert_shows(&shown, &expected.each_ref().map(String::as_str));
        let has_cause = shown.contains("cause: ");
        match phase {
            Phase::Idle | Phase::Requested | Phase::Open => assert!(!has_cause, "{case}: {shown}"),
            // If the answer to the peer's Close is left to the program, the end is told before it.
            Phase::ClientClosed | Phase::ApplicationClosed => {}
            Phase::Closed => assert!(has_cause, "{case}: {shown}"),
        }
        assert!(format!("{connection:#?}").lines().count() > 5, "{case}");
    }
}

#[test]
fn a_connection_shows_the_path_of_its_request_and_the_answer() {
    let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
    feed(&mut connection, &request_head("/rooms?token=hidden", &[("X-Secret", "hidden")]));
    assert_shows(&format!("{connection:?}"), &["phase: Requested", "request: GET /rooms,"]);
    connection.ensure_closed(1000, "hidden");
    let end = ["phase: Closed", "answer: 403", "cause: Rejected(403), code: 1006, is_clean: false"];
    assert_shows(&format!("{connection:?}"), &end);
}

#[test]
fn a_connection_shows_what_is_queued_and_held_but_no_payload() {
    let mut connection = established(Role::Server, Config::default());
    // A text of the program, half a text of the peer, and a whole one behind a pause.
    connection.send_text("hidden").expect("it is open");
    feed(&mut connection, b"\x01\x86\0\0\0\0hidden");
    connection.pause_reading();
    let mut bytes = *b"\x80\x86\0\0\0\0hidden";
    assert_eq!(connection.receive(&mut &mut bytes[..], Instant::now()), None);
    let shown = ["queued: 8", "held_by: Pause", "phase: Open"];
    assert_shows(&format!("{connection:?}"), &shown);
    assert_shows(&format!("{connection:#?}"), &["queued: 8,\n"]);
}

#[test]
fn a_connection_shows_how_it_ended_but_no_reason() {
    let mut connection = established(Role::Server, Config::default());
    connection.send_text("hidden").expect("it is open");
    feed(&mut connection, b"\x88\x88\0\0\0\0\x0F\xA1hidden");
    let before = ["phase: Closed", "cause: PeerClosed, code: 4001, is_clean: false"];
    assert_shows(&format!("{connection:?}"), &before);
    connection.write_to(io::sink()).expect("a sink takes everything");
    assert_shows(&format!("{connection:?}"), &["queued: 0", "code: 4001, is_clean: true"]);
}

#[test]
fn an_inbox_shows_what_is_held_back_but_no_payload() {
    let mut connection = established(Role::Server, Config::default());
    connection.pause_reading();
    let mut inbox = Inbox::new();
    inbox.read_from(&mut connection, &b"\x81\x86\0\0\0\0hidden"[..], Instant::now()).expect("it is memory");
    assert_shows(&format!("{inbox:?} {connection:?}"), &["held_back: 12", "held_by: Pause"]);
}

#[test]
fn a_websocket_shows_its_connection_but_no_payload() {
    let stream = TcpListener::bind("127.0.0.1:0").and_then(|listener| TcpStream::connect(listener.local_addr()?));
    let agreed = Agreed::new().subprotocol("chat");
    let mut websocket = WebSocket::established(stream.expect("a free port"), Role::Client, agreed, Config::default());
    websocket.feed("hidden").expect("there is room");
    assert_shows(&format!("{websocket:?}"), &["phase: Open", "queued: 12", "subprotocol: \"chat\"", "held_back: 0"]);
}
