//! The claimed length of a frame: arithmetic with it, and the memory that is reserved for it.

mod arithmetic;
#[cfg(feature = "server")]
mod claims;
