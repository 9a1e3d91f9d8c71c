//! The length that a frame claims: arithmetic with it, and the memory that is reserved for it.

mod arithmetic;
#[cfg(feature = "server")]
mod claims;
