//! Helpers for several folders of tests: two connections in memory, and frames and heads written by hand.

pub(crate) mod blocks;
mod fragments;
pub(crate) mod handshake;
pub(crate) mod loopback;
#[cfg(all(feature = "server", feature = "testing"))]
pub(crate) mod memory;
#[cfg(feature = "server")]
mod metrics;
mod pair;
mod phases;
#[cfg(feature = "server")]
pub(crate) mod process;
#[cfg(feature = "server")]
pub(crate) mod raw_client;
mod sent;
pub(crate) mod strategies;
pub(crate) mod timers;
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
pub(crate) mod tls;
pub(crate) mod walker;
mod wire;
#[cfg(feature = "server")]
mod witness;

pub(crate) use fragments::Fragments;
#[cfg(feature = "server")]
pub(crate) use metrics::Metrics;
pub(crate) use pair::{Pair, client, connect, drain, established, feed, opened_server, requested_server, waiting};
pub(crate) use phases::{after_own_close, after_peer_close, config, in_every_phase, manual, without_timeouts};
pub(crate) use sent::{
    ROLES, RawHeader, assert_deaf, assert_fails, disconnect_in, head_len, peer_sends, pending, sent,
};
pub(crate) use wire::{Raw, accepted_head, request_head, response_head};
#[cfg(feature = "server")]
pub(crate) use witness::{Call, Calls, End, Witness};
