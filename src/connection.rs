//! The connection: what both parties have done, and what may come next.

mod clock;
mod close;
mod established;
mod farewell;
mod incoming;
mod opening;
mod outgoing;
mod progress;
mod read;
mod receive;
mod send;
mod time;
mod transmit;
mod transport;

pub use established::Agreed;
pub use read::BytesRead;
pub use transmit::SocketAction;

use crate::{
    config::Config,
    event::Disconnect,
    handshake::{Connect, response_reader::ResponseReader},
    random::Random,
    state::{Action, Party, Phase, State, Transition, TransitionError},
};
use clock::Clock;
use farewell::Farewell;
use incoming::Incoming;
use outgoing::Outgoing;
use progress::Progress;
use std::{sync::Arc, time::Instant};
use transport::Transport;
use tungstenite::protocol::Role;

/// One endpoint of a WebSocket connection, without a socket, a clock or a thread.
///
/// The methods fall into four groups.
///
/// * **A, getters.** What is known of both parties: [`phase`](Self::phase), [`client_state`](Self::client_state),
///   [`application_state`](Self::application_state), [`disconnect`](Self::disconnect), ...
/// * **B, from the network and the clock.** [`receive`](Self::receive), [`read_from`](Self::read_from),
///   [`poll_event`](Self::poll_event), [`receive_eof`](Self::receive_eof),
///   [`transport_failed`](Self::transport_failed), [`poll_timeout`](Self::poll_timeout),
///   [`handle_timeout`](Self::handle_timeout). What the peer does wrong is an event; the only error is that of the
///   stream that `read_from` is given.
/// * **C, from the application.** [`accept`](Self::accept), [`reject`](Self::reject), [`send_text`](Self::send_text),
///   [`send_binary`](Self::send_binary), [`ping`](Self::ping), [`close`](Self::close), [`abort`](Self::abort), ... An
///   `Err` has changed nothing: no state, no bytes, no timer.
/// * **D, to the network.** [`transmit`](Self::transmit), [`advance`](Self::advance), [`write_to`](Self::write_to),
///   [`poll_socket`](Self::poll_socket).
///
/// Who drives a connection repeats: write what `transmit` has, do what `poll_socket` says, wait until the socket is
/// readable or the time of `poll_timeout`, hand in what came, take the events until there are none. Instants given to
/// one connection must not go back.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    config: Arc<Config>,
    subprotocol: Option<Box<str>>,
    /// The phase.
    progress: Progress,
    /// From the peer's bytes to what it did.
    incoming: Incoming,
    /// From what we do to our bytes.
    outgoing: Outgoing,
    /// The stream below.
    transport: Transport,
    /// The one `Disconnect`.
    farewell: Farewell,
    /// The deadlines.
    clock: Clock,
}

/// Of a hundred thousand idle connections every byte counts; what only some need is boxed.
const _: () = assert!(size_of::<Connection>() <= 320);

impl Connection {
    /// The server's end of a connection that begins now; the request comes in as bytes.
    #[must_use]
    pub fn server(config: Arc<Config>, now: Instant) -> Self {
        Self::new(Role::Server, Phase::Idle, Incoming::Request(Box::default()), None, config, now)
    }

    /// The client's end of a connection that begins now; the request is queued.
    ///
    /// ```
    /// use statesocket::{Config, Connection, Phase, handshake::Connect};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let connect = Connect::new("ws://example.com/chat")?;
    /// let connection = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
    /// assert_eq!(connection.phase(), Phase::Requested);
    /// assert!(connection.transmit().starts_with(b"GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
    /// # Ok::<(), statesocket::ConnectError>(())
    /// ```
    #[must_use]
    pub fn client(connect: &Connect, config: Arc<Config>, now: Instant) -> Self {
        let mut random = connect.random();
        let key = data_encoding::BASE64.encode(&random.nonce());
        let incoming = Incoming::Response(Box::new(ResponseReader::new(connect, &key)));
        let mut connection = Self::new(Role::Client, Phase::Idle, incoming, Some(random), config, now);
        connection.outgoing.output.write(|output| connect.encode(&key, output));
        connection.transition(Party::Client, Action::Open);
        connection.tell_time(now);
        connection
    }

    fn new(
        role: Role,
        phase: Phase,
        incoming: Incoming,
        random: Option<Random>,
        config: Arc<Config>,
        now: Instant,
    ) -> Self {
        Self {
            role,
            config,
            subprotocol: None,
            progress: Progress::new(phase),
            incoming,
            outgoing: Outgoing::new(random),
            transport: Transport::NEW,
            farewell: Farewell::default(),
            clock: Clock::new(now),
        }
    }

    /// The joint state of both parties.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.progress.phase()
    }

    /// The state of the party that sent the opening request.
    #[must_use]
    pub const fn client_state(&self) -> State {
        self.phase().client_state()
    }

    /// The state of the server application that answers it.
    #[must_use]
    pub const fn application_state(&self) -> State {
        self.phase().application_state()
    }

    /// The moves that led to the present phase, in order: those that changed it, at most four.
    ///
    /// ```
    /// use statesocket::{Action, Config, Connection, Party, handshake::Connect};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let connect = Connect::new("ws://example.com/")?;
    /// let connection = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
    /// let [opened] = connection.history() else { panic!() };
    /// assert_eq!((opened.party, opened.action), (Party::Client, Action::Open));
    /// # Ok::<(), statesocket::ConnectError>(())
    /// ```
    #[must_use]
    pub fn history(&self) -> &[Transition] {
        self.progress.moves()
    }

    /// Which end this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The party at this end: the client's on a client, the application on a server.
    #[must_use]
    pub const fn local_party(&self) -> Party {
        match self.role {
            Role::Client => Party::Client,
            Role::Server => Party::Application,
        }
    }

    /// The subprotocol agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// How the connection ended, once it has. With [`CloseReply::Manual`](crate::CloseReply::Manual) it is brought up
    /// to date by our own Close.
    #[must_use]
    pub fn disconnect(&self) -> Option<&Disconnect> {
        self.farewell.disconnect()
    }

    /// Whether messages may be sent now.
    ///
    /// ```
    /// use statesocket::{Action, Config, Connection};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let connection = Connection::server(Arc::new(Config::default()), Instant::now());
    /// assert!(!connection.can_send());
    /// assert!(connection.can(Action::Abort));
    /// ```
    #[must_use]
    pub const fn can_send(&self) -> bool {
        self.can(Action::Message)
    }

    /// Whether the table allows the local party `action` now.
    #[must_use]
    pub const fn can(&self, action: Action) -> bool {
        self.check(action).is_ok()
    }

    /// The limits and choices that the connection was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the table lets the local party do `action`; nothing is changed.
    const fn check(&self, action: Action) -> Result<(), TransitionError> {
        self.progress.check(self.local_party(), action)
    }

    /// Makes a move that the table allows.
    #[inline]
    fn transition(&mut self, party: Party, action: Action) {
        if let Some(phase) = self.progress.make(party, action) {
            self.clock.phase_began(phase);
        }
    }
}
