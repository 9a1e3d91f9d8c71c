//! The broker in memory by itself.

use crate::support::MANY;
use statesocket_rooms::{
    broker::{Broker, Memory, Read, Said},
    id::Id,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

fn said(text: &str) -> Said {
    Said { room: "1".to_owned(), name: "anna".to_owned(), text: text.to_owned() }
}

#[test]
fn ids_grow_whatever_the_clock_says() {
    let clock = Arc::new(AtomicU64::new(0));
    let of_memory = Arc::clone(&clock);
    let mut broker = Memory::new(MANY, Duration::ZERO, move || of_memory.load(Ordering::Relaxed));
    let mut ids = Vec::new();
    for time in [5, 5, 3, 5, 6, 6] {
        clock.store(time, Ordering::Relaxed);
        ids.extend(broker.add(&[said("a")]).expect("it lives"));
    }
    let texts: Vec<_> = ids.iter().map(Id::to_string).collect();
    assert_eq!(texts, ["5-0", "5-1", "5-2", "5-3", "6-0", "6-1"]);
}

#[test]
fn ids_are_read_as_they_are_written() {
    for (text, id) in
        [("7-3", Some((7, 3))), ("7", Some((7, 0))), ("", None), ("7-", None), ("-7", None), ("a-1", None)]
    {
        let expected = id.map(|(time, number)| Id { time, number });
        assert_eq!(text.parse().ok(), expected, "{text:?}");
    }
    assert_eq!(serde_json::to_string(&Id { time: 7, number: 3 }).expect("JSON"), "\"7-3\"");
    assert!(serde_json::from_str::<Id>("\"x\"").is_err());
}

#[test]
fn a_read_has_256_messages_at_most_and_says_whether_there_are_more() {
    let mut broker = Memory::new(MANY, Duration::ZERO, || 1);
    let ids = broker.add(&vec![said("a"); 600]).expect("it lives");
    let mut after = Id::START;
    for (count, is_end) in [(256, false), (256, false), (88, true), (0, true)] {
        let read = broker.read(after).expect("it lives");
        assert_eq!((read.entries.len(), read.is_end), (count, is_end));
        after = read.entries.last().map_or(after, |entry| entry.id);
    }
    assert_eq!(after, ids[599]);
}

#[test]
fn the_newest_messages_are_kept() {
    let mut broker = Memory::new(2, Duration::ZERO, || 1);
    broker.add(&["a", "b", "c"].map(said)).expect("it lives");
    let Read { entries, .. } = broker.read(Id::START).expect("it lives");
    assert_eq!(entries.iter().map(|entry| &*entry.said.text).collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn a_read_waits_for_a_message() {
    let mut broker = Memory::new(MANY, Duration::from_secs(60), || 1);
    let mut reader = broker.clone();
    let read = thread::spawn(move || reader.read(Id::START));
    broker.add(&[said("hello")]).expect("it lives");
    let read = read.join().expect("no panic").expect("it lives");
    assert_eq!(read.entries[0].said, said("hello"));
}
