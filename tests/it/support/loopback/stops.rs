//! Clients in every phase of a connection, for a test to do something to them.

use super::{Calls, End, LONG, RawClient, Served, Witness};
use crate::support::{Raw, request_head};
use statesocket::{CauseKind, CloseCode, CloseReply, Config, handshake::Request, server::Session};
use std::time::Duration;

/// The end of a connection whose peer vanished.
pub(crate) const LOST: (CloseCode, CauseKind) = (CloseCode::ABNORMAL_CLOSURE, CauseKind::TransportLost);

/// A client that has come as far as `name` says.
pub(crate) struct Stop {
    pub(crate) name: &'static str,
    go: fn(&mut RawClient),
    /// The end that the handler sees if the client vanishes here; `None` if there is no handler.
    pub(crate) end: Option<(CloseCode, CauseKind)>,
}

/// In the order of a connection's life.
pub(crate) const STOPS: [Stop; 12] = [
    Stop { name: "silent", go: |_| {}, end: None },
    Stop { name: "in the head", go: |client| client.write(b"GET /ws HT"), end: None },
    Stop { name: "no route", go: |client| refused(client, "/nowhere"), end: None },
    Stop { name: "waiting for the answer", go: |client| client.write(&request_head("/ws?wait", &[])), end: Some(LOST) },
    Stop {
        name: "refused",
        go: |client| refused(client, "/ws?refuse"),
        end: Some((CloseCode::ABNORMAL_CLOSURE, CauseKind::Rejected)),
    },
    Stop { name: "open", go: |client| open(client, "/ws"), end: Some(LOST) },
    Stop { name: "in a header", go: |client| begin(client, &[0x82, 0xFF, 0]), end: Some(LOST) },
    Stop { name: "in a payload", go: |client| begin(client, &[0x82, 0x85, 0, 0, 0, 0, 1]), end: Some(LOST) },
    Stop { name: "between fragments", go: |client| begin(client, &[0x02, 0x81, 0, 0, 0, 0, 1]), end: Some(LOST) },
    Stop {
        name: "after a violation",
        go: |client| {
            begin(client, &[0x8B, 0x80]);
            assert_eq!(client.frame().payload[..2], 1002_u16.to_be_bytes());
        },
        end: Some((CloseCode::ABNORMAL_CLOSURE, CauseKind::Protocol)),
    },
    Stop {
        name: "after the server's Close",
        go: |client| {
            open(client, "/ws?close");
            assert_eq!(client.frame(), Raw::close(4000, ""));
        },
        end: Some(LOST),
    },
    Stop {
        name: "after both Closes",
        go: |client| {
            open(client, "/ws?close");
            assert_eq!(client.frame(), Raw::close(4000, ""));
            client.send(Raw::close(4001, ""));
        },
        end: Some((CloseCode::new(4001), CauseKind::LocalClosed)),
    },
];

fn open(client: &mut RawClient, target: &str) {
    client.write(&request_head(target, &[]));
    assert!(client.head().starts_with("HTTP/1.1 101 "));
}

fn refused(client: &mut RawClient, target: &str) {
    client.write(&request_head(target, &[]));
    assert!(client.head().starts_with("HTTP/1.1 4"));
}

fn begin(client: &mut RawClient, bytes: &[u8]) {
    open(client, "/ws");
    client.write(bytes);
}

impl Stop {
    /// A client that has come this far with a server of [`serve`].
    pub(crate) fn reach(&self, served: &Served) -> RawClient {
        let mut client = RawClient::dial(served.address);
        (self.go)(&mut client);
        client
    }
}

/// A server with an answer for each of [`STOPS`]. No timeout runs out.
pub(crate) fn serve() -> (Served, Calls) {
    let mut config = Config::default();
    config.linger_timeout = Some(LONG);
    Served::witnessed(config, answer)
}

/// The same with an application that must answer a Close itself and does not. Only the closing timeout runs out.
pub(crate) fn serve_undecided() -> (Served, Calls) {
    let mut config = Config::default();
    config.close_reply = CloseReply::Manual;
    config.closing_timeout = Some(Duration::from_millis(300));
    Served::witnessed(config, answer)
}

fn answer(session: &mut Session<'_>, request: &Request) {
    match request.raw_query() {
        Some("wait") => {}
        Some("refuse") => session.close(1008, "").expect("a request is pending"),
        Some("close") => {
            Witness::accept(session, request);
            session.close(4000, "").expect("the connection is open");
        }
        _ => Witness::accept(session, request),
    }
}

/// Checks that `end` is that of a client whose Close the application leaves unanswered.
#[track_caller]
pub(crate) fn assert_undecided(end: &End) {
    assert_eq!((end.disconnect.cause.kind(), u16::from(end.disconnect.code)), (CauseKind::PeerClosed, 4001), "{end:?}");
}
