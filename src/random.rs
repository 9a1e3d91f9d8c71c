//! Masking keys, handshake keys, and delays.

use crate::frame::MaskKey;
use rand::{
    Rng, RngExt, SeedableRng,
    rngs::{StdRng, SysRng},
};
use std::fmt;

/// A cryptographically secure generator. The operating system seeds it unless the caller does, so after a `fork` new
/// generators of the two processes differ. One that exists before the `fork` repeats itself in both.
///
/// RFC 6455 section 5.3: "the masking key MUST be derived from a strong source of entropy, and the masking key for a
/// given frame MUST NOT make it simple for a server/proxy to predict the masking key for a subsequent frame."
pub(crate) struct Random(Box<StdRng>);

impl Random {
    pub(crate) fn from_seed(seed: [u8; 32]) -> Self {
        Self(Box::new(StdRng::from_seed(seed)))
    }

    // Not `make_rng`: a feature of `rand` makes it seed from a generator of the thread, which a `fork` copies.
    #[expect(clippy::disallowed_methods, reason = "the one place where entropy enters when the caller gave no seed")]
    pub(crate) fn from_system() -> Self {
        Self(Box::new(StdRng::try_from_rng(&mut SysRng).expect("the operating system gives random bytes")))
    }

    pub(crate) fn mask_key(&mut self) -> MaskKey {
        self.0.next_u32().to_ne_bytes()
    }

    /// Section 4.1: "a nonce consisting of a randomly selected 16-byte value".
    pub(crate) fn nonce(&mut self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.0.fill_bytes(&mut nonce);
        nonce
    }

    /// A number from 0 to `last`, uniformly distributed.
    pub(crate) fn up_to(&mut self, last: u64) -> u64 {
        self.0.random_range(0..=last)
    }
}

/// Hides the state, from which all future keys could be computed.
impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
