#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

mod agreed;
pub mod blocking;
mod close_code;
mod close_frame;
mod config;
mod connection;
mod conversions;
#[cfg(feature = "deflate")]
mod deflate;
mod error;
mod event;
mod frame;
pub mod guide;
pub mod handshake;
mod inbox;
#[cfg(feature = "_internals")]
#[doc(hidden)]
pub mod internals;
mod message;
mod moment;
mod output;
mod random;
pub mod reconnect;
mod role;
#[cfg(feature = "server")]
pub mod server;
mod spare;
mod state;
#[cfg(all(feature = "server", feature = "testing"))]
pub mod testing;
mod timer;
#[cfg(feature = "tokio")]
pub mod tokio;
mod utf8;

pub use agreed::Agreed;
pub use bytes;
pub use close_code::CloseCode;
pub use close_frame::CloseFrame;
pub use config::{CloseReply, Config, Delivery};
pub use connection::{BytesRead, Connection, Hold, SocketAction};
#[cfg(feature = "deflate")]
pub use deflate::{AgreedDeflate, Deflate, Window};
#[cfg(feature = "deflate")]
pub use error::InvalidDeflate;
#[cfg(feature = "serde")]
pub use error::SendJsonError;
pub use error::{
    AcceptError, CloseError, ConnectError, HandshakeError, InvalidHeader, PingError, ProtocolError, RejectError,
    SendError, SetConfigError,
};
pub use event::{Cause, CauseKind, Disconnect, Event, NotOpened};
pub use http;
pub use inbox::Inbox;
pub use message::{Message, SharedMessage, SharedMessages};
pub use output::OutputBuffer;
pub use role::Role;
pub use state::{Action, Party, Phase, State, Transition, TransitionError};
pub use timer::Timer;
