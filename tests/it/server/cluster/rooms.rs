use super::{SHARINGS, Scene, ask, busy, in_turn, text};
use crate::support::{Raw, loopback::RawClient};
use statesocket::{
    SharedMessage,
    server::{HandleError, Loops, Session},
};
use std::{collections::HashMap, thread};

const LOOPS: usize = 3;

#[test]
fn a_room_spans_the_loops() {
    for sharing in SHARINGS {
        let scene = Scene::new(Loops::new(LOOPS).with(|loops| loops.sharing = *sharing));
        let mut members = scene.room(LOOPS, "red");
        let (mut other, _) = scene.open();
        ask(&mut other, "join blue", 1);
        for sender in 0..LOOPS {
            members[sender].send(Raw::new(Raw::TEXT, format!("say red from {sender}")));
            // The answer of the sender comes behind the messages that wait for it.
            for member in &mut members {
                assert_eq!(text(member), format!("from {sender}"));
            }
            assert_eq!(text(&mut members[sender]), "done 3");
            members[sender].send(Raw::new(Raw::TEXT, format!("others red from {sender}")));
            for (number, member) in members.iter_mut().enumerate() {
                let expected = if number == sender { "done 2".to_owned() } else { format!("from {sender}") };
                assert_eq!(text(member), expected);
            }
        }
        scene.cluster.handle().publish("red", SharedMessage::text("from outside")).expect("the loops run");
        assert!(members.iter_mut().all(|member| text(member) == "from outside"));
        other.send(Raw::new(Raw::TEXT, "say red from a stranger"));
        assert_eq!(text(&mut other), "done 3", "whoever publishes need not be a member");
        assert!(members.iter_mut().all(|member| text(member) == "from a stranger"));
        other.echo("nothing else came");
    }
}

#[test]
fn a_message_reaches_a_loop_where_a_call_before_it_makes_a_member() {
    let scene = Scene::new(in_turn(2));
    let mut clients = scene.one_per_loop(2);
    let (handle, ids) = (scene.cluster.handle(), [clients[0].1, clients[1].1]);
    let join = |room: &'static str| move |session: &mut Session<'_>| assert_eq!(session.join(room), Ok(true));
    let mut reaches = |room: &str, call: &dyn Fn() -> Result<(), HandleError>| {
        let busy = ids.map(|id| busy(&handle, id));
        call().expect("the loops run");
        handle.publish(room, SharedMessage::text(room)).expect("the loops run");
        drop(busy);
        assert!(clients.iter_mut().all(|(client, _)| text(client) == room));
    };
    reaches("red", &|| ids.iter().try_for_each(|id| handle.with_session(*id, join("red"))));
    reaches("blue", &|| handle.for_each(join("blue")));
}

#[test]
fn a_room_counts_the_members_of_all_loops() {
    let scene = Scene::new(in_turn(LOOPS));
    let mut members = scene.room(LOOPS, "red");
    for member in &mut members {
        ask(member, "count red", LOOPS);
        ask(member, "join red", 0);
        ask(member, "count blue", 0);
    }
    members[0].send(Raw::new(Raw::TEXT, "behind red a message of the handle"));
    for message in ["a message of the handle", "done 2"] {
        assert_eq!(text(&mut members[0]), message);
    }
    for member in &mut members[1..] {
        assert_eq!([(); 2].map(|()| text(member)), ["a message of the handle"; 2]);
    }
    ask(&mut members[1], "leave red", 1);
    ask(&mut members[1], "leave red", 0);
    for member in &mut members {
        ask(member, "count red", LOOPS - 1);
    }
    members[2].send(Raw::new(Raw::CLOSE, 1000_u16.to_be_bytes()));
    assert_eq!(members[2].frame().payload[..2], 1000_u16.to_be_bytes());
    for member in &mut members[..2] {
        ask(member, "count red", 1);
    }
    ask(&mut members[1], "say blue nobody is there", 0);
    members[1].send(Raw::new(Raw::TEXT, "say red from elsewhere"));
    assert_eq!((text(&mut members[1]), text(&mut members[0])), ("done 1".to_owned(), "from elsewhere".to_owned()));
}

/// The sender has put it on the loop before the message.
#[test]
fn a_message_reaches_whoever_joins_by_an_earlier_command() {
    let scene = Scene::new(in_turn(2));
    let mut clients = scene.one_per_loop(2);
    let handle = scene.cluster.handle();
    for n in 0..100 {
        let room = format!("room {n}");
        for (_, id) in &clients {
            let room = room.clone();
            handle.with_session(*id, move |session| assert_eq!(session.join(&room), Ok(true))).expect("the loops run");
        }
        handle.publish(&*room, SharedMessage::text(&room)).expect("the loops run");
        for (client, id) in &mut clients {
            let left = room.clone();
            handle.with_session(*id, move |session| assert!(session.leave(&left))).expect("the loops run");
            assert_eq!(text(client), room);
        }
    }
}

/// How many messages each sender publishes.
const MESSAGES: usize = 300;

#[test]
fn each_member_gets_each_senders_messages_whole_and_in_order() {
    for sharing in SHARINGS {
        let scene = Scene::new(Loops::new(LOOPS).with(|loops| loops.sharing = *sharing));
        let (mut members, senders) = (scene.room(LOOPS, "red"), scene.one_per_loop(LOOPS));
        let visitors = scene.one_per_loop(LOOPS);
        thread::scope(|scope| {
            // One per loop, and one outside of all.
            for (number, (mut sender, _)) in senders.into_iter().enumerate() {
                scope.spawn(move || {
                    for n in 0..MESSAGES {
                        sender.send(Raw::new(Raw::TEXT, format!("say red {number} {n}")));
                    }
                    for _ in 0..MESSAGES {
                        assert!(text(&mut sender).starts_with("done "));
                    }
                });
            }
            let handle = scene.cluster.handle().blocking();
            scope.spawn(move || {
                for n in 0..MESSAGES {
                    let message = SharedMessage::text(&format!("{LOOPS} {n}"));
                    handle.publish("red", message).expect("the loops run");
                }
            });
            for (visitor, _) in visitors {
                scope.spawn(move || come_and_go(visitor));
            }
            for member in &mut members {
                scope.spawn(move || all_of_each_sender(member));
            }
        });
        for member in &mut members {
            ask(member, "count red", LOOPS);
        }
    }
}

/// Takes all messages of all senders.
fn all_of_each_sender(member: &mut RawClient) {
    let mut next = [0; LOOPS + 1];
    while next != [MESSAGES; LOOPS + 1] {
        let message = text(member);
        let (sender, n) = message.split_once(' ').expect("two numbers");
        let next = &mut next[sender.parse::<usize>().expect("a number")];
        assert_eq!(n, next.to_string(), "{message} is the next of its sender");
        *next += 1;
    }
}

/// Joins and leaves. Gets of each sender a part without a hole, each time.
fn come_and_go(mut visitor: RawClient) {
    for _ in 0..20 {
        let mut next: HashMap<String, usize> = HashMap::new();
        visitor.send(Raw::new(Raw::TEXT, "join red"));
        visitor.send(Raw::new(Raw::TEXT, "a round"));
        visitor.send(Raw::new(Raw::TEXT, "leave red"));
        visitor.send(Raw::new(Raw::TEXT, "the end"));
        loop {
            let message = text(&mut visitor);
            match &*message {
                "done 1" | "a round" => {}
                "the end" => break,
                _ => {
                    let (sender, n) = message.split_once(' ').expect("two numbers");
                    let n = n.parse::<usize>().expect("a number");
                    let next = next.entry(sender.to_owned()).or_insert(n);
                    assert_eq!(n, *next, "{message} is the next of its sender");
                    *next += 1;
                }
            }
        }
    }
}
