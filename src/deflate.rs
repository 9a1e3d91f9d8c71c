//! permessage-deflate: RFC 7692.

mod agreed;
pub(crate) mod compress;
mod compressor;
pub(crate) mod engines;
mod history;
pub(crate) mod inflate;
mod memory;
mod noise;
mod options;
#[cfg(test)]
mod tests;

pub use agreed::AgreedDeflate;
pub(crate) use agreed::Direction;
pub use options::{Deflate, Window};
pub(crate) use options::{MAX_BITS, MIN_BITS};
