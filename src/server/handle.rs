//! Handles: commands to a loop from other threads and from handlers.

mod messages;
mod several;
mod stopping;

use super::{
    farewell::Shutdown,
    logging::DropCaught,
    queue::{HandleError, Part, Queue, WhenNoRoom},
    session_id::SessionId,
    siblings::Siblings,
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

/// Reaches the sessions of a [`Server`](super::Server), or of all loops of a [`Cluster`](super::Cluster), from any
/// thread, and stops them. Cheap to clone.
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
/// In a cluster each loop keeps this order for what it gets from a thread or a handler, and the loops do not wait for
/// each other. A command for several loops is queued on all of them, or on none: then it fails with `Full`.
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
    /// The loops of the cluster, of which that of `queue` is one.
    siblings: Option<Arc<Siblings<Command>>>,
}

impl Handle {
    pub(super) const fn new(queue: Arc<Queue<Command>>) -> Self {
        Self { queue, when_full: WhenNoRoom::Fail, siblings: None }
    }

    /// The handle of the loop of a cluster whose queue this is.
    pub(super) const fn of_cluster(queue: Arc<Queue<Command>>, siblings: Arc<Siblings<Command>>) -> Self {
        Self { queue, when_full: WhenNoRoom::Fail, siblings: Some(siblings) }
    }

    /// A handle whose methods wait while too many commands wait for the loop, instead of failing with
    /// [`HandleError::Full`]. For a thread that produces messages as fast as the loop takes them, not for an async
    /// task. On the thread of the loop, as in a handler, no method waits or fails with `Full`. In a handler of another
    /// server, whose loop has a thread of its own, it waits and stops that loop. The loops of a cluster do not wait for
    /// each other: in a handler, a command for another loop fails with `Full`.
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
        Self { when_full: WhenNoRoom::Wait, ..self.clone() }
    }

    /// The handles of the loops of a cluster, in the order of their numbers; of a server, its handle alone. All reach
    /// every session. They differ in [`run`](Self::run), which is for one loop.
    ///
    /// ```
    /// use statesocket::server::{Handle, HandleError, Limits};
    ///
    /// fn take_fewer(handle: &Handle) -> Result<(), HandleError> {
    ///     let limits = Limits::default().with(|limits| limits.max_connections = 100);
    ///     for one in handle.loops() {
    ///         let limits = limits.clone();
    ///         one.run(|server| server.set_limits(limits))?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn loops(&self) -> impl Iterator<Item = Self> {
        self.queues().into_iter().map(|queue| self.at(queue))
    }

    /// How many commands wait for the loop, or for all loops of a cluster.
    #[must_use]
    pub fn queued_commands(&self) -> usize {
        self.queues().into_iter().map(|queue| queue.len()).sum()
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
        self.push(&self.queue, command)
    }

    /// Sends `command` to the loop of the session `id`. If that is no session of these loops, it has ended for them.
    pub(super) fn command_for(&self, id: SessionId, command: Command) -> Result<(), HandleError> {
        self.push(self.queue_of(id), command)
    }

    fn push(&self, queue: &Queue<Command>, command: Command) -> Result<(), HandleError> {
        let (bytes, when_no_room) = (command.bytes(), self.when_no_room(&command, queue));
        let is_call_of_others = self.siblings.is_some() && command.is_call() && !queue.is_own_thread();
        if is_call_of_others {
            queue.begin_call_of_others();
        }
        let pushed = queue.push(command, bytes, when_no_room);
        if is_call_of_others && pushed.is_err() {
            queue.end_calls_of_others(1);
        }
        pushed
    }

    fn when_no_room(&self, command: &Command, queue: &Queue<Command>) -> WhenNoRoom {
        if command.is_urgent() {
            return WhenNoRoom::Exceed;
        }
        // Two loops that wait for each other would wait for ever.
        let is_sibling = || self.siblings.as_ref().is_some_and(|loops| loops.is_on_loop()) && !queue.is_own_thread();
        if self.when_full == WhenNoRoom::Wait && is_sibling() { WhenNoRoom::Fail } else { self.when_full }
    }

    fn queue_of(&self, id: SessionId) -> &Arc<Queue<Command>> {
        self.siblings.as_ref().and_then(|loops| loops.queue_of(id.server())).unwrap_or(&self.queue)
    }

    /// The handle of the loop of the session `id`.
    pub(super) fn of_loop_of(&self, id: SessionId) -> Self {
        self.at(self.queue_of(id))
    }

    fn at(&self, queue: &Arc<Queue<Command>>) -> Self {
        Self { queue: Arc::clone(queue), when_full: self.when_full, siblings: self.siblings.clone() }
    }

    fn queues(&self) -> Vec<&Arc<Queue<Command>>> {
        self.siblings.as_ref().map_or_else(|| vec![&self.queue], |loops| loops.queues().collect())
    }
}

impl Command {
    /// What it counts of [`Limits::max_command_bytes`](super::Limits::max_command_bytes).
    fn bytes(&self) -> usize {
        COMMAND_BYTES.saturating_add(self.heap_bytes())
    }

    fn heap_bytes(&self) -> usize {
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

    /// Whether it calls your code, which may let a session join a room.
    pub(super) const fn is_call(&self) -> bool {
        matches!(self, Self::With(..) | Self::ForEach { .. } | Self::Notify(..) | Self::Run(_))
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
