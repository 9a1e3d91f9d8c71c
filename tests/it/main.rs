//! The integration tests: one binary, the public API only.

mod advisories;
mod closing;
mod closing_abnormal;
mod closing_codes;
mod closing_ends;
mod closing_manual;
mod corpus;
mod differential;
mod errors_connection;
mod errors_handshake;
#[cfg(feature = "server")]
mod examples;
#[cfg(feature = "server")]
mod examples_reconnect;
mod exploration;
#[cfg(feature = "server")]
mod faults;
mod framing_chunks;
mod framing_messages;
mod framing_output;
mod framing_read;
mod framing_receive;
mod framing_send;
mod framing_text;
mod framing_through;
mod handshake_client;
mod handshake_server;
mod interop;
mod layers;
mod negotiation;
mod proof;
mod properties;
mod readme;
mod reconnect;
#[cfg(feature = "server")]
mod server;
mod simulation;
mod starlette;
mod starlette_denial;
#[cfg(feature = "serde")]
mod starlette_json;
mod state;
mod support;
mod timers;
mod timers_open;
mod timers_opening;
mod timers_stalled;
