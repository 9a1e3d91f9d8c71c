//! Client and server.

use crate::state::Party;

/// An end of a connection: the client's or the server's. The list is complete: RFC 6455 defines no other roles.
///
/// ```
/// use statesocket::{Party, Role};
///
/// assert_eq!(Role::Server.party(), Party::Application);
/// assert_eq!(Role::Server.peer(), Role::Client);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that sends the opening request. It masks its frames.
    Client,
    /// The end that answers the request.
    Server,
}

impl Role {
    /// Both roles.
    pub const ALL: [Self; 2] = [Self::Client, Self::Server];

    /// The party at this end.
    #[must_use]
    pub const fn party(self) -> Party {
        match self {
            Self::Client => Party::Client,
            Self::Server => Party::Application,
        }
    }

    /// The role of the peer.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
