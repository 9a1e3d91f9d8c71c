//! Who is in a room.

use crate::support::{Member, Mortal, Process, two, two_and_a_member_each, two_and_anna};
use statesocket_rooms::{bus::Input, protocol::FromServer};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The last names that the member was told, if it was told any since the last look.
fn present(member: &mut Member) -> Option<Vec<String>> {
    member.look().into_iter().rev().find_map(|news| match news {
        FromServer::Present { count, names } => {
            assert_eq!(count, names.len());
            Some(names)
        }
        _ => None,
    })
}

/// A second passes for these processes and their broker.
fn second<const N: usize>(broker: &Mortal, processes: [&mut Process; N]) {
    broker.pass(SECOND);
    for process in processes {
        process.act();
        process.tick();
        process.settle();
    }
}

#[test]
fn members_of_all_processes_are_present() {
    let (broker, mut a, mut b) = two();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    let mut berta = Member::join(&mut b, "1", "berta", None);
    let mut clara = Member::join(&mut b, "2", "clara", None);
    a.settle();
    b.settle();
    for _ in 0..2 {
        second(&broker, [&mut b, &mut a]);
    }
    assert_eq!(present(&mut anna), Some(vec!["anna".into(), "berta".into()]));
    assert_eq!(present(&mut berta), Some(vec!["anna".into(), "berta".into()]));
    assert_eq!(present(&mut clara), Some(vec!["clara".into()]));
    for _ in 0..20 {
        second(&broker, [&mut a, &mut b]);
        assert_eq!(present(&mut anna), None, "no news");
    }
    drop(berta);
    second(&broker, [&mut b, &mut a]);
    assert_eq!(present(&mut anna), Some(vec!["anna".into()]));
}

#[test]
fn a_member_that_had_to_wait_is_told_who_is_there_though_it_is_no_news() {
    let (broker, mut a, mut b, mut anna) = two_and_anna();
    anna.say("one");
    a.settle();
    anna.take();
    let mut again = Member::join(&mut b, "1", "anna", anna.last);
    for _ in 0..2 {
        b.tick();
        b.act();
    }
    assert!(!again.has_joined());
    b.settle();
    assert!(again.has_joined());
    assert_eq!(present(&mut again), None);
    second(&broker, [&mut b]);
    assert_eq!(present(&mut again), Some(vec!["anna".into()]));
}

#[test]
fn a_room_without_members_is_forgotten() {
    let (broker, mut a, _, anna) = two_and_anna();
    second(&broker, [&mut a]);
    drop(anna);
    second(&broker, [&mut a]);
    a.tick();
    a.serve(1);
    assert!(!a.is_asked());
}

#[test]
fn a_note_that_finds_no_room_is_made_again() {
    let (broker, mut a, _, mut anna) = two_and_anna();
    a.tick();
    a.serve(1);
    assert!(a.is_asked());
    a.take_no_request();
    second(&broker, [&mut a]);
    assert_eq!(present(&mut anna), Some(vec!["anna".into()]));
}

#[test]
fn members_are_noted_at_once_after_a_long_outage() {
    let (broker, mut a, _, mut anna) = two_and_anna();
    second(&broker, [&mut a]);
    assert_eq!(present(&mut anna), Some(vec!["anna".into()]));
    broker.die();
    a.settle();
    broker.pass(60 * SECOND);
    broker.revive();
    a.settle();
    second(&broker, [&mut a]);
    assert_eq!(present(&mut anna), None, "nobody seems to have gone");
}

#[test]
fn the_members_of_a_killed_process_disappear_after_half_a_minute() {
    let (broker, mut a, mut b, [mut anna, _berta]) = two_and_a_member_each();
    second(&broker, [&mut b, &mut a]);
    assert_eq!(present(&mut anna).map(|names| names.len()), Some(2));
    drop(b);
    let mut seconds = 0;
    let left = loop {
        second(&broker, [&mut a]);
        seconds += 1;
        assert!(seconds < 60);
        if let Some(left) = present(&mut anna) {
            break left;
        }
    };
    assert_eq!((seconds, left), (30, vec!["anna".into()]));
}

#[test]
fn a_process_that_stops_takes_its_members_along() {
    let (broker, mut a, mut b, [mut anna, _berta]) = two_and_a_member_each();
    second(&broker, [&mut b, &mut a]);
    assert_eq!(present(&mut anna).map(|names| names.len()), Some(2));
    b.server.handle().shutdown(1012, SECOND).expect("it runs");
    b.act();
    b.sequencer.handle(Input::Stop);
    b.act();
    second(&broker, [&mut a]);
    assert_eq!(present(&mut anna).map(|names| names.len()), Some(1));
}

#[test]
fn members_are_noted_again_when_the_broker_is_back() {
    let (broker, mut a, _, mut anna) = two_and_anna();
    broker.die();
    // It has not been noticed: the first note fails.
    second(&broker, [&mut a]);
    let mut berta = Member::join(&mut a, "1", "berta", None);
    a.settle();
    second(&broker, [&mut a]);
    assert_eq!(present(&mut anna), None);
    broker.revive();
    a.settle();
    second(&broker, [&mut a]);
    assert_eq!(present(&mut anna), Some(vec!["anna".into(), "berta".into()]));
    assert_eq!(present(&mut berta).map(|names| names.len()), Some(2));
}

#[test]
fn fifty_names_are_told_and_all_are_counted() {
    let (broker, mut a, _) = two();
    let mut members: Vec<_> = (10..70).map(|number| Member::join(&mut a, "1", &format!("m{number}"), None)).collect();
    a.settle();
    second(&broker, [&mut a]);
    let news = members[0].look();
    let told = news.iter().find_map(|news| match news {
        FromServer::Present { count, names } => Some((*count, names.len(), names[0].as_str())),
        _ => None,
    });
    assert_eq!(told, Some((60, 50, "m10")));
}
