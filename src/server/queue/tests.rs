use super::*;
use std::sync::{
    Arc,
    atomic::AtomicUsize,
    mpsc::{self, TryRecvError},
};

#[derive(Clone, Default)]
struct Wakes(Arc<AtomicUsize>);

impl Wake for Wakes {
    fn wake(&self) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn queue(max_bytes: usize) -> (Arc<Queue<u8>>, Wakes) {
    let wakes = Wakes::default();
    (Arc::new(Queue::new(Box::new(wakes.clone()), max_bytes)), wakes)
}

fn on_other_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(act).join().expect("the thread does not panic"))
}

fn taken(queue: &Queue<u8>) -> Vec<u8> {
    queue.take_foreign().into()
}

#[test]
fn s17_a_full_queue_refuses_commands_until_the_loop_takes_them() {
    let (queue, wakes) = queue(10);
    let push = |command, bytes| on_other_thread(|| queue.push(command, bytes, WhenNoRoom::Fail));
    assert_eq!(
        [push(1, 7), push(2, 4), push(3, 3), push(4, 1)],
        [Ok(()), Err(HandleError::Full), Ok(()), Err(HandleError::Full)]
    );
    assert_eq!(on_other_thread(|| queue.push(5, 100, WhenNoRoom::Exceed)), Ok(()));
    assert_eq!((queue.len(), wakes.0.load(Ordering::Relaxed)), (3, 1), "one wake-up for all");
    assert_eq!((taken(&queue), queue.has_foreign()), (vec![1, 3, 5], false));
    assert_eq!(push(6, 100), Ok(()), "it waits alone");
    assert_eq!((push(7, 0), wakes.0.load(Ordering::Relaxed)), (Err(HandleError::Full), 2));
    queue.set_max_bytes(100);
    assert_eq!(push(7, 0), Ok(()));
}

#[test]
fn s17_a_thread_that_waits_goes_on_when_there_is_room_or_the_loop_has_ended() {
    let (queue, _) = queue(10);
    for ends in [false, true] {
        on_other_thread(|| queue.push(1, 10, WhenNoRoom::Fail)).expect("the queue is empty");
        let (done, result) = mpsc::channel();
        let other = Arc::clone(&queue);
        let thread = thread::spawn(move || done.send(other.push(2, 1, WhenNoRoom::Wait)).expect("the test waits"));
        thread::yield_now();
        assert_eq!(result.try_recv(), Err(TryRecvError::Empty));
        if ends {
            queue.close();
        } else {
            assert_eq!(taken(&queue), [1]);
        }
        assert_eq!(result.recv(), Ok(if ends { Err(HandleError::Stopped) } else { Ok(()) }));
        thread.join().expect("the thread does not panic");
        taken(&queue);
    }
    assert_eq!(queue.push(3, 0, WhenNoRoom::Exceed), Err(HandleError::Stopped));
    assert_eq!(queue.len(), 0);
}

#[test]
fn s17_the_thread_of_the_loop_never_waits() {
    let (queue, wakes) = queue(0);
    for command in 0..5 {
        assert_eq!(queue.push(command, 100, WhenNoRoom::Wait), Ok(()));
    }
    on_other_thread(|| queue.push(5, 0, WhenNoRoom::Fail)).expect("the queue is empty");
    assert_eq!([(); 2].map(|()| queue.pop_own()), [Some(0), Some(1)]);
    queue.defer_own();
    assert_eq!((queue.has_own(), queue.pop_own(), queue.has_deferred(), queue.len()), (false, None, true, 4));
    queue.push(6, 0, WhenNoRoom::Fail).expect("the loop's thread never waits");
    queue.defer_own();
    queue.push(7, 0, WhenNoRoom::Fail).expect("the loop's thread never waits");
    assert_eq!((taken(&queue), queue.has_deferred(), wakes.0.load(Ordering::Relaxed)), (vec![5], false, 1));
    let own: Vec<_> = std::iter::from_fn(|| queue.pop_own()).collect();
    assert_eq!((own, queue.has_own(), queue.has_foreign()), (vec![2, 3, 4, 6, 7], false, false));
}

#[test]
fn s4_a_closed_queue_keeps_no_deferred_command() {
    let (queue, _) = queue(0);
    queue.push(1, 0, WhenNoRoom::Fail).expect("the queue is open");
    queue.defer_own();
    queue.close();
    assert_eq!((queue.len(), queue.has_deferred()), (0, false));
}

#[test]
fn s15_a_command_taken_before_its_turn_leaves_the_order_of_the_others() {
    let (queue, _) = queue(0);
    let push = |command| queue.push(command, 0, WhenNoRoom::Fail).expect("the queue is open");
    let take = |wanted| queue.take_own_part(|command| if *command == wanted { Part::All } else { Part::Nothing });
    [1, 2, 3, 2, 4].into_iter().for_each(push);
    assert_eq!([(); 3].map(|()| take(2)), [Some(2), Some(2), None]);
    assert_eq!((queue.own_len(), queue.len(), queue.has_own()), (3, 3, true));
    push(2);
    assert_eq!(take(2), Some(2), "the others have been passed over");
    assert_eq!([(); 3].map(|()| queue.pop_own()), [1, 3, 4].map(Some));
    assert_eq!((queue.has_own(), queue.len(), queue.pop_own()), (false, 0, None));

    // The last one is taken out of the middle.
    [5, 6].into_iter().for_each(push);
    assert_eq!((take(6), queue.pop_own(), queue.has_own()), (Some(6), Some(5), false));
    push(7);
    assert_eq!((take(7), queue.has_own(), queue.pop_own()), (Some(7), false, None));
    [1, 2, 3].into_iter().for_each(push);
    assert_eq!((take(2), queue.len()), (Some(2), 2));
    queue.defer_own();
    assert_eq!((queue.own_len(), queue.len(), queue.has_deferred()), (0, 2, true));
    [4, 2, 5].into_iter().for_each(push);
    assert_eq!(take(2), Some(2));
    assert_eq!((taken(&queue), queue.own_len()), (vec![], 4));
    assert_eq!(std::iter::from_fn(|| queue.pop_own()).collect::<Vec<_>>(), [1, 3, 4, 5]);
}

#[test]
fn s4_a_command_that_is_put_back_is_the_first_again() {
    let (queue, _) = queue(0);
    let push = |command| queue.push(command, 0, WhenNoRoom::Fail).expect("the queue is open");
    let take = |wanted| queue.take_own_part(|command| if *command == wanted { Part::All } else { Part::Nothing });
    [1, 2].into_iter().for_each(push);
    for _ in 0..2 {
        assert_eq!(take(2), Some(2));
        queue.put_back_own(2);
    }
    assert_eq!([(); 3].map(|()| queue.pop_own()), [Some(2), Some(1), None]);
    push(3);
    assert_eq!((take(3), queue.has_own()), (Some(3), false));
    queue.put_back_own(3);
    assert_eq!((queue.has_own(), queue.pop_own()), (true, Some(3)));
}

#[test]
fn s15_what_has_been_passed_over_is_found_after_the_loop_has_taken_one() {
    let (queue, _) = queue(0);
    [1, 2, 3].into_iter().for_each(|command| queue.push(command, 0, WhenNoRoom::Fail).expect("the queue is open"));
    assert_eq!(queue.take_own_part(|_| Part::Nothing), None);
    assert_eq!(queue.take_own_part(|_| Part::All), None);
    assert_eq!(queue.pop_own(), Some(1));
    assert_eq!([(); 3].map(|()| queue.take_own_part(|_| Part::All)), [Some(2), Some(3), None]);
}

/// To move the other commands at each take would copy 300 GB.
#[test]
fn s15_taking_commands_out_of_many_is_linear() {
    const COUNT: usize = 100_000;
    let queue: Queue<[usize; 32]> = Queue::new(Box::new(Wakes::default()), 0);
    for number in 0..COUNT {
        queue.push([number; 32], 0, WhenNoRoom::Fail).expect("the queue is open");
    }
    let odd = |command: &mut [usize; 32]| if command[0] % 2 == 1 { Part::All } else { Part::Nothing };
    assert_eq!(std::iter::from_fn(|| queue.take_own_part(odd)).count(), COUNT / 2);
    assert_eq!(std::iter::from_fn(|| queue.pop_own()).count(), COUNT / 2);
}

#[test]
fn room_that_is_reserved_is_taken_until_it_is_used_or_given_back() {
    let (queue, wakes) = queue(10);
    on_other_thread(|| {
        let (first, second) = (queue.reserve(6, WhenNoRoom::Fail), queue.reserve(4, WhenNoRoom::Fail));
        assert_eq!(queue.reserve(1, WhenNoRoom::Fail).err(), Some(HandleError::Full));
        assert_eq!(queue.push(9, 1, WhenNoRoom::Fail), Err(HandleError::Full));
        assert_eq!((queue.has_room(1), queue.len(), wakes.0.load(Ordering::Relaxed)), (false, 0, 0));
        drop(first);
        assert_eq!((queue.has_room(6), queue.has_room(7)), (true, false));
        second.expect("there was room").push(1);
        assert_eq!(queue.push(2, 6, WhenNoRoom::Fail), Ok(()));
        assert_eq!(queue.push(3, 1, WhenNoRoom::Fail), Err(HandleError::Full));
    });
    assert_eq!((taken(&queue), wakes.0.load(Ordering::Relaxed)), (vec![1, 2], 1));
    let own = queue.reserve(100, WhenNoRoom::Fail).expect("the thread of the loop has room");
    own.push(4);
    assert_eq!((queue.pop_own(), queue.has_room(10)), (Some(4), true));
    let late = on_other_thread(|| queue.reserve(1, WhenNoRoom::Fail).map(drop));
    assert_eq!(late, Ok(()));
    queue.close();
    assert_eq!(queue.reserve(1, WhenNoRoom::Fail).err(), Some(HandleError::Stopped));
    assert_eq!(on_other_thread(|| queue.reserve(1, WhenNoRoom::Wait).err()), Some(HandleError::Stopped));
    assert!(!queue.has_room(0));
}

#[test]
fn s17_a_thread_that_waits_goes_on_when_something_else_gives_room() {
    let (queue, _) = queue(10);
    let wait_until = |act: &(dyn Fn() + Sync)| {
        thread::scope(|scope| {
            let waits = scope.spawn(|| queue.push(9, 10, WhenNoRoom::Wait));
            // Usually it is asleep by then.
            (0..1000).for_each(|_| thread::yield_now());
            assert!(!waits.is_finished());
            act();
            assert_eq!(waits.join().expect("the thread does not panic"), Ok(()));
        });
    };
    let room = Mutex::new(on_other_thread(|| queue.reserve(10, WhenNoRoom::Fail).ok()));
    wait_until(&|| drop(room.lock().expect("nothing panics").take()));
    assert_eq!(taken(&queue), [9]);
    on_other_thread(|| {
        queue.push_or_note("red", 1, 10);
        queue.push_or_note("red", 2, 1);
    });
    assert_eq!(taken(&queue), [1]);
    wait_until(&|| assert_eq!(queue.take_missed(), [("red".into(), 2)].into()));
    wait_until(&|| queue.set_max_bytes(20));
    assert_eq!(taken(&queue), [9, 9]);
}

#[test]
fn a_command_for_a_loop_that_ends_meanwhile_is_dropped() {
    let (queue, _) = queue(10);
    on_other_thread(|| {
        let room = queue.reserve(1, WhenNoRoom::Fail).expect("the queue is empty");
        queue.close();
        room.push(1);
        queue.push_or_note("red", 2, 100);
    });
    assert_eq!((queue.len(), queue.take_missed().len()), (0, 0));
}

#[test]
fn what_finds_no_room_is_noted_once_and_nothing_overtakes_the_note() {
    let (queue, wakes) = queue(10);
    on_other_thread(|| {
        queue.push_or_note("red", 1, 10);
        for (key, command) in [("red", 2), ("red", 3), ("blue", 4)] {
            queue.push_or_note(key, command, 1);
        }
    });
    assert_eq!((taken(&queue), wakes.0.load(Ordering::Relaxed)), (vec![1], 1));
    let refused = on_other_thread(|| queue.push(5, 1, WhenNoRoom::Fail));
    assert_eq!(refused, Err(HandleError::Full), "it would come before what is missed");
    on_other_thread(|| queue.push_or_note("red", 6, 1));
    assert_eq!((taken(&queue), queue.take_missed()), (vec![], [("red".into(), 2), ("blue".into(), 4)].into()));
    on_other_thread(|| queue.push_or_note("red", 7, 1));
    assert_eq!((taken(&queue), queue.take_missed().len()), (vec![7], 0));
}

#[test]
fn a_loop_is_woken_for_what_it_has_missed() {
    let (queue, wakes) = queue(10);
    on_other_thread(|| {
        let _room = queue.reserve(10, WhenNoRoom::Fail).expect("the queue is empty");
        queue.push_or_note("red", 1, 1);
    });
    assert_eq!((queue.has_foreign(), wakes.0.load(Ordering::Relaxed)), (true, 1));
}
