use super::{Scene, ask, busy, in_turn, text};
use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient},
};
use statesocket::{
    SharedMessage,
    server::{HandleError, SessionId},
};
use std::{sync::mpsc, thread};

/// Two loops that take 4 KiB of commands, or one that is larger.
fn scene() -> Scene {
    Scene::with(in_turn(2), |limits| limits.max_command_bytes = 4 << 10)
}

/// A client of each loop in the room `red`.
fn members(scene: &Scene, targets: [&str; 2]) -> [(RawClient, SessionId); 2] {
    targets.map(|target| {
        let (mut client, (_, id)) = scene.open_at(target);
        ask(&mut client, "join red", 1);
        (client, id)
    })
}

#[test]
fn a_command_for_several_loops_is_taken_by_all_or_none() {
    let scene = scene();
    let handle = scene.cluster.handle();
    let mut members = members(&scene, ["/", "/"]);
    let release = busy(&handle, members[1].1);
    let publish = |text: &str| handle.publish("red", SharedMessage::text(text));
    let published = (0..).take_while(|n| publish(&n.to_string()).is_ok()).count();
    assert!((1..=4).contains(&published), "{published}");
    while handle.queued_commands() > published {
        thread::yield_now();
    }
    for _ in 0..100 {
        // The first loop has room. It must not keep any of it for what the second does not take.
        assert_eq!(publish("too much"), Err(HandleError::Full));
        let both = [members[0].1, members[1].1];
        assert_eq!(handle.broadcast(both, SharedMessage::text("too much")), Err(HandleError::Full));
        assert_eq!(handle.for_each(|session| session.send_text("too much").unwrap()), Err(HandleError::Full));
    }
    handle.send_text(members[0].1, "the first loop has room").expect("the loop runs");
    drop(release);
    handle.blocking().publish("red", SharedMessage::text("the end")).expect("the loops run");
    for (number, (client, _)) in members.iter_mut().enumerate() {
        for n in 0..published {
            assert_eq!(text(client), n.to_string());
        }
        if number == 0 {
            assert_eq!(text(client), "the first loop has room");
        }
        assert_eq!(text(client), "the end");
    }
}

#[test]
fn members_on_a_loop_that_is_far_behind_learn_that_they_missed_a_message() {
    let scene = scene();
    let handle = scene.cluster.handle();
    let mut members = members(&scene, ["/", "/"]);
    let (_, _) = scene.open();
    let (mut lossy, _) = scene.open_at("/lossy");
    ask(&mut lossy, "join red", 1);
    let release = busy(&handle, members[1].1);
    let sender = &mut members[0].0;
    for n in 0..20 {
        sender.send(Raw::new(Raw::TEXT, format!("say red {n}")));
        assert_eq!(text(sender), n.to_string());
        assert_eq!(text(sender), "done 3");
    }
    drop(release);
    let late = &mut members[1].0;
    let mut got = 0;
    let close = loop {
        let frame = late.frame();
        if frame.first == 0x80 | Raw::CLOSE {
            break frame;
        }
        assert_eq!(frame, Raw::new(Raw::TEXT, got.to_string()), "what it gets has no hole");
        got += 1;
    };
    assert_eq!(close.payload[..2], 1013_u16.to_be_bytes());
    assert!((1..=4).contains(&got), "{got}");
    late.send(close);
    for n in 0..got {
        assert_eq!(text(&mut lossy), n.to_string());
    }
    ask(&mut members[0].0, "count red", 2);
    members[0].0.send(Raw::new(Raw::TEXT, "say red again"));
    assert_eq!(text(&mut lossy), "again", "a member that may miss messages goes on");
    let (sender, statuses) = mpsc::channel();
    handle.status(move |status| sender.send(status).expect("the test waits")).expect("the loops run");
    assert_eq!(statuses.recv_timeout(PATIENCE).expect("the loops tell it").tally.unsent, 2, "once per member");
}

#[test]
fn a_handler_does_not_wait_for_another_loop() {
    let scene = scene();
    let handle = scene.cluster.handle();
    let members = members(&scene, ["/", "/"]);
    let release = busy(&handle, members[1].1);
    let blocking = handle.blocking();
    let (first, second) = (members[0].1, members[1].1);
    let act = move |_: &mut statesocket::server::Session<'_>| {
        let sent = (0..100).map(|_| blocking.send_text(second, "much")).find(Result::is_err);
        let published = blocking.publish("red", SharedMessage::text("much"));
        // Its own loop takes everything.
        let own = (0..100).try_for_each(|_| blocking.send_text(first, "much"));
        (sent, published, own)
    };
    let answer = handle.ask(first, act).expect("the loops run").wait_timeout(PATIENCE);
    let full = Err(HandleError::Full);
    assert_eq!(answer.expect("the handler goes on"), (Some(full), full, Ok(())));
    drop(release);
}
