//! The properties of a connection and of a server, each written once, as a function of bytes.
//!
//! Three engines find bytes for them: proptest (`properties.rs`), libFuzzer (the package `fuzz`, which includes this
//! folder), and the replay of libFuzzer's corpus (`corpus.rs`). Each property interprets the bytes: as a wire of the
//! peer, or as a script of calls.

mod by_library;
pub(crate) mod chunking;
pub(crate) mod compression;
pub(crate) mod differential;
#[cfg(feature = "deflate")]
mod exchanges;
#[cfg(feature = "deflate")]
pub(crate) mod extensions;
mod frames;
pub(crate) mod handshakes;
#[cfg(feature = "deflate")]
pub(crate) mod inflating;
pub(crate) mod invariants;
pub(crate) mod parties;
mod peer;
mod reference;
mod round_trip;
pub(crate) mod script;
#[cfg(all(feature = "server", feature = "testing"))]
pub(crate) mod server;
mod settings;
#[cfg(all(feature = "server", feature = "testing"))]
mod source;
mod subject;
#[cfg(all(feature = "testing", any(feature = "tls-ring", feature = "tls-aws-lc")))]
pub(crate) mod tls;
pub(crate) mod trace;

use statesocket::Role;

/// A property. Its name is also the name of its fuzz target and of its corpus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    /// Panics if the property does not hold for the bytes.
    pub(crate) check: fn(&[u8]),
}

pub(crate) const ALL: &[Property] = &[
    Property { name: "frames_server", check: |data| frames::check(Role::Server, data) },
    Property { name: "frames_client", check: |data| frames::check(Role::Client, data) },
    Property { name: "handshake_request", check: handshakes::check_request },
    Property { name: "handshake_response", check: handshakes::check_response },
    Property { name: "operations", check: invariants::check_all },
    Property { name: "chunking", check: chunking::check },
    Property { name: "round_trip", check: round_trip::check },
    Property { name: "differential", check: differential::differential },
    Property { name: "differential_handshake", check: differential::differential_handshake },
    Property { name: "differential_sending", check: differential::differential_sending },
    #[cfg(feature = "deflate")]
    Property { name: "extensions_header", check: extensions::check },
    #[cfg(feature = "deflate")]
    Property { name: "inflate_messages", check: inflating::check },
    #[cfg(feature = "deflate")]
    Property { name: "deflate_round_trip", check: exchanges::check },
    #[cfg(all(feature = "server", feature = "testing"))]
    Property { name: "server", check: server::check },
    #[cfg(all(feature = "testing", any(feature = "tls-ring", feature = "tls-aws-lc")))]
    Property { name: "tls", check: tls::check },
];
