#![doc = include_str!("../README.md")]
#![warn(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

mod close;
mod config;
mod connection;
mod error;
mod event;
mod frame;
pub mod handshake;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod message;
mod moment;
mod output;
mod random;
pub mod reconnect;
#[cfg(feature = "server")]
pub mod server;
mod spare;
mod state;
mod timer;
mod utf8;

pub use config::{CloseReply, Config, Delivery};
pub use connection::{Agreed, BytesRead, Connection, SocketAction};
#[cfg(feature = "serde")]
pub use error::SendJsonError;
pub use error::{
    AcceptError, CloseError, ConnectError, HandshakeError, PingError, ProtocolError, RejectError, SendError,
};
pub use event::{Cause, Disconnect, Event};
pub use http;
pub use message::{Message, SharedMessage};
pub use output::OutputBuffer;
pub use state::{Action, Party, Phase, State, Transition, TransitionError};
pub use timer::Timer;
pub use tungstenite::{
    Bytes, Utf8Bytes,
    protocol::{
        Role,
        frame::{CloseFrame, coding::CloseCode},
    },
};
