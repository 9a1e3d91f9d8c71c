//! What the feature `tracing` tells: one span per connection, one event per transition, one per end.

use statesocket::{
    Config, Message,
    handshake::{Accept, Connect, Request},
    http::StatusCode,
    server::{Handler, Session},
    testing::{ClientOptions, TestServer},
};
use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Collects what its thread writes.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the subscriber is told during `act`, which stays in its thread.
fn told(act: impl Fn()) -> Vec<String> {
    // One subscriber for all threads, and before anything is told: `tracing` keeps for each callsite whether a
    // subscriber wants it, and a thread without a subscriber would answer for the others.
    static SUBSCRIBED: Once = Once::new();
    SUBSCRIBED.call_once(|| {
        tracing_subscriber::fmt()
            .with_writer(|| Lines)
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .init();
    });
    LINES.take();
    act();
    let text = String::from_utf8(LINES.take()).expect("lines are text");
    text.lines().map(|line| line.trim().to_owned()).collect()
}

struct Chat;

impl Handler for Chat {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        session.accept(Accept::new().preferred_by_client(request, &["chat"])).expect("the request has just come");
    }

    fn on_message(&mut self, _: &mut Session<'_>, message: Message<'_>) {
        tracing::info!(target: "chat", len = message.len(), "received");
    }
}

/// The lines of the server, which are in a span; the client in memory has transitions, too.
fn of_server(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| Some(line.split_once("websocket{")?.1)).collect()
}

#[test]
fn a_connection_has_a_span_and_its_transitions_and_end_are_events() {
    let lines = told(|| {
        let mut server = TestServer::new(Config::default()).expect("a server in memory");
        server.route("/ws/{room}", || Chat).expect("a path");
        let connect = Connect::new("ws://test/ws/red?token=secret").expect("a URL");
        let connect = connect.subprotocol("chat").expect("a token");
        let mut client = server.connect_with(&connect, &ClientOptions::default());
        client.send_text("a private text").expect("the connection is open");
        client.close(4001, "a private reason").expect("the connection is open");
        server.settle();
    });
    let connection = "statesocket::connection:";
    let before = format!("id=#1 address=127.0.0.1:49152}}: {connection} transition");
    let after = "id=#1 address=127.0.0.1:49152 path=\"/ws/red\"";
    let open = format!("{after} subprotocol=\"chat\"}}:");
    let expected = [
        format!("{before} party=client action=Open phase_from=Idle phase_to=Requested"),
        format!(
            "{after}}}: {connection} transition party=application action=Accept phase_from=Requested phase_to=Open"
        ),
        format!("{open} chat: received len=14"),
        format!("{open} {connection} transition party=client action=Close phase_from=Open phase_to=ClientClosed"),
        format!(
            "{open} {connection} transition party=application action=Close phase_from=ClientClosed phase_to=Closed"
        ),
        format!("{open} {connection} disconnect code=4001 cause=peer closed is_clean=true"),
    ];
    assert_eq!(of_server(&lines), expected, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("secret") || line.contains("private")), "{lines:#?}");
}

#[test]
fn an_end_without_a_request_and_a_refusal_are_told() {
    let lines = told(|| {
        let mut server = TestServer::new(Config::default()).expect("a server in memory");
        let refused = server.connect("/nowhere?token=secret");
        assert_eq!(refused.response().map(|response| response.status), Some(StatusCode::NOT_FOUND));
        drop(server.dial(&Connect::new("ws://test/").expect("a URL"), &ClientOptions::default()));
        server.settle();
    });
    let ends: Vec<_> = of_server(&lines).into_iter().filter(|line| line.contains("disconnect")).collect();
    assert!(ends[0].contains("path=\"/nowhere\"") && ends[0].contains("cause=rejected"), "{lines:#?}");
    assert!(
        !ends[1].contains("path") && ends[1].contains("code=1006 cause=transport lost is_clean=false"),
        "{lines:#?}"
    );
}
