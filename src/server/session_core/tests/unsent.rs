//! Messages of handles that cannot be queued (row S1).

use super::scene::{Call, Scene, UNLIMITED};
use crate::{Cause, CloseCode, Config, Event, Message, Phase, SharedMessage, server::session_id::LocalId};

/// A session whose client reads nothing, and in whose output a message of `len` bytes fits once.
fn full(len: usize) -> Scene {
    let mut scene = Scene::open(Config::default().with(|config| config.max_output_bytes = len + 100));
    scene.pipe.room = 0;
    scene.next_turn().send(&Message::from(vec![7; len]));
    scene.take_calls();
    scene
}

#[test]
fn s1_a_message_that_cannot_be_queued_ends_its_session() {
    for is_shared in [false, true] {
        let mut scene = full(10_000);
        let large = Message::from(vec![8; 10_000]);
        if is_shared {
            scene.next_turn().send_shared(&SharedMessage::from(&large));
        } else {
            scene.next_turn().send(&large);
        }
        let end = Call::Disconnect { cause: Cause::Unsent, is_clean: false };
        assert_eq!(scene.take_calls(), [Call::Unsent(large), end], "shared: {is_shared}");
        scene.next_turn().send(&Message::from("nothing follows"));
        scene.pipe.room = UNLIMITED;
        let events = scene.exchange();
        let [Event::Message(first), Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((first.len(), u16::from(disconnect.code)), (10_000, 1013), "what was queued before has no hole");
        assert_eq!(scene.take_calls(), []);
    }
}

#[test]
fn s1_a_handler_may_let_a_message_be_lost() {
    let mut scene = full(100);
    let lost = Message::from("may be lost");
    scene.next_turn().send(&Message::from(vec![0; 84]));
    scene.next_turn().send_shared(&SharedMessage::from(&lost));
    assert_eq!(scene.take_calls(), [Call::Unsent(lost)]);
    scene.pipe.room = UNLIMITED;
    scene.turn();
    scene.next_turn().send(&Message::from("goes on"));
    assert_eq!(scene.client_reads().len(), 3);
}

#[test]
fn s1_a_message_between_the_fragments_of_another_ends_the_session() {
    let mut scene = Scene::open(Config::default());
    scene.next_turn().lend(|view, _| view.connection.begin_text("half a ").expect("the session is open"));
    scene.next_turn().send(&Message::from("in between"));
    let end = Call::Disconnect { cause: Cause::Unsent, is_clean: false };
    assert_eq!(scene.take_calls(), [Call::Unsent(Message::from("in between")), end]);
}

#[test]
fn s1_a_handler_that_panics_over_it_ends_its_session_with_1011() {
    let mut scene = full(100);
    scene.next_turn().send(&Message::from(vec![0; 84]));
    scene.next_turn().send(&Message::from("panic"));
    scene.pipe.room = UNLIMITED;
    let events = scene.exchange();
    let [.., Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(disconnect.code, CloseCode::INTERNAL_ERROR);
}

#[test]
fn s1_a_handler_may_end_its_session_over_it() {
    for (how, is_shared, code, cause) in [
        ("abort", false, None, Cause::Aborted),
        ("abort", true, None, Cause::Aborted),
        ("finish", false, None, Cause::Aborted),
        ("fail", false, Some(4001), Cause::Aborted),
        ("close", true, Some(4000), Cause::LocalClosed),
    ] {
        let mut scene = full(100);
        scene.next_turn().send(&Message::from(vec![0; 84]));
        if is_shared {
            scene.next_turn().send_shared(&SharedMessage::text(how));
        } else {
            scene.next_turn().send(&Message::from(how));
        }
        scene.pipe.room = UNLIMITED;
        let code_of = |event: &Event<'_>| {
            if let Event::Disconnect(disconnect) = event { Some(u16::from(disconnect.code)) } else { None }
        };
        assert_eq!(scene.exchange().last().and_then(code_of), code, "{how}");
        scene.exchange();
        let calls = scene.take_calls();
        assert_eq!(calls[0], Call::Unsent(Message::from(how)));
        assert!(matches!(&calls[1..], [Call::Disconnect { cause: found, .. }] if *found == cause), "{how}: {calls:?}");
    }
}

#[test]
fn s15_what_is_published_for_an_unsent_message_waits_for_the_next_turn() {
    let mut scene = full(100);
    scene.next_turn().send(&Message::from(vec![0; 84]));
    assert!(scene.shared.common.rooms.join(LocalId::new(0, 1), "room"));
    scene.shared.common.rooms.publish("room", &SharedMessage::text("again"), None);
    for _ in 0..3 {
        scene.next_turn().deliver();
        assert_eq!(scene.take_calls(), [Call::Unsent(Message::from("again"))]);
    }
}

#[test]
fn a3_a_pong_that_waits_keeps_no_large_message_of_a_room_out() {
    for has_pong in [false, true] {
        let mut scene = Scene::open(Config::default());
        scene.pipe.room = 0;
        scene.shared.common.rooms.set_max_backlog(1000);
        assert!(scene.shared.common.rooms.join(LocalId::new(0, 1), "room"));
        if has_pong {
            scene.client.ping(b"").expect("the client is open");
            scene.client_writes();
            assert_eq!(scene.session.connection.output_len(), 2, "the Pong waits");
        }
        let [large, next] = [2000, 1].map(|len| SharedMessage::binary(&vec![7; len]));
        scene.shared.common.rooms.publish("room", &large, None);
        scene.next_turn().deliver();
        assert_eq!(scene.take_calls(), [], "Pong: {has_pong}");
        scene.shared.common.rooms.publish("room", &next, None);
        scene.next_turn().deliver();
        assert!(matches!(scene.take_calls()[..], [Call::Unsent(_), Call::Disconnect { .. }]), "Pong: {has_pong}");
    }
}

#[test]
fn s1_a_session_that_is_not_open_has_no_stream_with_a_hole() {
    let mut scene = Scene::new("ws://server.example.com/?wait");
    scene.client_writes();
    scene.next_turn().send(&Message::from("too early"));
    assert_eq!((scene.session.phase(), scene.take_calls()), (Phase::Requested, vec![]));
}
