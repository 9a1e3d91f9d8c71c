//! Members that do not read, or speak too much.

use crate::support::{Member, Mortal, Process, SETTINGS, two, two_and_anna};
use statesocket::{CloseCode, server::Limits};
use statesocket_rooms::protocol::FromServer;

#[test]
fn a_member_that_never_reads_ends_with_1013_and_comes_back() {
    let broker = Mortal::new();
    let mut a = Process::new(&broker, SETTINGS);
    a.server.set_limits(Limits::default().with(|limits| limits.max_room_backlog = 10_000));
    a.settle();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    let mut slow = Member::with_pipe(&mut a, "1", "slow", None, 1_000);
    a.settle();
    slow.take();
    slow.client.stop_reading();
    let texts: Vec<_> = (0..20).map(|number| format!("{number} {}", "x".repeat(1_000))).collect();
    for text in &texts {
        anna.say(text);
        a.settle();
        assert_eq!(anna.hears(), [text.as_str()], "the others hear it at once");
    }
    slow.client.resume_reading();
    a.settle();
    assert_eq!(slow.end_code(), Some(1013.into()));
    let mut heard = slow.hears();
    assert!(!heard.is_empty() && heard.len() < 20, "{} messages before the end", heard.len());
    let mut again = Member::join(&mut a, "1", "slow", slow.last);
    a.settle();
    heard.extend(again.hears());
    assert_eq!(heard, texts);
}

#[test]
fn a_member_with_many_unanswered_messages_is_not_read() {
    let (_, mut a, _, mut anna) = two_and_anna();
    for number in 0..100 {
        anna.say(&number.to_string());
    }
    a.serve(usize::MAX);
    let answers = a.write();
    assert_eq!(answers.len(), 64);
    a.send(answers);
    a.settle();
    let acknowledged = anna.look().iter().filter(|news| matches!(news, FromServer::Acknowledged { .. })).count();
    assert_eq!(acknowledged, 100, "and goes on when the answers have come");
}

#[test]
fn a_full_queue_sends_members_away_with_1013() {
    let (_, mut a, _) = two();
    // 63 members that the sequencer knows say 63 messages each, and more.
    let mut members: Vec<_> = (0..70).map(|number| Member::join(&mut a, "1", &format!("m{number}"), None)).collect();
    a.settle();
    for member in &mut members {
        for number in 0..63 {
            member.say(&number.to_string());
        }
    }
    a.server.settle();
    let ends = members.iter_mut().filter_map(Member::end_code).collect::<Vec<_>>();
    assert_eq!(ends, [CloseCode::TRY_AGAIN_LATER; 5], "4096 inputs are 65 members and one message");
    let mut late = Member::join(&mut a, "1", "late", None);
    assert_eq!(late.end_code(), Some(1013.into()));
    a.settle();
    let mut again = Member::join(&mut a, "1", "late", None);
    a.settle();
    assert!(again.has_joined());
}
