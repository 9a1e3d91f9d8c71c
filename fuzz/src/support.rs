//! The part of the tests' support that the properties use.

#[path = "../../tests/it/support/blocks.rs"]
pub(crate) mod blocks;
#[path = "../../tests/it/support/fragments.rs"]
mod fragments;
#[path = "../../tests/it/support/pair.rs"]
mod pair;
#[path = "../../tests/it/support/sent.rs"]
mod sent;
#[path = "../../tests/it/support/walker.rs"]
pub(crate) mod walker;
#[path = "../../tests/it/support/wire.rs"]
mod wire;

pub(crate) use fragments::Fragments;
pub(crate) use pair::{client, connect, drain, established, feed, waiting};
pub(crate) use sent::{ROLES, head_len, pending, sent};
pub(crate) use wire::{Raw, accepted_head, request_head, response_head};
