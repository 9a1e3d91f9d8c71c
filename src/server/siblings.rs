//! The loops of a cluster, as each of them and every handle sees them.

use super::{census::Census, queue::Queue, session_id::ServerId};
#[cfg(feature = "tls")]
use std::sync::atomic::AtomicBool;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The loops of a cluster, with their queues of commands.
pub(super) struct Siblings<C> {
    loops: Box<[(ServerId, Arc<Queue<C>>)]>,
    /// The queue of the loop that only accepts and hands over, if there is one.
    acceptor: Option<Arc<Queue<C>>>,
    census: Arc<Census>,
    /// The place of the loop that gets the next connection.
    next: AtomicUsize,
    /// Whether the loops speak TLS. The acceptor asks before it answers a connection itself.
    #[cfg(feature = "tls")]
    is_secure: AtomicBool,
}

impl<C> Siblings<C> {
    pub(super) fn new(loops: Vec<(ServerId, Arc<Queue<C>>)>, acceptor: Option<Arc<Queue<C>>>) -> Self {
        let census = Arc::new(Census::new(loops.len()));
        Self {
            loops: loops.into(),
            acceptor,
            census,
            next: AtomicUsize::new(0),
            #[cfg(feature = "tls")]
            is_secure: AtomicBool::new(false),
        }
    }

    /// The queues of the loops, in the order of their places.
    pub(super) fn queues(&self) -> impl ExactSizeIterator<Item = &Arc<Queue<C>>> {
        self.loops.iter().map(|(_, queue)| queue)
    }

    pub(super) const fn acceptor(&self) -> Option<&Arc<Queue<C>>> {
        self.acceptor.as_ref()
    }

    #[cfg(feature = "tls")]
    pub(super) const fn is_secure(&self) -> &AtomicBool {
        &self.is_secure
    }

    pub(super) const fn census(&self) -> &Arc<Census> {
        &self.census
    }

    /// The place of a loop.
    pub(super) fn place_of(&self, server: ServerId) -> Option<usize> {
        self.loops.iter().position(|(id, _)| *id == server)
    }

    pub(super) fn queue_of(&self, server: ServerId) -> Option<&Arc<Queue<C>>> {
        self.place_of(server).map(|place| &self.loops[place].1)
    }

    /// Whether this is the thread of one of the loops.
    pub(super) fn is_on_loop(&self) -> bool {
        self.queues().any(|queue| queue.is_own_thread())
    }

    /// Whether no loop takes further commands.
    pub(super) fn is_closed(&self) -> bool {
        self.queues().all(|queue| queue.is_closed())
    }

    /// The loop whose turn it is to get a connection; one that has ended is left out. If all have ended, it is one of
    /// them.
    pub(super) fn take_turn(&self) -> &Arc<Queue<C>> {
        let mut place = 0;
        for _ in 0..self.loops.len() {
            place = self.next.fetch_add(1, Ordering::Relaxed) % self.loops.len();
            if !self.loops[place].1.is_closed() {
                break;
            }
        }
        &self.loops[place].1
    }

    /// The loops that a message for a room must reach. Left out are loops of other threads without members, unless
    /// calls of your code wait there, which may let a session join.
    pub(super) fn with_members(&self, room: &str) -> impl Iterator<Item = &Arc<Queue<C>>> {
        let is_needed = move |(place, queue): &(usize, &Arc<Queue<C>>)| {
            // A call that is done has told the census before.
            queue.is_own_thread() || queue.has_calls_of_others() || self.census.count_on(*place, room) > 0
        };
        self.queues().enumerate().filter(is_needed).map(|(_, queue)| queue)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::queue::Wake, *};
    use std::{io, thread};

    struct NoWaker;

    impl Wake for NoWaker {
        fn wake(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Three loops; the one in the middle is of this thread.
    fn siblings() -> Siblings<u8> {
        let queue = || (ServerId::next(), Arc::new(Queue::new(Box::new(NoWaker), 0)));
        let of_other = || thread::spawn(queue).join().expect("it does not panic");
        Siblings::new(vec![of_other(), queue(), of_other()], None)
    }

    fn place<C>(siblings: &Siblings<C>, queue: &Arc<Queue<C>>) -> usize {
        siblings.queues().position(|other| Arc::ptr_eq(other, queue)).expect("it is one of them")
    }

    #[test]
    fn s2_a_loop_is_found_by_its_number_and_no_other_one() {
        let siblings = siblings();
        for (number, (id, queue)) in siblings.loops.iter().enumerate() {
            assert_eq!(siblings.place_of(*id), Some(number));
            assert!(siblings.queue_of(*id).is_some_and(|found| Arc::ptr_eq(found, queue)));
        }
        assert!(siblings.queue_of(ServerId::next()).is_none());
        assert!(siblings.is_on_loop());
        assert!(!thread::spawn(move || siblings.is_on_loop()).join().expect("it does not panic"));
    }

    #[test]
    fn loops_that_have_ended_get_no_turn() {
        let siblings = siblings();
        let turns = |count| (0..count).map(|_| place(&siblings, siblings.take_turn())).collect::<Vec<_>>();
        assert_eq!(turns(4), [0, 1, 2, 0]);
        siblings.loops[1].1.close();
        assert_eq!((turns(3), siblings.is_closed()), (vec![2, 0, 2], false));
        siblings.queues().for_each(|queue| queue.close());
        assert!(siblings.is_closed() && turns(1)[0] < 3);
    }

    #[test]
    fn a_message_is_for_loops_with_members_or_with_calls_and_for_this_one() {
        let siblings = siblings();
        let column = super::super::census::Column::new(Arc::clone(siblings.census()), 2);
        let places = |room| siblings.with_members(room).map(|queue| place(&siblings, queue)).collect::<Vec<_>>();
        assert_eq!(places("red"), [1]);
        column.joined("red");
        siblings.loops[0].1.begin_call_of_others();
        assert_eq!((places("red"), places("blue")), (vec![0, 1, 2], vec![0, 1]));
        siblings.loops[0].1.end_calls_of_others(1);
        column.left("red");
        assert_eq!(places("red"), [1]);
    }
}
