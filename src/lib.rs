#![doc = include_str!("../README.md")]

mod close;
mod error;
mod frame;
mod random;
mod state;
mod utf8;

pub use error::{
    AcceptError, CloseError, ConnectError, HandshakeError, PingError, ProtocolError, RejectError, SendError,
};
pub use state::{Action, Party, Phase, State, Transition, TransitionError};
