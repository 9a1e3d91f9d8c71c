//! Frames and messages, in both directions: RFC 6455 sections 5, 6, 8 and 10.4.

mod chunks;
mod messages;
mod output;
mod read;
mod receive;
mod send;
mod text;
mod through;
