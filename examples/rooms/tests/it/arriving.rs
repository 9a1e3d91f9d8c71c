//! What a member gets when it comes.

use crate::support::{Member, Mortal, Process, SETTINGS, two};
use statesocket_rooms::{id::Id, protocol::FromServer, sequencer::Settings};

fn may_have_gap(member: &mut Member) -> Option<bool> {
    member.look().into_iter().find_map(|news| match news {
        FromServer::Joined { may_have_gap, .. } => Some(may_have_gap),
        _ => None,
    })
}

/// The ids of the messages that a member has heard.
fn ids(member: &mut Member) -> Vec<Id> {
    let id = |news: &FromServer| match news {
        FromServer::Message { id, .. } => Some(*id),
        _ => None,
    };
    member.look().iter().filter_map(id).collect()
}

/// A process in whose room "1" so many messages were said, numbered from 0, with one in another room behind every
/// second.
fn process_with(messages: usize, settings: Settings) -> (Process, Member) {
    let mut a = Process::new(&Mortal::new(), settings);
    a.settle();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    let mut other = Member::join(&mut a, "2", "other", None);
    for number in 0..messages {
        anna.say(&number.to_string());
        a.settle();
        if number % 2 == 0 {
            other.say("of the other room");
            a.settle();
        }
    }
    (a, anna)
}

#[test]
fn a_new_member_gets_the_newest_messages() {
    for (said, heard) in [(0, vec![]), (2, vec!["0", "1"]), (3, vec!["0", "1", "2"]), (5, vec!["2", "3", "4"])] {
        let (mut a, _anna) = process_with(said, SETTINGS);
        let mut berta = Member::join(&mut a, "1", "berta", None);
        a.settle();
        assert_eq!(berta.hears(), heard);
        let mut clara = Member::join(&mut a, "1", "clara", None);
        a.settle();
        assert_eq!(may_have_gap(&mut clara), Some(false), "a new member misses nothing");
    }
}

#[test]
fn after_zero_is_everything() {
    let (mut a, mut anna) = process_with(5, SETTINGS);
    let mut berta = Member::join(&mut a, "1", "berta", "0".parse().ok());
    a.settle();
    assert_eq!(berta.hears(), anna.hears());
}

#[test]
fn older_messages_than_are_kept_are_a_gap() {
    let settings = Settings { max_entries: 4, ..SETTINGS };
    let (mut a, mut anna) = process_with(5, settings);
    let ids = ids(&mut anna);
    // Of the eight messages the last four are kept, of which two are of this room.
    for (after, has_gap) in [(ids[0], true), (ids[1], true), (ids[2], false), (ids[3], false), (ids[4], false)] {
        let mut berta = Member::join(&mut a, "1", "berta", Some(after));
        a.settle();
        assert_eq!(may_have_gap(&mut berta), Some(has_gap), "{after}");
    }
    let mut clara = Member::join(&mut a, "1", "clara", "0".parse().ok());
    a.settle();
    assert_eq!(may_have_gap(&mut clara), Some(true), "not everything is kept");
    let mut dora = Member::join(&mut a, "1", "dora", None);
    a.settle();
    assert_eq!(dora.hears(), ["3", "4"]);
}

#[test]
fn a_process_that_came_later_knows_of_the_gap_in_the_broker() {
    let (mut a, mut anna) = process_with(1, SETTINGS);
    anna.take();
    let mut late = Process::new(&Mortal::new(), SETTINGS);
    late.settle();
    let mut again = Member::join(&mut late, "1", "anna", anna.last);
    late.settle();
    assert_eq!(may_have_gap(&mut again), Some(true), "its broker has lost everything");
    a.settle();
}

#[test]
fn a_process_that_came_late_does_not_know_what_the_broker_has_dropped() {
    let broker = Mortal::with_room_for(2);
    let mut a = Process::new(&broker, SETTINGS);
    a.settle();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    for number in 0..4 {
        anna.say(&number.to_string());
        a.settle();
    }
    let mut late = Process::new(&broker, SETTINGS);
    late.settle();
    let ids = ids(&mut anna);
    for (after, has_gap) in [(Id::START, false), (ids[0], true), (ids[2], false), (ids[3], false)] {
        let mut berta = Member::join(&mut late, "1", "berta", Some(after));
        late.settle();
        assert_eq!(may_have_gap(&mut berta), Some(has_gap), "{after}");
    }
    let mut at_the_old_one = Member::join(&mut a, "1", "berta", Some(ids[0]));
    a.settle();
    assert_eq!(may_have_gap(&mut at_the_old_one), Some(false), "the first process has all");
}

#[test]
fn pages_wait_for_a_member_that_reads_slowly() {
    let settings = Settings { page_bytes: 10_000, ..SETTINGS };
    let broker = Mortal::new();
    let mut a = Process::new(&broker, settings);
    a.settle();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    let text = "x".repeat(8_000);
    for number in 0..100 {
        anna.say(&format!("{number} {text}"));
        a.settle();
    }
    let all = anna.hears();
    let mut slow = Member::with_pipe(&mut a, "1", "slow", "0".parse().ok(), 1_000);
    slow.client.stop_reading();
    a.settle();
    let mut queued = 0;
    a.server.for_each(|session| queued = queued.max(session.output_len()));
    assert!((10_000..150_000).contains(&queued), "{queued} of 800,000 bytes wait for the member");
    anna.say("live");
    a.settle();
    slow.client.resume_reading();
    a.settle();
    let heard = slow.hears();
    assert_eq!(heard.len(), 101);
    assert_eq!(heard[..100], all[..]);
    assert_eq!(heard[100], "live");
}

#[test]
fn joined_comes_behind_the_older_messages() {
    let (mut a, _anna) = process_with(2, SETTINGS);
    let mut berta = Member::join(&mut a, "1", "berta", None);
    a.settle();
    let news = berta.look();
    let joined = news.iter().position(|news| matches!(news, FromServer::Joined { .. }));
    assert_eq!(joined, Some(2), "{news:?}");
}

#[test]
fn a_lost_broker_does_not_keep_a_member_from_the_history() {
    let broker = Mortal::new();
    let mut a = Process::new(&broker, SETTINGS);
    a.settle();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    a.settle();
    anna.say("before");
    a.settle();
    broker.die();
    a.settle();
    let mut berta = Member::join(&mut a, "1", "berta", None);
    a.settle();
    assert_eq!(berta.hears(), ["before"]);
}

#[test]
fn rooms_are_apart_from_the_room_of_all() {
    let (_, mut a, _) = two();
    let mut anna = Member::join(&mut a, "all", "anna", None);
    let mut berta = Member::join(&mut a, "1", "berta", None);
    a.settle();
    anna.say("to all?");
    a.settle();
    assert_eq!((anna.hears().len(), berta.hears().len()), (1, 0));
}
