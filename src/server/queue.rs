//! The queue of commands for a loop.

mod several;
#[cfg(test)]
mod tests;

use crate::CloseError;
use std::{
    collections::{HashMap, VecDeque},
    fmt, io, mem,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

/// How many places for commands of the loop's thread an empty queue keeps memory for.
const KEPT_PLACES: usize = 1024;

/// The error of a command that a loop does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The loop has ended: no session is left.
    #[error("the server has stopped")]
    Stopped,
    /// As many commands wait as [`Limits::max_command_bytes`](super::Limits::max_command_bytes) allows. The command is
    /// not queued.
    #[error("too many commands wait for the server")]
    Full,
    /// A server may not send the Close of the command: see [`CloseFrame`](crate::CloseFrame). The command is not
    /// queued.
    #[error(transparent)]
    InvalidClose(#[from] CloseError),
}

/// Ends the wait of a loop, so that it executes commands.
pub(super) trait Wake: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn wake(&self) -> io::Result<()>;
}

/// A command that does not fit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenNoRoom {
    Fail,
    Wait,
    /// It is queued nevertheless.
    Exceed,
}

/// What one session takes of a command.
pub(super) enum Part<C> {
    Nothing,
    /// The command for this session. The rest is for others.
    Some(C),
    All,
}

/// The queue of commands for a loop, from two sources. Other threads wake the loop, and what they queue is bounded.
/// Your code on the thread of the loop must not wait for the loop, so it has a queue of its own, without a bound.
pub(super) struct Queue<C> {
    /// The thread of the loop.
    owner: ThreadId,
    waker: Box<dyn Wake>,
    waiting: Mutex<Waiting<C>>,
    room: Condvar,
    /// The loop has been woken, and has not taken the commands of other threads since.
    is_woken: AtomicBool,
    /// Only the thread of the loop writes it.
    has_own: AtomicBool,
    /// How many calls of your code other threads have queued that the loop has not done.
    calls: AtomicUsize,
}

struct Waiting<C> {
    /// The commands of the loop's thread. The place of one that was taken before its turn is empty: to close the gap
    /// would move the others.
    own: VecDeque<Option<C>>,
    /// How many places of `own` are empty.
    empty_places: usize,
    /// Those of them that wait for the next turn. All are older than `own`.
    deferred: VecDeque<C>,
    /// How many of them [`take_own_part`](Queue::take_own_part) passes over.
    passed: usize,
    /// The commands of other threads.
    foreign: VecDeque<C>,
    foreign_bytes: usize,
    /// The bytes of the commands for which other threads have [reserved](Queue::reserve) room.
    reserved: usize,
    /// The first command per key that found no room and was [noted](Queue::push_or_note).
    missed: HashMap<Box<str>, C>,
    max_bytes: usize,
    is_closed: bool,
}

impl<C> Queue<C> {
    /// The queue of a loop on this thread.
    pub(super) fn new(waker: Box<dyn Wake>, max_bytes: usize) -> Self {
        Self {
            owner: thread::current().id(),
            waker,
            waiting: Mutex::new(Waiting {
                own: VecDeque::new(),
                empty_places: 0,
                deferred: VecDeque::new(),
                passed: 0,
                foreign: VecDeque::new(),
                foreign_bytes: 0,
                reserved: 0,
                missed: HashMap::new(),
                max_bytes,
                is_closed: false,
            }),
            room: Condvar::new(),
            is_woken: AtomicBool::new(false),
            has_own: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
        }
    }

    /// Queues `command`, which needs `bytes` of memory.
    ///
    /// # Errors
    /// [`HandleError`]. The command is dropped.
    pub(super) fn push(&self, command: C, bytes: usize, when_no_room: WhenNoRoom) -> Result<(), HandleError> {
        if self.is_own_thread() {
            return self.push_own(command);
        }
        let mut waiting = self.lock_with_room(bytes, when_no_room)?;
        self.push_foreign(&mut waiting, command, bytes);
        Ok(())
    }

    fn push_own(&self, command: C) -> Result<(), HandleError> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(HandleError::Stopped);
        }
        waiting.own.push_back(Some(command));
        self.has_own.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn push_foreign(&self, waiting: &mut Waiting<C>, command: C, bytes: usize) {
        waiting.foreign.push_back(command);
        waiting.foreign_bytes = waiting.foreign_bytes.saturating_add(bytes);
        self.wake();
    }

    /// Wakes the loop. One wake-up is enough for all commands that it takes together.
    fn wake(&self) {
        if !self.is_woken.swap(true, Ordering::AcqRel) && self.waker.wake().is_err() {
            self.is_woken.store(false, Ordering::Release);
        }
    }

    /// The queue, once it has room for `bytes` more of another thread.
    fn lock_with_room(
        &self,
        bytes: usize,
        when_no_room: WhenNoRoom,
    ) -> Result<MutexGuard<'_, Waiting<C>>, HandleError> {
        let mut waiting = self.lock();
        while !waiting.has_room_for(bytes) && when_no_room != WhenNoRoom::Exceed {
            if when_no_room == WhenNoRoom::Fail {
                return Err(HandleError::Full);
            }
            waiting = self.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.is_closed { Err(HandleError::Stopped) } else { Ok(waiting) }
    }

    /// Whether this is the thread of the loop.
    pub(super) fn is_own_thread(&self) -> bool {
        thread::current().id() == self.owner
    }

    /// How many commands wait.
    pub(super) fn len(&self) -> usize {
        let waiting = self.lock();
        waiting.own_len() + waiting.deferred.len() + waiting.foreign.len()
    }

    pub(super) fn set_max_bytes(&self, max_bytes: usize) {
        self.lock().max_bytes = max_bytes;
        self.room.notify_all();
    }

    /// Whether commands of the loop's thread wait.
    pub(super) fn has_own(&self) -> bool {
        self.has_own.load(Ordering::Relaxed)
    }

    pub(super) fn own_len(&self) -> usize {
        self.lock().own_len()
    }

    /// The next command of the loop's thread.
    pub(super) fn pop_own(&self) -> Option<C> {
        if !self.has_own() {
            return None;
        }
        let mut waiting = self.lock();
        waiting.passed = 0;
        let command = loop {
            match waiting.own.pop_front() {
                Some(None) => waiting.empty_places -= 1,
                Some(command) => break command,
                None => break None,
            }
        };
        if waiting.own_len() == 0 {
            waiting.forget_places();
            waiting.own.shrink_to(KEPT_PLACES);
            self.has_own.store(false, Ordering::Relaxed);
        }
        command
    }

    /// From here on [`take_own_part`](Self::take_own_part) finds only the commands that follow. Returns what
    /// [`turn_back`](Self::turn_back) needs.
    pub(super) fn pass_over_own(&self) -> usize {
        if !self.has_own() {
            return 0;
        }
        let mut waiting = self.lock();
        let len = waiting.own.len();
        mem::replace(&mut waiting.passed, len)
    }

    /// Has `take_own_part` find the commands again that it found before `pass_over_own`.
    pub(super) fn turn_back(&self, passed: usize) {
        let mut waiting = self.lock();
        waiting.passed = waiting.passed.min(passed);
    }

    /// Takes the first command of the loop's thread, or the part of it, that `part_of` returns. The commands before it
    /// are passed over the next time.
    pub(super) fn take_own_part(&self, mut part_of: impl FnMut(&mut C) -> Part<C>) -> Option<C> {
        let mut waiting = self.lock();
        let Waiting { own, passed, empty_places, .. } = &mut *waiting;
        while let Some(place) = own.get_mut(*passed) {
            match place.as_mut().map_or(Part::Nothing, &mut part_of) {
                Part::Nothing => *passed += 1,
                Part::Some(part) => return Some(part),
                Part::All => {
                    let command = place.take();
                    *empty_places += 1;
                    if waiting.own_len() == 0 {
                        waiting.forget_places();
                        self.has_own.store(false, Ordering::Relaxed);
                    }
                    return command;
                }
            }
        }
        None
    }

    /// Puts a command of the loop's thread before all others.
    pub(super) fn put_back_own(&self, command: C) {
        let mut waiting = self.lock();
        waiting.own.push_front(Some(command));
        waiting.passed = 0;
        self.has_own.store(true, Ordering::Relaxed);
    }

    /// Leaves the commands of the loop's thread for the next turn.
    pub(super) fn defer_own(&self) {
        if !self.has_own() {
            return;
        }
        let mut waiting = self.lock();
        let Waiting { own, deferred, .. } = &mut *waiting;
        deferred.extend(own.drain(..).flatten());
        waiting.forget_places();
        self.has_own.store(false, Ordering::Relaxed);
        // The next turn comes without a wake-up.
        self.is_woken.store(true, Ordering::Release);
    }

    /// Whether commands of the loop's thread wait for the next turn. No later one may overtake them.
    pub(super) fn has_deferred(&self) -> bool {
        self.has_foreign() && !self.lock().deferred.is_empty()
    }

    /// Whether commands of other threads, or deferred ones, wait.
    pub(super) fn has_foreign(&self) -> bool {
        self.is_woken.load(Ordering::Acquire)
    }

    /// A turn begins: the deferred commands are the first of the loop's thread again. Takes all commands of other
    /// threads.
    pub(super) fn take_foreign(&self) -> VecDeque<C> {
        if !self.has_foreign() {
            return VecDeque::new();
        }
        let mut waiting = self.lock();
        self.is_woken.store(false, Ordering::Release);
        waiting.foreign_bytes = 0;
        let Waiting { own, deferred, .. } = &mut *waiting;
        *own = deferred.drain(..).chain(own.drain(..).flatten()).map(Some).collect();
        self.has_own.store(!own.is_empty(), Ordering::Relaxed);
        (waiting.empty_places, waiting.passed) = (0, 0);
        let taken = mem::take(&mut waiting.foreign);
        drop(waiting);
        self.room.notify_all();
        taken
    }

    /// Takes no further command, and drops those that wait.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.is_closed = true;
        let own = (mem::take(&mut waiting.own), mem::take(&mut waiting.deferred));
        waiting.forget_places();
        let dropped = (own, mem::take(&mut waiting.foreign), mem::take(&mut waiting.missed));
        self.has_own.store(false, Ordering::Relaxed);
        drop(waiting);
        self.room.notify_all();
        drop(dropped);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<C>> {
        // Nothing in this file panics while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Waiting<C> {
    /// How many commands of the loop's thread wait for this turn.
    fn own_len(&self) -> usize {
        self.own.len() - self.empty_places
    }

    /// Forgets the empty places. No command has a place.
    fn forget_places(&mut self) {
        self.own.clear();
        (self.empty_places, self.passed) = (0, 0);
    }

    /// Whether `bytes` more may wait. A larger command may wait alone. No command comes after one that was missed,
    /// until the loop knows. A closed queue makes nobody wait.
    fn has_room_for(&self, bytes: usize) -> bool {
        let taken = self.foreign_bytes.saturating_add(self.reserved);
        let fits = taken == 0 || taken.saturating_add(bytes) <= self.max_bytes;
        fits && self.missed.is_empty() || self.is_closed
    }
}

impl<C> fmt::Debug for Queue<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({})", self.len())
    }
}
