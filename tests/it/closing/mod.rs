//! The closing handshake and every other end of a connection: RFC 6455 sections 5.5.1 and 7.

mod abnormal;
mod codes;
mod commands;
mod ends;
mod finish;
mod handshake;
mod manual;
