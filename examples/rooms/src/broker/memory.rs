//! A broker in the memory of this process.

use super::{Broker, BrokerError, Entry, PRESENT_SECONDS, Presence, Read, Said};
use crate::id::Id;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The most messages of one [`read`](Broker::read).
const READ_COUNT: usize = 256;

/// A broker in the memory of this process, for a server that is alone, and for tests. Its clones are the same broker.
/// Its messages are gone with the process.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Shared>,
    /// How long a read waits for a message.
    wait: Duration,
}

struct Shared {
    state: Mutex<State>,
    added: Condvar,
    /// Milliseconds since 1970.
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
    max_entries: usize,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    last: Id,
    /// When each member was noted last, by room.
    present: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Memory {
    /// A broker that keeps the newest messages. `clock` tells the milliseconds since 1970, so that ids grow from one
    /// process to the next. A read waits for `wait`.
    pub fn new(max_entries: usize, wait: Duration, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let (state, added) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { state, added, clock: Box::new(clock), max_entries }), wait }
    }

    /// All messages that are kept.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics with the lock.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Broker for Memory {
    fn add(&mut self, said: &[Said]) -> Result<Vec<Id>, BrokerError> {
        let now = (self.shared.clock)();
        let mut state = self.lock();
        let mut ids = Vec::new();
        for said in said {
            let id = state.last.next_at(now);
            state.last = id;
            state.entries.push_back(Entry { id, said: said.clone() });
            if state.entries.len() > self.shared.max_entries {
                state.entries.pop_front();
            }
            ids.push(id);
        }
        drop(state);
        self.shared.added.notify_all();
        Ok(ids)
    }

    fn read(&mut self, after: Id) -> Result<Read, BrokerError> {
        let state = self.shared.added.wait_timeout_while(self.lock(), self.wait, |state| state.last <= after);
        let (state, _) = state.unwrap_or_else(PoisonError::into_inner);
        let first = state.entries.partition_point(|entry| entry.id <= after);
        let entries: Vec<_> = state.entries.range(first..).take(READ_COUNT).cloned().collect();
        Ok(Read { is_end: entries.len() < READ_COUNT, entries })
    }

    fn note_present(&mut self, rooms: &[Presence]) -> Result<Vec<Vec<String>>, BrokerError> {
        let now = (self.shared.clock)();
        let mut state = self.lock();
        let mut lists = Vec::new();
        for Presence { room, here, gone } in rooms {
            let members = state.present.entry(room.clone()).or_default();
            members.extend(here.iter().map(|member| (member.clone(), now)));
            members.retain(|member, at| *at + PRESENT_SECONDS * 1000 > now && !gone.contains(member));
            lists.push(members.keys().cloned().collect());
            if members.is_empty() {
                state.present.remove(room);
            }
        }
        Ok(lists)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} messages)", self.lock().entries.len())
    }
}
