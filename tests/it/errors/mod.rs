//! Every error: the call that produces it, its message, and that the refused call changed nothing.

mod connection;
mod handshake;
mod sections;
