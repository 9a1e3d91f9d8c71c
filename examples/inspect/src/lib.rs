//! Reads captured WebSocket connections, and names the first rule that an end breaks.
//!
//! The client's bytes go through a server's [`Connection`](statesocket::Connection), and the server's through a
//! client's. These two judge, as a receiver would. The headers of frames are read beside them, since a connection hands
//! out messages, and nothing of a frame that it refuses.
//!
//! | module | from | to |
//! |---|---|---|
//! | [`capture`] | a pcap or pcapng file | segments of TCP |
//! | [`flow`] | segments of one direction | its bytes in order |
//! | [`follow`] | segments of all connections | conversations, one per connection |
//! | [`conversation`] | the bytes of both ends | findings |
//! | [`opening`] | the heads of the handshake | what both ends have agreed on |
//! | [`receiver`], [`frames`] | the frames of one direction | opcodes and lengths, and the verdict of the receiver |
//! | [`rules`] | an error of the library | the rule, with a sentence of its RFC |
//! | [`hex`] | a hex dump | findings, by one conversation |
//! | [`report`] | findings | text, colours, JSON |
//!
//! The input is not trusted: no bytes cause a panic, and the limits of [`follow`] and [`conversation`] bound the
//! memory.

pub mod capture;
pub mod conversation;
pub mod finding;
pub mod flow;
pub mod follow;
pub mod frames;
pub mod hex;
pub mod opening;
pub mod receiver;
pub mod report;
pub mod rules;
