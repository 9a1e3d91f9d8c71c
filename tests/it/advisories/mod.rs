//! Weaknesses of other WebSocket libraries. A test that has an advisory is named after it.
//!
//! `tests/alloc` counts that work is linear and that no memory is reserved for a claim.
//!
//! Out of scope, because nothing here could be wrong:
//!
//! * Bombs for permessage-deflate (CVE-2026-1526 of undici, CVE-2026-39804 of Bandit, CVE-2018-1000518 of Python
//!   websockets, soketto, Java-WebSocket) and `server_max_window_bits` out of range (CVE-2026-2229 of undici): no
//!   extension is negotiated.
//! * Timing of basic authentication (CVE-2021-33880 of Python websockets): the application authenticates.
//! * WebSockets over HTTP/2 (CVE-2024-36387 of Apache httpd): this crate has no HTTP/2 server.
//!   `output::cve_2024_36387_...` tests `Connection::established`, which such a server would use.
//! * Slowloris has no number: `handshake::slowloris_...` here, and `faults::slow` over sockets.

mod frames;
mod handshake;
mod input;
mod lengths;
mod origins;
mod output;
