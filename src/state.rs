//! The transition table: two parties, six phases, one `match`.
//!
//! This file alone decides whether a transition is legal. It knows no bytes, no role and no time. Both endpoints of a
//! connection use the same table; only [`Connection`](crate::Connection) knows the local party.

use std::fmt;

/// The progress of one party, as this endpoint knows it.
///
/// The names are those of Starlette's `WebSocketState`. The list is complete. A state only changes to one further down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It has not yet done its part of the opening handshake.
    Connecting,
    /// It has done its part of the opening handshake and has not closed.
    Connected,
    /// It has sent its Close, or has gone.
    Disconnected,
}

/// One of the two parties of a connection. The list is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The party that sends the opening request.
    Client,
    /// The server application that answers it.
    Application,
}

/// Something that a party does. The list is complete: the table has no other actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send the opening request, whole and valid (RFC 6455 section 4.1).
    Open,
    /// Answer the request with `101 Switching Protocols` (section 4.2.2).
    Accept,
    /// Answer the request with any other final HTTP response, which rejects it, or serves it if it is plain HTTP.
    Reject,
    /// Send a text or binary message, or a fragment of one (section 5.6).
    Message,
    /// Send a Ping (section 5.5.2).
    Ping,
    /// Send a Pong (section 5.5.3).
    Pong,
    /// Send a Close (section 5.5.1).
    Close,
    /// End the connection without a closing handshake: end of stream, transport error, protocol violation, timeout,
    /// `abort`.
    Abort,
}

/// The joint state of both parties.
///
/// Six of the nine pairs of [`State`]s have a phase. The list is complete. The other three pairs cannot be built,
/// because they cannot occur: an application answers only a request that has come, and a client that leaves before the
/// answer ends the connection.
///
/// ```
/// use statesocket::{Action, Party, Phase, State};
///
/// let requested = Phase::Idle.next(Party::Client, Action::Open)?;
/// assert_eq!((requested.client_state(), requested.application_state()), (State::Connected, State::Connecting));
///
/// let error = requested.next(Party::Application, Action::Message).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "application cannot send a message while the client is connected and the application is connecting"
/// );
/// # Ok::<(), statesocket::TransitionError>(())
/// ```
///
/// # The table
/// The phase after an action. "same" is a transition that keeps the phase; "-" is an error that changes nothing.
///
#[doc = include_str!("state/table.md")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// No complete request yet.
    Idle,
    /// The client has sent its request; the application has not answered.
    Requested,
    /// Messages flow both ways.
    Open,
    /// The client has sent its Close; the application has not.
    ClientClosed,
    /// The application has sent its Close; the client has not.
    ApplicationClosed,
    /// Both parties are disconnected. No action is legal any more.
    Closed,
}

impl State {
    /// Every state, in the order in which a party can have them.
    pub const ALL: [Self; 3] = [Self::Connecting, Self::Connected, Self::Disconnected];
}

impl Party {
    /// Both parties.
    pub const ALL: [Self; 2] = [Self::Client, Self::Application];

    /// The other party.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Application,
            Self::Application => Self::Client,
        }
    }
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 8] =
        [Self::Open, Self::Accept, Self::Reject, Self::Message, Self::Ping, Self::Pong, Self::Close, Self::Abort];
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Requested, Self::Open, Self::ClientClosed, Self::ApplicationClosed, Self::Closed];

    /// The state of the party that sent the opening request.
    #[must_use]
    pub const fn client_state(self) -> State {
        match self {
            Self::Idle => State::Connecting,
            Self::Requested | Self::Open | Self::ApplicationClosed => State::Connected,
            Self::ClientClosed | Self::Closed => State::Disconnected,
        }
    }

    /// The state of the application that answers the opening request.
    #[must_use]
    pub const fn application_state(self) -> State {
        match self {
            Self::Idle | Self::Requested => State::Connecting,
            Self::Open | Self::ClientClosed => State::Connected,
            Self::ApplicationClosed | Self::Closed => State::Disconnected,
        }
    }

    /// The state of `party`.
    #[must_use]
    pub const fn state_of(self, party: Party) -> State {
        match party {
            Party::Client => self.client_state(),
            Party::Application => self.application_state(),
        }
    }

    /// The phase after `party` has done `action` in this phase: **the** transition table.
    ///
    /// # Errors
    /// [`TransitionError`] if the table does not allow the action.
    pub const fn next(self, party: Party, action: Action) -> Result<Self, TransitionError> {
        use Action::{Abort, Accept, Close, Message, Ping, Pong, Reject};
        use Party::{Application, Client};
        use Phase::{ApplicationClosed, ClientClosed, Closed, Idle, Open, Requested};

        Ok(match (party, action, self) {
            (Client, Action::Open, Idle) => Requested,
            (Application, Accept, Requested) => Open,
            (Application, Reject, Requested) => Closed,

            (Client, Message | Ping, Open | ApplicationClosed) => self,
            (Application, Message | Ping, Open | ClientClosed) => self,
            // Section 5.5.2: "an endpoint MUST send a Pong frame in response, unless it already received a Close
            // frame." A Close that was sent does not matter.
            (Client | Application, Pong, Open | ClientClosed | ApplicationClosed) => self,

            (Client, Close, Open) => ClientClosed,
            (Client, Close, ApplicationClosed) => Closed,
            (Application, Close, Open) => ApplicationClosed,
            (Application, Close, ClientClosed) => Closed,

            (Client | Application, Abort, Idle | Requested | Open | ClientClosed | ApplicationClosed) => Closed,

            (Client, Action::Open, Requested | Open | ClientClosed | ApplicationClosed | Closed)
            | (Client, Accept | Reject, Idle | Requested | Open | ClientClosed | ApplicationClosed | Closed)
            | (Client, Message | Ping | Close, Idle | Requested | ClientClosed | Closed)
            | (Application, Action::Open, Idle | Requested | Open | ClientClosed | ApplicationClosed | Closed)
            | (Application, Accept | Reject, Idle | Open | ClientClosed | ApplicationClosed | Closed)
            | (Application, Message | Ping | Close, Idle | Requested | ApplicationClosed | Closed)
            | (Client | Application, Pong, Idle | Requested | Closed)
            | (Client | Application, Abort, Closed) => return Err(TransitionError { phase: self, party, action }),
        })
    }
}

/// One legal step in the table: an action, and the phases before and after it, which may be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Transition {
    /// The phase before.
    pub from: Phase,
    /// The party that acts.
    pub party: Party,
    /// Its action.
    pub action: Action,
    /// The phase after.
    pub to: Phase,
}

impl Transition {
    /// Every transition, ordered by phase, party and action as in their `ALL`.
    ///
    /// ```
    /// use statesocket::{Action, Transition};
    ///
    /// let aborts = Transition::all().filter(|transition| transition.action == Action::Abort).count();
    /// assert_eq!(aborts, 2 * 5, "either party, in every phase but the last");
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        Phase::ALL.into_iter().flat_map(|from| {
            Party::ALL.into_iter().flat_map(move |party| {
                Action::ALL
                    .into_iter()
                    .filter_map(move |action| from.next(party, action).ok().map(|to| Self { from, party, action, to }))
            })
        })
    }
}

/// The party, its action, and both states with their changes: one line for a log.
impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}:", self.party, self.action)?;
        for party in Party::ALL {
            let (before, after) = (self.from.state_of(party), self.to.state_of(party));
            write!(f, " {party}_state {before}")?;
            if after != before {
                write!(f, " -> {after}")?;
            }
        }
        Ok(())
    }
}

/// A transition that the table does not allow. The attempt has changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error(
    "{party} cannot {action} while the client is {} and the application is {}",
    phase.client_state(),
    phase.application_state()
)]
#[non_exhaustive]
pub struct TransitionError {
    /// The phase at the time of the attempt. It has both states.
    pub phase: Phase,
    /// The party that tried.
    pub party: Party,
    /// The action that it tried.
    pub action: Action,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
        })
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Application => "application",
        })
    }
}

/// The action as a verb, to follow "cannot".
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "send the opening request",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Message => "send a message",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Close => "close",
            Self::Abort => "abort",
        })
    }
}
