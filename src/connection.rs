//! The connection: a facade over private types, each of which keeps its own invariants.

mod abort;
mod clock;
mod closing;
mod compression;
mod debug;
mod ending;
mod fragments;
mod hold;
mod incoming;
mod opening;
mod outcome;
mod outgoing;
mod output;
mod progress;
mod read;
mod receive;
mod send;
mod share;
mod time;
mod transport;

pub use hold::Hold;
pub use read::BytesRead;
pub use transport::SocketAction;

#[cfg(feature = "deflate")]
use crate::deflate::AgreedDeflate;
use crate::{
    agreed::Agreed,
    config::Config,
    event::Disconnect,
    handshake::{Connect, response_reader::ResponseReader},
    message::reader::Reader,
    random::Random,
    role::Role,
    state::{Action, Party, Phase, State, Transition, TransitionError},
};
use clock::Clock;
use incoming::Incoming;
use outcome::Outcome;
use outgoing::{Marks, Outgoing};
use progress::Progress;
use std::{sync::Arc, time::Instant};
use transport::Transport;

/// One endpoint of a WebSocket connection, without a socket, a clock or a thread.
///
/// The methods fall into four groups.
///
/// * **A, getters:** the states of both parties, as this endpoint knows them. [`phase`](Self::phase),
///   [`client_state`](Self::client_state), [`application_state`](Self::application_state),
///   [`disconnected`](Self::disconnected), ...
/// * **B, input:** bytes of the peer and the time. [`receive`](Self::receive), [`read_from`](Self::read_from),
///   [`poll_event`](Self::poll_event), [`receive_eof`](Self::receive_eof),
///   [`transport_failed`](Self::transport_failed), [`poll_timeout`](Self::poll_timeout),
///   [`handle_timeout`](Self::handle_timeout). The peer's faults are events. Only `read_from` can fail, if its stream
///   does.
/// * **C, commands:** calls by which your code acts. [`accept`](Self::accept), [`reject`](Self::reject),
///   [`respond`](Self::respond), [`send_text`](Self::send_text), [`send_binary`](Self::send_binary),
///   [`ping`](Self::ping), [`close`](Self::close), [`abort`](Self::abort), ... A command that returns `Err` has
///   changed nothing: no state, no bytes, no timer.
/// * **D, output:** bytes for the peer and steps for the socket. [`output`](Self::output),
///   [`advance`](Self::advance), [`write_to`](Self::write_to), [`poll_socket`](Self::poll_socket).
///
/// A driver repeats five steps, in this order: write, wait, read, react, pass the time. The [crate page](crate) has
/// them in full, and [`Inbox`](crate::Inbox) shows a loop. The instants given to one connection must not go back.
pub struct Connection {
    role: Role,
    config: Arc<Config>,
    /// In 8 bytes, to save memory: few connections have one.
    subprotocol: Option<Box<Box<str>>>,
    #[cfg(feature = "deflate")]
    deflate: Option<AgreedDeflate>,
    /// The phase.
    progress: Progress,
    /// From the peer's bytes to events.
    incoming: Incoming,
    /// From commands to our bytes.
    outgoing: Outgoing,
    /// The stream below.
    transport: Transport,
    /// The Close frames and the one `Disconnect`.
    outcome: Outcome,
    /// The deadlines.
    clock: Clock,
}

/// A server holds many idle connections, so the parts that only some of them need are boxed.
const _: () = assert!(size_of::<Connection>() <= 320);

/// # Construction
impl Connection {
    /// The server's end of a new connection. The request comes in as bytes.
    #[must_use]
    pub fn server(config: Arc<Config>, now: Instant) -> Self {
        Self::new(Role::Server, Phase::Idle, Incoming::request(), None, None, config, now)
    }

    /// The client's end of a new connection. The request is queued.
    ///
    /// The system seeds the key of the handshake and the masking keys, unless `connect` has a seed. After a `fork`, new
    /// connections of both processes have keys of their own. Only one of the processes may go on with a connection that
    /// exists before: its masking keys would be the same in the other.
    ///
    /// ```
    /// use statesocket::{Config, Connection, Phase, handshake::Connect};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let connect = Connect::new("ws://example.com/chat")?;
    /// let connection = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
    /// assert_eq!(connection.phase(), Phase::Requested);
    /// assert!(connection.output().starts_with(b"GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
    /// # Ok::<(), statesocket::ConnectError>(())
    /// ```
    #[must_use]
    pub fn client(connect: &Connect, config: Arc<Config>, now: Instant) -> Self {
        let mut random = connect.random();
        let key = connect.draw_key(&mut random);
        let incoming = Incoming::response(ResponseReader::new(connect.expected(Some(&key))));
        let mut connection = Self::new(Role::Client, Phase::Idle, incoming, Some(random), None, config, now);
        connection.outgoing.write_head(|head| connect.encode(&key, &connection.config, head));
        connection.transition(Party::Client, Action::Open);
        connection.stamp(now);
        connection
    }

    #[inline(always)]
    fn new(
        role: Role,
        phase: Phase,
        incoming: Incoming,
        random: Option<Random>,
        subprotocol: Option<Box<Box<str>>>,
        config: Arc<Config>,
        now: Instant,
    ) -> Self {
        Self {
            role,
            config,
            subprotocol,
            #[cfg(feature = "deflate")]
            deflate: None,
            progress: Progress::new(phase),
            incoming,
            outgoing: Outgoing::new(random),
            transport: Transport::NEW,
            outcome: Outcome::default(),
            clock: Clock::new(now),
        }
    }
}

/// # A: getters
impl Connection {
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

    /// The transitions that changed the phase, in order; at most four.
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
        self.progress.history()
    }

    /// Whether this is the client's or the server's end.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Party, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// let agreed = Agreed::new().subprotocol("chat");
    /// let connection = Connection::established(Role::Server, agreed, config, now);
    /// assert_eq!((connection.role(), connection.local_party()), (Role::Server, Party::Application));
    /// assert_eq!(connection.subprotocol(), Some("chat"));
    /// assert_eq!(connection.config(), &Config::default());
    /// ```
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The party at this end: the client on a client's end, the application on a server's.
    #[must_use]
    pub const fn local_party(&self) -> Party {
        self.role.party()
    }

    /// The subprotocol that both parties agreed on; `None` before the answer, or if there is none.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref().map(|name| &**name)
    }

    /// What both parties agreed on for permessage-deflate; `None` before the answer, or if nothing is compressed.
    ///
    /// ```
    /// # use statesocket::{Config, Connection};
    /// # use std::{sync::Arc, time::Instant};
    /// let connection = Connection::server(Arc::new(Config::default()), Instant::now());
    /// assert_eq!(connection.deflate(), None);
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(&self) -> Option<AgreedDeflate> {
        self.deflate
    }

    /// The end of the connection, once its [`Event::Disconnect`](crate::Event::Disconnect) has been handed out. With
    /// [`CloseReply::Manual`](crate::CloseReply::Manual) it gets our own Close as soon as that is sent.
    #[must_use]
    pub fn disconnected(&self) -> Option<&Disconnect> {
        self.outcome.disconnect()
    }

    /// Whether both parties have closed and the transport has taken our Close.
    ///
    /// [`Disconnect::is_clean`] counts our Close as soon as it is queued. This is final once the last byte has been
    /// written or dropped: it stays `false` if the transport fails, or a timer expires, before our Close has left.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Event, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// let mut close = *b"\x88\x80\0\0\0\0";
    /// let Some(Event::Disconnect(end)) = connection.receive(&mut &mut close[..], now) else { panic!() };
    /// assert!(end.is_clean && !connection.has_closed_cleanly(), "our Close is queued");
    /// connection.write_to(std::io::sink())?;
    /// assert!(connection.has_closed_cleanly());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn has_closed_cleanly(&self) -> bool {
        self.outcome.is_clean() && self.clock.is_mark_written()
    }

    /// Whether this end may send messages now.
    ///
    /// ```
    /// use statesocket::{Action, Config, Connection};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let connection = Connection::server(Arc::new(Config::default()), Instant::now());
    /// assert!(!connection.can_send());
    /// assert!(connection.can(Action::Abort));
    /// ```
    #[doc(alias("can_write", "is_open"))]
    #[must_use]
    pub const fn can_send(&self) -> bool {
        self.can(Action::Message)
    }

    /// Whether the table allows the local party `action` now.
    #[must_use]
    pub const fn can(&self, action: Action) -> bool {
        self.check(action).is_ok()
    }

    /// The configuration: the one that the connection was made with, or that of [`set_config`](Self::set_config).
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Checks that the table allows the local party `action`; changes nothing.
    const fn check(&self, action: Action) -> Result<(), TransitionError> {
        self.progress.check(self.local_party(), action)
    }

    /// Reads frames from now on, as the opening handshake has agreed.
    fn open(&mut self, agreed: Agreed) {
        self.incoming.open(reader(self.role, &self.config, &agreed));
        #[cfg(feature = "deflate")]
        self.compress(agreed.deflate);
        self.subprotocol = agreed.subprotocol.map(|name| Box::new(name.into_boxed_str()));
    }

    /// Compresses messages from now on, if that is agreed on.
    #[cfg(feature = "deflate")]
    #[inline]
    fn compress(&mut self, agreed: Option<AgreedDeflate>) {
        self.deflate = agreed;
        if agreed.is_some() {
            self.outgoing.leave_fast_path();
        }
    }

    /// The marks of the output.
    #[inline]
    fn marks(&self) -> Marks {
        Marks::new(self.role, &self.config)
    }

    /// Makes a transition, which the table must allow.
    #[inline]
    fn transition(&mut self, party: Party, action: Action) {
        if let Some(phase) = self.progress.make(party, action) {
            self.clock.phase_began(phase, phase.state_of(self.local_party()));
        }
    }
}

/// Reads frames as the opening handshake has agreed.
fn reader(
    role: Role,
    config: &Config,
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables))] agreed: &Agreed,
) -> Reader {
    #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "only compression changes it"))]
    let mut reader = Reader::new(role, config);
    #[cfg(feature = "deflate")]
    reader.expect_compressed(agreed.deflate.map(|deflate| deflate.of(role.peer())));
    reader
}
