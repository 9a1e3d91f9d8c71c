//! Live peers over sockets: tungstenite against each of our roles, and our roles against each other.

#[cfg(feature = "server")]
mod ours;
#[cfg(feature = "server")]
mod tungstenite_client;
mod tungstenite_server;

use statesocket::{Action, Message, Party};

/// Messages of every kind and with every form of the length.
fn messages() -> Vec<Message<'static>> {
    let bytes = |length: usize| (0..length).map(|i| (i % 251) as u8).collect::<Vec<_>>();
    let mut messages = vec![Message::from("Hello"), Message::from(""), Message::from("κόσμε 🦀"), bytes(0).into()];
    messages.extend([1, 125, 126, 65_535, 65_536, 1 << 20].map(|length| bytes(length).into()));
    messages.extend([126, 65_536, 1 << 20].map(|length| "é".repeat(length / 2).into()));
    messages
}

/// Codes that either side may close with and that both sides know.
const CODES: [u16; 11] = [1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 3000, 4001, 4999];

/// The transitions of a connection that was opened, and closed first by `first`.
fn closed_by(first: Party) -> Vec<(Party, Action)> {
    let opening = [(Party::Client, Action::Open), (Party::Application, Action::Accept)];
    [&opening[..], &[(first, Action::Close), (first.peer(), Action::Close)]].concat()
}

/// The transitions of a connection that was rejected.
const REFUSED: [(Party, Action); 2] = [(Party::Client, Action::Open), (Party::Application, Action::Reject)];
