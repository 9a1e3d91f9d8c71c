//! What was wrong with other WebSocket libraries, and is to be right here: each test is named after the advisory.
//!
//! That work is linear and memory is not reserved is shown by counting, in `tests/alloc.rs`.
//!
//! Out of scope, because there is nothing here that could be wrong:
//!
//! * Bombs for permessage-deflate (CVE-2026-1526 of undici, CVE-2026-39804 of Bandit, CVE-2018-1000518 of Python
//!   websockets, soketto, Java-WebSocket) and `server_max_window_bits` out of range (CVE-2026-2229 of undici): no
//!   extension is negotiated.
//! * Timing of basic authentication (CVE-2021-33880 of Python websockets): authentication is the application's.
//! * WebSockets over HTTP/2 (CVE-2024-36387 of Apache httpd): the HTTP/2 server is somebody else's; what it would use of
//!   this crate, `Connection::established`, is tested in `output::cve_2024_36387_...`.
//! * Slowloris has no number; `faults::slow` has it over sockets, and `handshake::slowloris_...` here.

mod frames;
mod handshake;
mod input;
mod lengths;
mod origins;
mod output;
