//! What an opening handshake agrees on.

#[cfg(feature = "deflate")]
use crate::deflate::AgreedDeflate;

/// The result of an opening handshake that was done elsewhere. The default is no subprotocol and no extension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Agreed {
    /// The subprotocol.
    pub subprotocol: Option<String>,
    /// The seed of all randomness, for tests; see [`Connect::seed`](crate::handshake::Connect::seed).
    pub seed: Option<[u8; 32]>,
    /// What is agreed on for permessage-deflate, if it is; see [`handshake::deflate`](crate::handshake::deflate).
    /// [`Config::deflate`](crate::Config::deflate) has the choices of this end; the default ones if it is `None`.
    #[cfg(feature = "deflate")]
    pub deflate: Option<AgreedDeflate>,
}

impl Agreed {
    /// No subprotocol, no extension.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the subprotocol.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Sets the seed.
    #[must_use]
    pub const fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the agreement on permessage-deflate.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(mut self, deflate: AgreedDeflate) -> Self {
        self.deflate = Some(deflate);
        self
    }
}
