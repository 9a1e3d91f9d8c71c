//! What a speaker is told.

use crate::support::{Member, two_and_a_member_each, two_and_anna};
use statesocket_rooms::protocol::FromServer;

/// Whether the message `key` was refused, and may be stored.
fn refused(news: &[FromServer], wanted: u64) -> Option<(String, bool)> {
    news.iter().find_map(|news| match news {
        FromServer::Refused { key, reason, may_be_stored } if *key == wanted => Some((reason.clone(), *may_be_stored)),
        _ => None,
    })
}

#[test]
fn a_dead_broker_refuses_and_buffers_nothing() {
    let (broker, mut a, mut b, [mut anna, mut berta]) = two_and_a_member_each();
    broker.die();
    anna.say("not noticed yet");
    a.act();
    assert_eq!(refused(&anna.look(), 1), Some(("dead".to_owned(), false)));
    a.settle();
    b.settle();
    anna.say("noticed");
    a.serve(usize::MAX);
    assert!(!a.is_asked(), "nothing waits for the broker");
    let news = anna.look();
    assert_eq!(refused(&news, 2), Some(("the broker is lost".to_owned(), false)));
    assert!(news.contains(&FromServer::Broker { is_lost: true }));
    assert!(berta.look().contains(&FromServer::Broker { is_lost: true }));

    let mut clara = Member::join(&mut a, "1", "clara", None);
    a.settle();
    assert!(clara.look().contains(&FromServer::Broker { is_lost: true }), "who comes now learns it, too");

    broker.revive();
    a.settle();
    b.settle();
    for member in [&mut anna, &mut berta, &mut clara] {
        let news = member.look();
        assert!(news.contains(&FromServer::Broker { is_lost: false }), "{news:?}");
    }
    anna.say("again");
    a.settle();
    b.settle();
    assert_eq!(anna.hears(), ["again"], "and nothing of before");
    assert_eq!(berta.hears(), ["again"]);
}

#[test]
fn a_loss_is_told_once() {
    let (broker, mut a, _, mut anna) = two_and_anna();
    anna.look();
    broker.die();
    a.settle();
    a.settle();
    assert_eq!(anna.look(), [FromServer::Broker { is_lost: true }]);
}

#[test]
fn a_lost_answer_is_a_refusal_of_what_may_be_stored() {
    let (broker, mut a, _, mut anna) = two_and_anna();
    broker.lose_next_answer();
    anna.say("once");
    a.settle();
    let news = anna.look();
    assert_eq!(refused(&news, 1), Some(("no answer".to_owned(), true)));
    let heard = news.iter().filter(|news| matches!(news, FromServer::Message { .. }));
    assert_eq!(heard.count(), 1, "{news:?}");
}

#[test]
fn a_busy_broker_refuses() {
    let (_, mut a, _, mut anna) = two_and_anna();
    anna.say("too much");
    a.serve(usize::MAX);
    a.take_no_request();
    a.settle();
    assert_eq!(refused(&anna.look(), 1), Some(("the broker is busy".to_owned(), false)));
    assert_eq!(anna.hears(), [""; 0]);
}

#[test]
fn answers_come_in_the_order_of_the_messages() {
    let (_, mut a, _, mut anna) = two_and_anna();
    for text in ["one", "two", "three"] {
        anna.say(text);
    }
    a.settle();
    let answered = |news: &FromServer| match news {
        FromServer::Acknowledged { key, id } => Some((*key, *id)),
        _ => None,
    };
    let answers: Vec<_> = anna.look().iter().filter_map(answered).collect();
    assert_eq!(answers.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(answers.is_sorted_by_key(|(_, id)| *id), "{answers:?}");
}
