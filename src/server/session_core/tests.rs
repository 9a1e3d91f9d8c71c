//! Sessions over a byte stream in memory, with neither socket nor clock.

mod ends;
mod log_lines;
mod published;
mod reached;
mod scene;
mod subprotocols;
mod unsent;

use super::*;
use crate::{
    Cause, CloseCode, Config, Event, Hold, Message,
    server::{intake::Intake, session::Session},
};
use http::StatusCode;
use scene::{Call, Scene, UNLIMITED, give_up};

fn texts(events: &[Event<'_>]) -> Vec<String> {
    let text = |event: &Event<'_>| {
        let Event::Message(message) = event else { panic!("unexpected: {event:?}") };
        message.as_text().expect("text").to_owned()
    };
    events.iter().map(text).collect()
}

fn message(text: &str) -> Call {
    Call::Message(Message::from(text.to_owned()))
}

#[test]
fn an_echo_and_both_closes_go_through_the_stream() {
    let mut scene = Scene::open(Config::default());
    scene.client.send_text("one").expect("the client is open");
    scene.client.send_text("two").expect("the client is open");
    assert_eq!(texts(&scene.exchange()), ["one", "two"]);
    assert_eq!(scene.take_calls(), [message("one"), message("two")]);

    scene.client.close(1000, "bye").expect("the client is open");
    let events = scene.exchange();
    assert!(matches!(events.as_slice(), [Event::Disconnect(disconnect)] if disconnect.is_clean), "{events:?}");
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::PeerClosed, is_clean: true }]);
    assert_eq!((scene.pipe.is_shut_down, scene.pipe.is_closed), (true, false), "the client's end is awaited");
    scene.pipe.has_ended = true;
    scene.turn();
    assert!(scene.pipe.is_closed);
    assert_eq!((scene.shared.common.tally.clean, scene.shared.common.tally.total_ended()), (1, 1));
}

#[test]
fn each_step_of_the_opening_handshake_is_reported_once() {
    let mut scene = Scene::new("ws://server.example.com/?wait");
    let steps = |scene: &mut Scene| [(); 2].map(|()| scene.session.advance_opening(&scene.pipe));
    assert_eq!(steps(&mut scene), [None; 2]);
    scene.pipe.input.extend(b"GET /?wait HTTP/1.1\r\n");
    scene.turn();
    assert_eq!(steps(&mut scene), [Some([Opening::Silent, Opening::Head]), None]);
    scene.pipe.has_ended = true;
    scene.turn();
    assert!(scene.pipe.is_closed);
    assert_eq!(steps(&mut scene), [Some([Opening::Head, Opening::Over]), None]);

    let mut scene = Scene::new("ws://server.example.com/?wait");
    scene.client_writes();
    assert_eq!(steps(&mut scene), [Some([Opening::Silent, Opening::Waiting]), None]);
    scene.next_turn().lend(|view, _| view.connection.accept(crate::handshake::Accept::new()).expect("a request waits"));
    assert_eq!(steps(&mut scene), [Some([Opening::Waiting, Opening::Over]), None]);
}

#[test]
fn a_session_whose_output_is_full_is_told_nothing_until_it_drains() {
    let mut scene = Scene::open(Config::default());
    scene.pipe.room = 0;
    let payload = "x".repeat(1 << 10);
    for _ in 0..100 {
        scene.client.send_text(&payload).expect("the client is open");
    }
    scene.client_writes();
    assert_eq!(scene.take_calls().len(), 64, "one read has all of them, and 63 replies are below the mark");
    assert_eq!(scene.session.connection.held_by(), Some(Hold::Output));

    scene.client.send_text("late").expect("the client is open");
    scene.client_writes();
    assert_eq!((scene.take_calls(), scene.session.has_work(&scene.pipe)), (vec![], false));

    scene.pipe.room = 20 << 10;
    scene.turn();
    assert_eq!(scene.take_calls(), [], "more than the low-water mark is left");
    scene.pipe.room = UNLIMITED;
    scene.turn();
    let calls = scene.take_calls();
    assert_eq!((&calls[0], calls.len()), (&Call::Drain { queued: 0 }, 38), "on_drain, the rest, and the next read");
    assert_eq!(calls[37], message("late"));
    assert_eq!(texts(&scene.client_reads()).len(), 101);
}

#[test]
fn a_paused_session_is_told_the_rest_of_a_read_one_message_at_a_time() {
    let mut scene = Scene::open(Config::default());
    for text in ["pause 1", "pause 2", "pause 3", "last"] {
        scene.client.send_text(text).expect("the client is open");
    }
    scene.client_writes();
    for text in ["pause 1", "pause 2", "pause 3"] {
        assert_eq!((scene.take_calls(), scene.session.has_work(&scene.pipe)), (vec![message(text)], false));
        scene.next_turn().lend(|view, _| view.connection.resume_reading());
        assert!(scene.session.has_work(&scene.pipe), "after {text}");
        scene.turn();
    }
    assert_eq!(scene.take_calls(), [message("last")]);
    assert_eq!(texts(&scene.client_reads()), ["pause 1", "pause 2", "pause 3", "last"]);
}

#[test]
fn frames_from_before_the_answer_wait_until_the_output_drains() {
    let mut scene = Scene::new("ws://server.example.com/?wait");
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.pipe.input.extend(b"\x81\x85\0\0\0\0early");
    scene.turn();
    scene.pipe.room = 0;
    scene.next_turn().lend(|view, _| {
        view.connection.accept(crate::handshake::Accept::new()).expect("a request waits");
        view.connection.send_binary(&[0; 100 << 10]).expect("there is room");
    });
    assert_eq!(scene.take_calls(), []);
    assert!(!scene.session.has_work(&scene.pipe), "the output is full");
    scene.pipe.room = UNLIMITED;
    scene.turn();
    assert_eq!(scene.take_calls(), [Call::Drain { queued: 0 }, message("early")]);
}

#[test]
fn frames_from_before_the_answer_do_not_wait_for_a_handler_that_always_has_more() {
    let mut scene = Scene::new("ws://server.example.com/?wait-and-refill");
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.pipe.input.extend(b"\x81\x85\0\0\0\0early");
    scene.turn();
    scene.next_turn().lend(|view, _| {
        view.connection.accept(crate::handshake::Accept::new()).expect("a request waits");
        view.connection.send_binary(&[0; 100 << 10]).expect("there is room");
    });
    scene.turn();
    let calls = scene.take_calls();
    assert_eq!(calls.len(), 5);
    // The first `on_drain` belongs to the command, and the second one to the turn that hands out the frame.
    let drain = Call::Drain { queued: 0 };
    assert_eq!(calls[..3], [drain.clone(), drain, message("early")]);
}

#[test]
fn the_stream_is_read_again_only_behind_the_rest() {
    let mut scene = Scene::open(Config::default());
    for _ in 0..300 {
        scene.client.send_text(&"x".repeat(1 << 10)).expect("the client is open");
    }
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    let sent = scene.pipe.input.len();
    scene.next_turn().run(false);
    assert_eq!(sent - scene.pipe.input.len(), scene.shared.read_buffer.len(), "one read, which left a rest");
    scene.turn();
    assert_eq!(texts(&scene.client_reads()).len(), 300);
}

#[test]
fn a_message_over_the_limit_goes_behind_few_bytes_that_can_be_written() {
    let mut scene = Scene::open(Config::default());
    scene.next_turn().lend(|mut view, _| {
        view.connection.send_text("before").expect("there is room");
        view.send(vec![7; 5 << 20]).expect("the stream takes what is queued before");
        view.connection.send_text("after").expect("the stream has taken all of it");
    });
    assert_eq!(scene.client_reads().len(), 3);
    scene.pipe.room = 0;
    scene.next_turn().lend(|mut view, _| {
        view.connection.send_text("before").expect("there is room");
        view.send(vec![7; 5 << 20]).expect_err("the stream is full");
    });
}

#[test]
fn a_stream_that_fails_hands_out_the_rest_and_the_peers_close() {
    let mut scene = Scene::open(Config::default());
    scene.client.send_text("pause 1").expect("the client is open");
    scene.client.send_text("two").expect("the client is open");
    scene.client.close(4001, "").expect("the client is open");
    scene.client_writes();
    assert_eq!(scene.take_calls(), [message("pause 1")]);
    scene.pipe.is_broken = true;
    scene.next_turn().lend(|view, _| view.connection.send_text("reply").expect("it is queued"));
    let calls = scene.take_calls();
    assert_eq!(calls[0], message("two"));
    assert!(matches!(calls[1], Call::Disconnect { cause: Cause::PeerClosed, .. }), "{calls:?}");
}

#[test]
fn on_drain_follows_even_if_the_stream_takes_everything_at_once() {
    let mut scene = Scene::open(Config::default());
    scene.next_turn().lend(|view, _| view.connection.send_binary(&[0; 100 << 10]).expect("there is room"));
    assert_eq!(scene.take_calls(), [Call::Drain { queued: 0 }]);
    scene.next_turn().lend(|view, _| view.connection.send_binary(&[0; 50 << 10]).expect("there is room"));
    assert_eq!(scene.take_calls(), [], "it was never above the high-water mark");
}

#[test]
fn a_pause_of_the_handler_outlasts_a_full_output() {
    let mut scene = Scene::open(Config::default());
    scene.pipe.room = 0;
    scene.next_turn().lend(|view, _| {
        view.connection.send_binary(&[0; 100 << 10]).expect("there is room");
        view.connection.pause_reading();
    });
    scene.pipe.room = UNLIMITED;
    scene.turn();
    assert_eq!(scene.take_calls(), [Call::Drain { queued: 0 }]);
    assert!(scene.session.connection.is_reading_paused());
    scene.next_turn().lend(|view, _| view.connection.resume_reading());
    assert!(!scene.session.connection.is_reading_paused());
}

#[test]
fn a_large_message_is_written_at_once_unless_the_output_is_full() {
    let mut scene = Scene::open(Config::default());
    let mut queued = Vec::new();
    scene.next_turn().lend(|mut view, _| {
        view.send(vec![1; 20 << 10]).expect("there is room");
        queued.push(view.connection.output_len());
        view.connection.send_binary(&[2; 100 << 10]).expect("there is room");
        view.send(vec![3; 20 << 10]).expect("there is room");
        queued.push(view.connection.output_len());
    });
    assert_eq!(queued, [0, 10 + (100 << 10) + 4 + (20 << 10)]);
    assert_eq!(scene.client_reads().len(), 3);
}

#[test]
fn s6_a_panic_of_the_handler_ends_its_session_with_1011() {
    let mut scene = Scene::open(Config::default());
    scene.client.send_text("panic").expect("the client is open");
    scene.client.send_text("unheard").expect("the client is open");
    let events = scene.exchange();
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(disconnect.received.as_ref().map(|close| close.code), Some(CloseCode::INTERNAL_ERROR));
    assert_eq!(scene.take_calls(), [message("panic")], "it hears nothing more but the end");
    scene.client_writes();
    assert!(scene.pipe.is_shut_down);
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::LocalClosed, is_clean: true }]);
}

#[test]
fn s6_a_panic_before_the_answer_is_answered_with_500() {
    let mut scene = Scene::new("ws://server.example.com/?panic");
    let events = scene.exchange();
    let [Event::Rejected(response), Event::Disconnect(_)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    let cause = Cause::Rejected(StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause, is_clean: false }]);
}

#[test]
fn s6_a_panic_of_a_command_ends_its_session_and_is_not_the_handlers() {
    let mut scene = Scene::open(Config::default());
    scene.next_turn().lend(|_, _| give_up());
    assert!(matches!(scene.client_reads().as_slice(), [Event::Disconnect(_)]));
    scene.client.send_text("on its way").expect_err("the client has answered the Close");
    scene.client_writes();
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::LocalClosed, is_clean: true }]);
}

#[test]
fn s12_a_request_is_refused_by_whatever_refuses_it() {
    let status_of = |change: fn(&mut Scene), uri| {
        let mut scene = Scene::new(uri);
        change(&mut scene);
        let events = scene.exchange();
        let [Event::Rejected(response), Event::Disconnect(_)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(scene.take_calls(), [], "no handler is made");
        assert!(response.body.ends_with(b"\n"), "the body has the reason");
        response.status.as_u16()
    };
    let uri = "ws://server.example.com/";
    assert_eq!(status_of(|scene| scene.intake = Intake::RefuseAll, uri), 503);
    assert_eq!(status_of(|scene| scene.session.refusal = Some(Refusal::AddressFull), uri), 429);
    assert_eq!(status_of(|scene| scene.shared.admission.hosts = Some(vec![]), uri), 421);
    assert_eq!(status_of(|_| {}, "ws://server.example.com/nowhere"), 404);
}

#[test]
fn a_lent_session_is_send_and_sync() {
    const fn check<T: Send + Sync>() {}
    check::<Session<'_>>();
}
