//! Errors: mistakes of your code, and faults of the peer.
//!
//! A local mistake is an `Err`: one small enum per operation. It has changed nothing: no state, no bytes, no timer. A
//! fault of the peer is never an `Err`. It is a [`ProtocolError`] or a [`HandshakeError`] in the
//! [`Cause`](crate::Cause) of the one [`Disconnect`](crate::Disconnect).

#[cfg(feature = "deflate")]
mod deflate;
mod handshake;
mod local;
mod protocol;

#[cfg(feature = "deflate")]
pub use deflate::InvalidDeflate;
pub use handshake::HandshakeError;
#[cfg(feature = "serde")]
pub use local::SendJsonError;
pub use local::{
    AcceptError, CloseError, ConnectError, InvalidHeader, PingError, RejectError, SendError, SetConfigError,
};
pub use protocol::ProtocolError;
