//! Frames and messages, in both directions: RFC 6455 sections 5, 6, 8 and 10.4.

mod buffered;
mod chunks;
mod limit;
mod messages;
mod output;
mod read;
mod receive;
mod send;
mod shared;
mod text;
mod through;

use crate::support::Raw;
use statesocket::Event;

fn text_message(text: &str) -> Event<'_> {
    Event::Message(text.into())
}

fn binary_message(bytes: &[u8]) -> Event<'_> {
    Event::Message(bytes.into())
}

fn fragment(payload: impl AsRef<[u8]>) -> Raw {
    Raw::new(Raw::CONTINUATION, payload)
}
