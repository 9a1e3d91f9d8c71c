//! The queue of the sessions that need a turn.

use std::collections::VecDeque;

/// A queue of keys, each at most once.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue {
    queue: VecDeque<usize>,
    /// Whether a key is in the queue.
    is_queued: Vec<bool>,
}

impl ReadyQueue {
    /// Puts `key` at the end, unless it is in the queue.
    pub(super) fn push(&mut self, key: usize) {
        if key >= self.is_queued.len() {
            self.is_queued.resize(key + 1, false);
        }
        if !std::mem::replace(&mut self.is_queued[key], true) {
            self.queue.push_back(key);
        }
    }

    pub(super) fn pop(&mut self) -> Option<usize> {
        let key = self.queue.pop_front()?;
        self.is_queued[key] = false;
        Some(key)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Empties the queue, and frees the memory for more than `capacity` keys.
    pub(super) fn reset(&mut self, capacity: usize) {
        self.queue.clear();
        self.queue.shrink_to(capacity);
        self.is_queued.clear();
        self.is_queued.shrink_to(capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_order_and_once() {
        let mut ready = ReadyQueue::default();
        [5, 2, 5, 9, 2].into_iter().for_each(|key| ready.push(key));
        assert_eq!((ready.len(), ready.pop()), (3, Some(5)));
        ready.push(5);
        ready.push(9);
        assert_eq!([(); 4].map(|()| ready.pop()), [Some(2), Some(9), Some(5), None]);
    }

    #[test]
    fn a_reset_queue_is_empty_and_takes_every_key() {
        let mut ready = ReadyQueue::default();
        (0..1000).for_each(|key| ready.push(key));
        ready.reset(10);
        assert_eq!((ready.len(), ready.pop()), (0, None));
        assert!(ready.queue.capacity() < 100 && ready.is_queued.capacity() < 100);
        ready.push(999);
        assert_eq!(ready.pop(), Some(999));
    }
}
