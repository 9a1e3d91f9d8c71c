//! Handles: commands to a loop from other threads and from handlers.

mod messages;
mod stopping;

use super::{
    farewell::Shutdown,
    logging::DropCaught,
    queue::{HandleError, Part, Queue, WhenNoRoom},
    session_id::SessionId,
    view::View,
};
use crate::{CloseCode, Message, SharedMessage};
use std::{
    any::Any,
    fmt,
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a command counts besides its message and ids, in bytes. It is more than the memory of a command, and bounds the
/// number of short commands, all of which a turn executes.
const COMMAND_BYTES: usize = 1 << 10;

/// A command of a handle to its loop.
pub(super) enum Command {
    With(SessionId, DropCaught<Act>),
    ForEach { act: ActOnEach, except: Option<SessionId> },
    Send(SessionId, Message<'static>),
    Notify(SessionId, DropCaught<Box<dyn Any + Send>>),
    Broadcast(Vec<SessionId>, SharedMessage),
    Publish { room: String, message: SharedMessage, except: Option<SessionId> },
    Close { id: SessionId, code: CloseCode, reason: String },
    Adopt(TcpStream, SocketAddr),
    Run(DropCaught<RunFn>),
    StopAccepting,
    Shutdown(Shutdown),
    Stop,
}

/// A closure of your code. The loop calls it with a session and with its own handle.
pub(super) type Act = Box<dyn FnOnce(View<'_>, &Handle) + Send>;

/// A closure of your code. The loop calls it with its `Server`, which this file cannot name.
type RunFn = Box<dyn FnOnce(&mut dyn Any) + Send>;

/// A closure of your code that the loop calls with one session after another. A handler that has sent it may need it
/// for its own session before the loop gets to it.
#[derive(Clone)]
pub(super) struct ActOnEach(Arc<Mutex<DropCaught<EachFn>>>);

type EachFn = Box<dyn FnMut(View<'_>, &Handle) + Send>;

/// Reaches the sessions of a [`Server`](super::Server) from any thread, and stops the server. Cheap to clone.
///
/// Every method sends the loop a command. The loop executes the commands of each thread in the order in which that
/// thread sent them, and all that wait when a turn begins in that turn. It drops a command for an ended session: the
/// handler of that session knows the end from [`on_disconnect`](super::Handler::on_disconnect), and the caller of
/// [`ask`](Self::ask) is told.
///
/// The commands of a handler come in the order in which it sends them, by a handle or by its [`Session`]: all are done
/// before the next event of that session. Commands that commands cause come after those that wait; of these, a turn
/// executes some thousand per event, and the next turn goes on.
///
/// A command may call your code: a closure, [`on_event`](super::Handler::on_event), or
/// [`on_unsent`](super::Handler::on_unsent). What that call sends by its own [`Session`] comes at the place of the
/// command: before the commands that wait behind it, and after what the call itself has sent the session by a handle.
/// Whatever else it sends by a handle, or publishes, comes behind the commands that wait.
/// [`notify`](Self::notify) makes its call after the call of your code that has sent it, which keeps the handler busy.
///
/// While the loop is busy, commands of other threads wait. Beyond [`Limits::max_command_bytes`] a method fails with
/// [`HandleError::Full`]; those of a [`blocking`](Self::blocking) handle wait instead.
///
/// [`Session`]: super::Session
/// [`Limits::max_command_bytes`]: super::Limits::max_command_bytes
///
/// ```
/// use statesocket::{Config, server::{Handler, Server, Session, SessionId}};
/// use std::{thread, time::Duration};
///
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// let handle = server.handle();
/// let stopper = thread::spawn(move || handle.shutdown(1001, Duration::from_secs(1)));
/// server.run()?;
/// stopper.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    queue: Arc<Queue<Command>>,
    when_full: WhenNoRoom,
}

impl Handle {
    pub(super) const fn new(queue: Arc<Queue<Command>>) -> Self {
        Self { queue, when_full: WhenNoRoom::Fail }
    }

    /// A handle whose methods wait while too many commands wait for the loop, instead of failing with
    /// [`HandleError::Full`]. For a thread that produces messages as fast as the loop takes them, not for an async
    /// task. On the thread of the loop, as in a handler, no method waits or fails with `Full`. In a handler of another
    /// server, whose loop has a thread of its own, it waits and stops that loop.
    ///
    /// ```no_run
    /// use statesocket::server::{Handle, HandleError, SessionId};
    ///
    /// fn send_all(handle: &Handle, id: SessionId, lines: impl Iterator<Item = String>) -> Result<(), HandleError> {
    ///     let handle = handle.blocking();
    ///     for line in lines {
    ///         handle.send_text(id, line)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn blocking(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), when_full: WhenNoRoom::Wait }
    }

    /// How many commands wait for the loop.
    #[must_use]
    pub fn queued_commands(&self) -> usize {
        self.queue.len()
    }

    /// Whether your code has sent the loop commands from its own thread that it has not begun with.
    pub(super) fn has_own(&self) -> bool {
        self.queue.has_own()
    }

    /// Whether commands of the loop's thread wait, for this turn or the next.
    pub(super) fn has_waiting_own(&self) -> bool {
        self.queue.has_own() || self.queue.has_deferred()
    }

    /// Whether this is the thread of the loop.
    pub(super) fn is_on_loop(&self) -> bool {
        self.queue.is_own_thread()
    }

    /// Whether the loop takes no further commands.
    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    pub(super) fn own_len(&self) -> usize {
        self.queue.own_len()
    }

    /// A call of your code begins: [`next_own_for`](Self::next_own_for) finds only the commands of this call. Returns
    /// what [`end_nested_call`](Self::end_nested_call) needs.
    pub(super) fn begin_call(&self) -> usize {
        self.queue.pass_over_own()
    }

    /// A call inside another one has ended: `next_own_for` finds the commands of the outer one again.
    pub(super) fn end_nested_call(&self, begun: usize) {
        self.queue.turn_back(begun);
    }

    /// Takes the next command of this call for the session `id`, before the loop gets to it.
    pub(super) fn next_own_for(&self, id: SessionId) -> Option<Command> {
        self.queue.take_own_part(|command| command.part_for(id))
    }

    /// Puts back what [`next_own_for`](Self::next_own_for) has returned.
    pub(super) fn put_back_own(&self, command: Command) {
        self.queue.put_back_own(command);
    }

    /// Sends the loop `command`.
    pub(super) fn command(&self, command: Command) -> Result<(), HandleError> {
        let bytes = COMMAND_BYTES.saturating_add(command.bytes());
        let when_no_room = if command.is_urgent() { WhenNoRoom::Exceed } else { self.when_full };
        self.queue.push(command, bytes, when_no_room)
    }
}

impl Command {
    /// The memory on the heap, in bytes.
    fn bytes(&self) -> usize {
        match self {
            Self::With(_, act) => act.get().map_or(0, |act| size_of_val(&**act)),
            Self::ForEach { act, .. } => act.lock().get().map_or(0, |act| size_of_val(&**act)),
            Self::Send(_, message) => message.len(),
            Self::Notify(_, event) => event.get().map_or(0, |event| size_of_val(&**event)),
            Self::Broadcast(ids, message) => size_of_val(&**ids).saturating_add(message.payload().len()),
            Self::Publish { room, message, .. } => room.len().saturating_add(message.payload().len()),
            Self::Close { reason, .. } => reason.len(),
            Self::Shutdown(shutdown) => shutdown.close.reason.len(),
            Self::Run(act) => act.get().map_or(0, |act| size_of_val(&**act)),
            Self::Adopt(..) | Self::StopAccepting | Self::Stop => 0,
        }
    }

    /// Takes out what it does to the session `id`.
    fn part_for(&mut self, id: SessionId) -> Part<Self> {
        match self {
            Self::With(to, _) | Self::Send(to, _) | Self::Close { id: to, .. } if *to == id => Part::All,
            Self::Broadcast(ids, message) => match ids.iter().position(|to| *to == id) {
                Some(place) => Part::Some(Self::Broadcast(vec![ids.swap_remove(place)], message.clone())),
                None => Part::Nothing,
            },
            Self::Publish { room, message, except } if except.is_none() => {
                *except = Some(id);
                Part::Some(Self::Publish { room: room.clone(), message: message.clone(), except: None })
            }
            Self::ForEach { act, except } if except.is_none() => {
                *except = Some(id);
                let act = act.clone();
                let act: Act = Box::new(move |view, handle| {
                    // The handler may have been told of the end.
                    if view.connection.disconnected().is_none() {
                        act.call(view, handle);
                    }
                });
                Part::Some(Self::With(id, DropCaught::new(act)))
            }
            // The handler is busy with this call.
            Self::Notify(..) | Self::Publish { .. } | Self::ForEach { .. } => Part::Nothing,
            Self::With(..) | Self::Send(..) | Self::Close { .. } => Part::Nothing,
            Self::Adopt(..) | Self::Run(_) => Part::Nothing,
            Self::StopAccepting | Self::Shutdown(_) | Self::Stop => Part::Nothing,
        }
    }

    /// Whether it is queued whatever waits.
    const fn is_urgent(&self) -> bool {
        matches!(self, Self::StopAccepting | Self::Shutdown(_) | Self::Stop)
    }
}

impl ActOnEach {
    pub(super) fn new(act: EachFn) -> Self {
        Self(Arc::new(Mutex::new(DropCaught::new(act))))
    }

    pub(super) fn call(&self, view: View<'_>, handle: &Handle) {
        if let Some(act) = self.lock().get_mut() {
            act(view, handle);
        }
    }

    fn lock(&self) -> MutexGuard<'_, DropCaught<EachFn>> {
        // A closure that has panicked is called with the other sessions.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
