//! Looks at sessions, by numbers alone.

#![expect(clippy::disallowed_methods, reason = "an `Instant` can only be made by asking for one")]

use super::*;

fn holdings(bytes: &[usize]) -> Vec<Holding> {
    bytes.iter().enumerate().map(|(key, bytes)| Holding { key, bytes: *bytes, kept: 0, shared: None }).collect()
}

#[test]
fn a11_the_level_leaves_half_of_the_limit_to_those_that_hold_little() {
    for (bytes, sum, expected) in [
        (&[][..], 0, usize::MAX),
        (&[100], 100, usize::MAX),
        (&[100], 99, 64),
        (&[100, 100, 1], 129, 64),
        (&[100, 100, 1], 128, 32),
        (&[1 << 20, 8, 8, 8, 8], 1000, 512),
        (&[5, 5], 0, 0),
        (&[usize::MAX / 2, usize::MAX / 2], 1 << 40, 1 << 39),
    ] {
        assert_eq!(level(&holdings(bytes), sum), expected, "{bytes:?} and {sum}");
    }
}

#[test]
fn a11_the_largest_end_until_the_rest_is_little_enough() {
    assert_eq!(largest(holdings(&[10, 40, 30, 20]), 60), [1, 2]);
    assert_eq!(largest(holdings(&[10, 40, 30, 20]), 1), [1]);
    assert_eq!(largest(holdings(&[10, 40]), 100), [1, 0]);
}

#[test]
fn a11_shared_bytes_count_once_and_are_divided() {
    let (one, two) = ([0; 2], [0; 2]);
    let mut holdings = holdings(&[100, 60, 1000, 500, 7]);
    for (key, shared) in [(0, (90, &one)), (1, (60, &one)), (2, (1000, &two))] {
        holdings[key].shared = Some((shared.0, shared.1.as_ptr()));
    }
    divide_shared(&mut holdings);
    // The first two share 90 bytes.
    assert_eq!(holdings.iter().map(|holding| holding.bytes).collect::<Vec<_>>(), [10 + 54, 36, 1000, 500, 7]);
}

#[test]
fn a11_what_is_kept_counts_and_is_no_reason_to_stop_reading() {
    const LIMIT: usize = 1 << 20;
    let (mut holdings, now) = (Holdings::new(LIMIT), Instant::now());
    holdings.make_place(2);
    let holding = |key, bytes, kept| Holding { key, bytes, kept, shared: None };
    let all = [holding(0, LIMIT / 2, LIMIT / 2), holding(1, LIMIT / 2, LIMIT / 4), holding(2, 100, 0)];
    let too_much = Finding::TooMuch { largest: vec![1] };
    assert_eq!(holdings.look(all.to_vec(), now), too_much, "the last of the largest");
    let all = [holding(0, LIMIT / 2, LIMIT / 2), holding(1, 3 * LIMIT / 8, LIMIT / 4), holding(2, 100, 0)];
    let room = LIMIT / 8 - 100;
    assert_eq!(holdings.look(all.to_vec(), now), Finding::Room { most: vec![1], room });
    // A quarter is left for what is not kept, and half of that is the aim.
    let level = LIMIT / 16;
    assert!(!holdings.note(0, LIMIT / 2 + level, LIMIT / 2));
    assert!(holdings.note(0, LIMIT / 2 + level + UNIT, LIMIT / 2));
    assert!(!holdings.note(2, LIMIT / 2, LIMIT / 2));
    assert!(holdings.is_high());
}

#[test]
fn a11_bytes_that_fill_no_unit_do_not_hide_who_is_not_read() {
    const LIMIT: usize = 1 << 12;
    let (mut holdings, now) = (Holdings::new(LIMIT), Instant::now());
    let all: Vec<_> = [mark(LIMIT) - 100, UNIT - 1, UNIT - 1].into_iter().enumerate().collect();
    for (key, bytes) in &all {
        holdings.make_place(*key);
        holdings.note(*key, *bytes, 0);
    }
    assert!(holdings.sum() < mark(LIMIT));
    let all = all.into_iter().map(|(key, bytes)| Holding { key, bytes, kept: 0, shared: None });
    let Finding::Room { most, .. } = holdings.look(all.collect(), now) else { panic!("none must end") };
    assert_eq!((most, holdings.next_look()), (vec![0], Some(now + PAUSE)));
    holdings.note(0, 0, 0);
    assert!(holdings.is_look_due(now + PAUSE));
    assert_eq!(holdings.look(vec![], now + PAUSE), Finding::Room { most: vec![], room: LIMIT });
    assert_eq!(holdings.next_look(), None);
}

#[test]
fn a11_a_look_is_due_while_the_sum_is_high_and_not_at_each_change() {
    const LIMIT: usize = 1 << 20;
    let (mut holdings, now) = (Holdings::new(LIMIT), Instant::now());
    holdings.make_place(3);
    let nobody = Finding::Room { most: vec![], room: LIMIT };
    assert!(!holdings.note(3, mark(LIMIT), 0) && !holdings.is_look_due(now));
    assert!(!holdings.note(0, UNIT, 0) && holdings.is_look_due(now));

    let all = [
        Holding { key: 3, bytes: mark(LIMIT), kept: 0, shared: None },
        Holding { key: 0, bytes: 64, kept: 0, shared: None },
    ];
    let room = LIMIT - mark(LIMIT) - 64;
    assert_eq!(holdings.look(all.to_vec(), now), Finding::Room { most: vec![3], room });
    assert!(!holdings.is_look_due(now) && holdings.is_look_due(now + PAUSE));
    assert_eq!(holdings.next_look(), Some(now + PAUSE));
    let level = LIMIT / 4;
    assert_eq!(
        [1, level, level + UNIT, level + 2 * UNIT].map(|bytes| holdings.note(1, bytes, 0)),
        [false, false, true, false]
    );
    assert!(holdings.is_look_due(now), "it has grown by more than a step, and above the limit");
    let too_much = [all.as_slice(), &[Holding { key: 1, bytes: level + 64, kept: 0, shared: None }]].concat();
    assert_eq!(holdings.look(too_much, now), Finding::TooMuch { largest: vec![3] });
    assert!(holdings.is_look_due(now));

    for key in [0, 1, 3] {
        holdings.note(key, 0, 0);
    }
    assert_eq!(holdings.look(vec![], now), nobody);
    assert!(!holdings.is_look_due(now + PAUSE) && holdings.next_look().is_none());
    assert!(!holdings.note(1, level + UNIT, 0), "all are read again");
    holdings.note(1, LIMIT, 0);
    holdings.set_limit(usize::MAX);
    assert!(!holdings.is_look_due(now));
    holdings.set_limit(0);
    assert!(holdings.is_look_due(now));
    holdings.note(1, 0, 0);
    holdings.reset(1);
    assert_eq!((holdings.sum, holdings.held.capacity() < 8), (0, true));
}
