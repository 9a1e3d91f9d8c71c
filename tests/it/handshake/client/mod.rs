//! The client: its request, the responses that it accepts, and its reaction to a rejection.

mod broken_body;
mod invalid;
mod other_protocols;
mod rejection;
mod request;
mod response;

use crate::support::{
    config, feed,
    handshake::{asking, assert_gone},
};
use statesocket::{Cause, CloseCode, Connection, Event, Party, Phase, handshake::Response};

/// The rejection that a client hands out for `bytes` in pieces of `size`, followed by the end of the stream if
/// `ends_with_stream`. The client keeps at most `limit` bytes of the body. Asserts the properties of every rejection.
fn read_rejection(limit: usize, bytes: &[u8], size: usize, ends_with_stream: bool) -> Response {
    let case = format!("{} in pieces of {size}", bytes.escape_ascii());
    let mut client = client(limit);
    let mut events: Vec<_> = bytes.chunks(size).flat_map(|piece| feed(&mut client, piece)).collect();
    if ends_with_stream {
        assert_eq!(
            (events.as_slice(), client.phase()),
            (&[][..], Phase::Requested),
            "{case}: the body is not complete"
        );
        client.receive_eof();
        events = std::iter::from_fn(|| client.poll_event()).collect();
    }
    let [Event::Rejected(response), Event::Disconnect(disconnect)] = events.as_slice() else {
        panic!("{case}: {events:?}")
    };
    assert_eq!(
        (disconnect.code, &disconnect.cause),
        (CloseCode::ABNORMAL_CLOSURE, &Cause::Rejected(response.status)),
        "{case}"
    );
    assert_eq!((disconnect.initiator, disconnect.is_clean), (Some(Party::Application), false), "{case}");
    assert_gone(&mut client, &case);
    Response::clone(response)
}

fn client(limit: usize) -> Connection {
    asking(config(|config| config.max_rejection_body_bytes = limit), &[]).0
}

const SIZES: [usize; 6] = [1, 2, 3, 7, 20, 1000];
