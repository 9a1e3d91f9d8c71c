//! Commands of other threads for several loops of a cluster.

use super::{HandleError, Queue, WhenNoRoom};
use std::{collections::HashMap, mem, sync::atomic::Ordering};

/// Room for one command. Dropping it gives the room back.
pub(in super::super) struct Reservation<'q, C> {
    queue: &'q Queue<C>,
    bytes: usize,
    is_foreign: bool,
}

impl<C> Queue<C> {
    /// Keeps room for one command that needs `bytes`, so that several queues take a command each, or none does.
    ///
    /// # Errors
    /// [`HandleError`].
    pub(in super::super) fn reserve(
        &self,
        bytes: usize,
        when_no_room: WhenNoRoom,
    ) -> Result<Reservation<'_, C>, HandleError> {
        let is_foreign = !self.is_own_thread();
        if is_foreign {
            let mut waiting = self.lock_with_room(bytes, when_no_room)?;
            waiting.reserved = waiting.reserved.saturating_add(bytes);
        } else if self.is_closed() {
            return Err(HandleError::Stopped);
        }
        Ok(Reservation { queue: self, bytes, is_foreign })
    }

    /// Whether a command of another thread that needs `bytes` is taken now.
    pub(in super::super) fn has_room(&self, bytes: usize) -> bool {
        let waiting = self.lock();
        !waiting.is_closed && waiting.has_room_for(bytes)
    }

    /// Queues `command`, which needs `bytes`. If there is no room, the command is noted under `key`, unless another one
    /// is: the loop learns that it has missed something, and the memory of what is missed has a bound.
    pub(in super::super) fn push_or_note(&self, key: &str, command: C, bytes: usize) {
        let mut waiting = self.lock();
        if waiting.is_closed {
        } else if waiting.has_room_for(bytes) {
            self.push_foreign(&mut waiting, command, bytes);
        } else if !waiting.missed.contains_key(key) {
            waiting.missed.insert(key.into(), command);
            self.wake();
        }
    }

    /// What the loop has missed. It comes after the commands of other threads that have been taken.
    pub(in super::super) fn take_missed(&self) -> HashMap<Box<str>, C> {
        let mut waiting = self.lock();
        let missed = mem::take(&mut waiting.missed);
        drop(waiting);
        self.room.notify_all();
        missed
    }

    /// Another thread is about to queue a call of your code.
    pub(in super::super) fn begin_call_of_others(&self) {
        self.calls.fetch_add(1, Ordering::AcqRel);
    }

    /// The loop has done `count` of these calls, or they were not queued.
    pub(in super::super) fn end_calls_of_others(&self, count: usize) {
        self.calls.fetch_sub(count, Ordering::AcqRel);
    }

    /// Whether calls of your code wait that other threads have queued.
    pub(in super::super) fn has_calls_of_others(&self) -> bool {
        self.calls.load(Ordering::Acquire) > 0
    }
}

impl<C> Reservation<'_, C> {
    /// Queues the command. Drops it if the loop has ended meanwhile.
    pub(in super::super) fn push(self, command: C) {
        if self.is_foreign {
            let mut waiting = self.queue.lock();
            if !waiting.is_closed {
                self.queue.push_foreign(&mut waiting, command, self.bytes);
            }
        } else {
            // The thread of the loop is busy with this call, so the queue is as open as before.
            let _ = self.queue.push_own(command);
        }
    }
}

impl<C> Drop for Reservation<'_, C> {
    fn drop(&mut self) {
        if self.is_foreign {
            let mut waiting = self.queue.lock();
            waiting.reserved = waiting.reserved.saturating_sub(self.bytes);
            drop(waiting);
            self.queue.room.notify_all();
        }
    }
}
