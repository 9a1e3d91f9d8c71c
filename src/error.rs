//! What can go wrong, by whose fault.
//!
//! A local mistake is an `Err` of one of the small enums here, one an operation, and it has changed nothing: no state,
//! no bytes, no timer. A peer's fault is never an `Err`: it is the [`Cause`](crate::Cause) of the one
//! [`Disconnect`](crate::Disconnect), as a [`ProtocolError`] or a [`HandshakeError`].

mod handshake;
mod local;
mod protocol;

pub use handshake::HandshakeError;
#[cfg(feature = "serde")]
pub use local::SendJsonError;
pub use local::{AcceptError, CloseError, ConnectError, PingError, RejectError, SendError};
pub use protocol::ProtocolError;
