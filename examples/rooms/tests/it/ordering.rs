//! Every message once and in one order, wherever a member comes from.

use crate::support::{MANY, Member, Mortal, Process, SETTINGS, two, two_and_anna};
use statesocket_rooms::{bus::Input, protocol::FromServer};

#[test]
fn members_hear_their_room_in_all_processes() {
    let (_, mut a, mut b) = two();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    let (mut berta, mut clara) = (Member::join(&mut b, "1", "berta", None), Member::join(&mut b, "2", "clara", None));
    a.settle();
    b.settle();
    anna.say("hello");
    a.settle();
    b.settle();
    let news = anna.look();
    let said = news.iter().find(|news| matches!(news, FromServer::Message { .. })).expect("the speaker hears it");
    let FromServer::Message { id, name, text } = said else { unreachable!("it is a message") };
    assert_eq!((&**name, &**text), ("anna", "hello"));
    assert!(news.contains(&FromServer::Acknowledged { key: 1, id: *id }), "{news:?}");
    assert!(berta.look().contains(said));
    assert_eq!(clara.hears(), [""; 0], "another room");
}

/// The trap: the member knows messages that its new process has not read yet.
#[test]
fn a_member_ahead_of_its_process_is_told_nothing_twice() {
    for read_before in 0..=2 {
        let (_, mut a, mut b, mut anna) = two_and_anna();
        for text in ["one", "two"].into_iter().take(read_before) {
            anna.say(text);
            a.settle();
        }
        b.settle();
        for text in ["one", "two"].into_iter().skip(read_before) {
            anna.say(text);
            a.settle();
        }
        anna.say("three");
        a.act();
        assert_eq!(anna.hears(), ["one", "two"], "the third is stored, and not read");
        drop(a);
        let mut again = Member::join(&mut b, "1", "anna", anna.last);
        b.act();
        assert_eq!(again.has_joined(), read_before == 2, "the others wait for the follower");
        b.settle();
        assert_eq!(again.hears(), ["three"], "{read_before} were read before");
    }
}

#[test]
fn a_member_between_two_messages_of_one_read_hears_the_second() {
    let (_, mut a, mut b, mut anna) = two_and_anna();
    anna.say("one");
    a.settle();
    anna.say("two");
    a.settle();
    let news = anna.look();
    let ids = news.iter().filter_map(|news| match news {
        FromServer::Message { id, .. } => Some(*id),
        _ => None,
    });
    let first = ids.min().expect("two messages");
    let mut again = Member::join(&mut b, "1", "anna", Some(first));
    b.act();
    assert!(!again.has_joined());
    let both = b.read();
    assert!(matches!(&both[..], [Input::Entries(entries), Input::End] if entries.len() == 2), "{both:?}");
    b.send(both);
    b.act();
    assert_eq!(again.hears(), ["two"]);
}

/// An end that was reached before the member came says nothing of what the member knows.
#[test]
fn an_end_from_before_a_member_came_does_not_let_it_in() {
    let (_, mut a, mut b, mut anna) = two_and_anna();
    let end_before = b.read();
    assert!(matches!(&end_before[..], [Input::End]), "{end_before:?}");
    anna.say("one");
    a.settle();
    anna.take();
    let mut again = Member::join(&mut b, "1", "anna", anna.last);
    b.send(end_before);
    b.act();
    assert!(!again.has_joined(), "the process has not read the message");
    b.settle();
    assert!(again.has_joined());
    assert_eq!(again.hears(), [""; 0]);
}

#[test]
fn a_member_with_an_id_that_nobody_has_does_not_wait_for_ever() {
    let (_, mut a, _) = two();
    let mut berta = Member::join(&mut a, "1", "berta", None);
    a.settle();
    berta.say("before");
    a.settle();
    let mut anna = Member::join(&mut a, "1", "anna", "9999999999999-0".parse().ok());
    a.settle();
    let news = anna.look();
    let joined = |news: &FromServer| matches!(news, FromServer::Joined { may_have_gap: true, .. });
    assert!(news.iter().any(joined), "{news:?}");
    anna.say("hello");
    a.settle();
    assert_eq!(anna.hears(), ["hello"], "though its id is below");
}

#[test]
fn nothing_is_missed_between_the_history_and_the_room() {
    let (_, mut a, _, mut anna) = two_and_anna();
    for text in ["one", "two"] {
        anna.say(text);
    }
    a.settle();
    let mut berta = Member::join(&mut a, "1", "berta", "0".parse().ok());
    anna.say("three");
    // The message is read before the sequencer knows of the member, or after, or between.
    for _ in 0..4 {
        a.serve(1);
        let answers = a.write();
        a.send(answers);
        let news = a.read();
        a.send(news);
    }
    a.settle();
    assert_eq!(berta.hears(), ["one", "two", "three"]);
    assert_eq!(anna.hears(), ["one", "two", "three"]);
}

#[test]
fn a_new_process_reads_what_was_said_before() {
    let broker = Mortal::new();
    let mut a = Process::new(&broker, SETTINGS);
    a.settle();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    for round in 0..6 {
        for number in 0..50 {
            anna.say(&format!("{round}.{number}"));
        }
        a.settle();
    }
    let all = anna.hears();
    assert_eq!(all.len(), 300, "more than one read of the broker");
    let mut late = Process::new(&broker, SETTINGS);
    let mut berta = Member::join(&mut late, "1", "berta", "0".parse().ok());
    late.act();
    assert!(!berta.has_joined(), "the process knows nothing yet");
    late.settle();
    assert_eq!(berta.hears(), all);
}

#[test]
fn a_stopped_process_sends_its_members_away_with_1012() {
    let (_, mut a, mut b, mut anna) = two_and_anna();
    anna.say("one");
    a.settle();
    a.server.handle().shutdown(1012, std::time::Duration::from_secs(5)).expect("it runs");
    anna.say("two");
    a.serve(MANY);
    assert_eq!(anna.end_code(), Some(1012.into()));
    assert_eq!(anna.hears(), ["one"]);
    a.sequencer.handle(Input::Stop);
    a.act();
    let mut again = Member::join(&mut b, "1", "anna", anna.last);
    b.settle();
    let heard = again.hears();
    // Nobody has acknowledged the second, which came together with the end.
    assert!(heard.is_empty() || heard == ["two"], "{heard:?}");
    assert!(!heard.contains(&"one".to_owned()));
}
