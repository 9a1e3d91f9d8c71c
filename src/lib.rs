#![doc = include_str!("../README.md")]

mod state;

pub use state::{Action, Party, Phase, State, Transition, TransitionError};
