//! Several loops that serve one address.

mod hand_over;
mod listeners;
mod loops;
mod start;

pub use loops::{Loops, Sharing};

use super::{Server, handle::Handle, spawn::SpawnError, tally::Tally};
use crate::Config;
use std::{
    error::Error,
    io, mem,
    net::{SocketAddr, ToSocketAddrs},
    panic::resume_unwind,
    thread::{self, JoinHandle},
};

/// Several event loops that serve one address, each on a thread of its own, for programs that need more than one core.
///
/// A session stays on the loop that got its connection, and its handler on the thread of that loop: handlers need not
/// be `Send`. All else is as with one [`Server`], also for handlers: the [`Handle`] of any loop reaches the sessions of
/// all, by ids that name the loop. [`Session::publish`](super::Session::publish) reaches the members of a room on all
/// loops, and [`members`](super::Session::members) counts them.
///
/// ```
/// use statesocket::{Config, SharedMessage, blocking::WebSocket, handshake::{Accept, Connect, Request}};
/// use statesocket::{Message, server::{Cluster, Handler, RouteError, Server, Session}};
/// use std::time::Duration;
///
/// struct Member;
///
/// impl Handler for Member {
///     fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
///         session.accept(Accept::new()).expect("the request has just come");
///         session.join("lobby").expect("the session is open");
///     }
///
///     fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
///         session.publish("lobby", &SharedMessage::from(&message));
///     }
/// }
///
/// /// Called on the thread of each loop.
/// fn set_up(server: &mut Server, _number: usize) -> Result<(), RouteError> {
///     server.route("/", || Member)
/// }
///
/// let cluster = Cluster::spawn("127.0.0.1:0", Config::default(), 2, set_up)?;
/// let connect = Connect::new(&format!("ws://{}/", cluster.local_addr()))?;
/// let mut members = Vec::new();
/// for _ in 0..8 {
///     let mut member = WebSocket::connect(&connect, Config::default())?;
///     member.opened()?;
///     members.push(member);
/// }
/// members[0].send("hello")?;
/// for member in &mut members {
///     assert_eq!(member.recv()?.as_text(), Some("hello"), "whatever loop has the member");
/// }
/// cluster.handle().shutdown(1001, Duration::from_secs(1))?;
/// for member in &mut members {
///     assert_eq!(member.recv().unwrap_err().code, 1001);
/// }
/// assert_eq!(cluster.join()?.accepted, 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Messages between loops
/// A message for a room is encoded once, and is one command per loop that has members. A loop queues it in the sessions
/// that are members when it gets there. So each member gets the messages of each sender in their order; messages of
/// senders on different loops may come to two members in different orders. While a loop is more than
/// [`Limits::max_command_bytes`](super::Limits::max_command_bytes) behind, messages of sessions on other loops miss it:
/// [`on_unsent`](super::Handler::on_unsent) of each member then decides once what becomes of the member, by default
/// 1013.
///
/// # Limits
/// Limits are per loop, since the loops do not ask each other. Before `set_up`, each loop has its part of the defaults,
/// as [`Limits::shared_by`](super::Limits::shared_by) divides them, and of the open files of the process. If `set_up`
/// sets limits, they are those of one loop. A full loop refuses connections even if another one has room.
///
/// # Stopping
/// [`Handle::shutdown`], [`Handle::stop`] and [`Handle::stop_accepting`] stop all loops, of which each
/// [spreads](super::Shutdown::spread) its own Closes. Do not stop one alone, by
/// [`Handle::run`]: the clients in its backlog are refused, while the others serve. If a loop fails, which only an
/// error of the system or a bug can cause, the others close their sessions with 1011 and end, and [`join`](Self::join)
/// says why.
///
/// Dropping a cluster [stops](Handle::stop) it at once and waits for the end of its threads. A handler that drops its
/// own cluster does not wait.
#[derive(Debug)]
#[must_use = "dropping it stops the cluster"]
pub struct Cluster {
    handle: Handle,
    local_addr: SocketAddr,
    /// Empty once they have been joined.
    threads: Vec<JoinHandle<io::Result<Tally>>>,
}

impl Cluster {
    /// Listens on the first of the addresses that can be listened on, makes the loops on new threads, has `set_up` add
    /// the routes of each loop there, and runs them once all are set up. `set_up` gets the number of the loop, from 0
    /// on. With port 0 all loops have the port that the system has chosen.
    ///
    /// # Errors
    /// [`SpawnError::Io`] for the errors of [`Server::bind`], also if only one of the loops has it, and if the system
    /// has no thread. Its kind is [`InvalidInput`](io::ErrorKind::InvalidInput) for no loops, and
    /// [`Unsupported`](io::ErrorKind::Unsupported) for [`Sharing::System`] where the system does not balance.
    /// [`SpawnError::SetUp`] for the first error of `set_up`. Then nothing listens, and no thread is left.
    ///
    /// # Panics
    /// If `set_up` panics, with its payload.
    pub fn spawn<E: Into<Box<dyn Error + Send + Sync>>>(
        address: impl ToSocketAddrs,
        config: Config,
        loops: impl Into<Loops>,
        set_up: impl Fn(&mut Server, usize) -> Result<(), E> + Send + Sync + 'static,
    ) -> Result<Self, SpawnError> {
        let listeners = listeners::listen(address, &loops.into()).map_err(SpawnError::Io)?;
        let local_addr = listeners.local_addr;
        let set_up = move |server: &mut Server, number| set_up(server, number).map_err(Into::into);
        let (handle, threads) = start::start(listeners, &config, set_up)?;
        Ok(Self { handle, local_addr, threads })
    }

    /// A handle, with which any thread reaches the sessions of all loops and stops them.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The address that all loops serve. If `spawn` got port 0, the port here is the one that the system has chosen.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Waits until the loops have been stopped, by a [`Handle`], and every connection has ended. Returns what became of
    /// the connections of all loops together.
    ///
    /// # Errors
    /// The first of [`Server::run`], once all threads have ended.
    ///
    /// # Panics
    /// If a thread has panicked, with its payload, once all threads have ended.
    pub fn join(mut self) -> io::Result<Tally> {
        let ends: Vec<_> = mem::take(&mut self.threads).into_iter().map(JoinHandle::join).collect();
        let mut sum = Tally::default();
        for end in ends {
            sum.add(&end.unwrap_or_else(|payload| resume_unwind(payload))?);
        }
        Ok(sum)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // An error means that the loops have stopped already.
        let _ = self.handle.stop();
        // A handler that drops its own cluster cannot wait for itself, nor for a loop that may wait for it.
        if self.threads.iter().all(|thread| thread.thread().id() != thread::current().id()) {
            for thread in self.threads.drain(..) {
                // The caller has not asked for the result.
                let _ = thread.join();
            }
        }
    }
}
