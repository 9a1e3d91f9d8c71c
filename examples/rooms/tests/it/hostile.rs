//! Members that break the rules of the chat.

use crate::support::{Member, two, two_and_anna};
use statesocket_rooms::protocol::FromServer;

#[test]
fn what_is_no_message_of_the_chat_ends_the_session() {
    for (text, code) in [("hello", 1007), ("{}", 1007), (r#"{"key":-1,"text":""}"#, 1007), (r#"{"key":1}"#, 1007)] {
        let (_, mut a, _, mut anna) = two_and_anna();
        anna.client.send_text(text).expect("it is open");
        a.settle();
        assert_eq!(anna.end_code(), Some(code.into()), "{text}");
    }
    let (_, mut a, _) = two();
    let mut anna = Member::join(&mut a, "1", "anna", None);
    anna.client.send_binary(b"hello").expect("it is open");
    a.settle();
    assert_eq!(anna.end_code(), Some(1003.into()));
}

#[test]
fn a_message_of_more_than_16_kib_ends_the_session() {
    let (_, mut a, _, mut anna) = two_and_anna();
    anna.say(&"x".repeat(16_000));
    a.settle();
    assert_eq!(anna.hears().len(), 1);
    anna.say(&"x".repeat(17_000));
    a.settle();
    assert_eq!(anna.end_code(), Some(1009.into()));
    let mut berta = Member::join(&mut a, "1", "berta", None);
    let half = "x".repeat(9_000);
    berta.client.command(|connection| connection.begin_text(&half)).expect("it is open");
    berta.client.command(|connection| connection.continue_text(&half, true)).expect("a message has begun");
    a.settle();
    assert_eq!(berta.end_code(), Some(1009.into()), "in fragments, too");
}

#[test]
fn a_request_with_bad_names_or_ids_is_refused() {
    let (_, mut a, _) = two();
    let long = "x".repeat(65);
    for target in ["1?after=x", "1?after=1-", "1?after=-1", "1?name=", &long, &format!("1?name={long}")] {
        let client = a.server.connect(&format!("/ws/{target}"));
        assert_eq!(client.response().map(|response| response.status.as_u16()), Some(400), "{target}");
    }
    a.settle();
    let client = a.server.connect(&format!("/ws/{}?name={}&after=1", &long[1..], &long[1..]));
    assert_eq!(client.response().map(|response| response.status.as_u16()), Some(101));
}

#[test]
fn names_are_told_as_they_are() {
    let (_, mut a, _) = two();
    let mut anna = Member::join(&mut a, "a%2Fb", "%22%3A%3Cb%3E", None);
    a.settle();
    anna.say("\u{0}\"</script>");
    a.settle();
    let news = anna.look();
    let is_right = |news: &FromServer| {
        matches!(news, FromServer::Message { name, text, .. }
            if name == "\":<b>" && text == "\u{0}\"</script>")
    };
    assert!(news.iter().any(is_right), "{news:?}");
    a.tick();
    a.settle();
    let news = anna.look();
    let names = |news: &FromServer| match news {
        FromServer::Present { names, .. } => Some(names.clone()),
        _ => None,
    };
    assert_eq!(news.iter().find_map(names), Some(vec!["\":<b>".to_owned()]));
}
