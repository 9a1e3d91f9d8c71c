//! How a session ends: the bytes that are read first, and the calls that its handler gets.

use super::{
    message,
    scene::{Call, Scene},
    texts,
};
use crate::{
    Cause, Config, SharedMessage, Timer,
    server::{
        budget::{MAX_LATE_TURNS, late_reads},
        logging::DropCaught,
        session_id::LocalId,
    },
};
use std::{io::ErrorKind, time::Duration};

#[test]
fn a_close_that_lies_unread_behind_a_failed_write_is_the_end() {
    let mut scene = Scene::open(Config::default());
    scene.client.send_text("last words").expect("the client is open");
    scene.client.close(4001, "bye").expect("the client is open");
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.pipe.is_broken = true;
    scene.next_turn().lend(|view, _| view.connection.send_text("to nobody").expect("there is room"));
    let disconnect = scene.session.connection.disconnected().expect("the session has ended").clone();
    assert_eq!((u16::from(disconnect.code), &disconnect.cause), (4001, &Cause::PeerClosed));
    let is_clean = disconnect.is_clean;
    assert_eq!(scene.take_calls(), [message("last words"), Call::Disconnect { cause: Cause::PeerClosed, is_clean }]);
    assert!(scene.pipe.is_closed);
}

#[test]
fn k9_a_close_in_the_rest_is_the_end_when_the_output_times_out() {
    for first in ["pause", "no pause"] {
        let mut scene = Scene::open(Config::default());
        scene.pipe.room = 0;
        scene.next_turn().lend(|view, _| view.connection.send_binary(&[0; 63 << 10]).expect("there is room"));
        let first = format!("{first}{}", " ".repeat(2 << 10));
        scene.client.send_text(&first).expect("the client is open");
        scene.client.send_text("second").expect("the client is open");
        scene.client.close(4001, "bye").expect("the client is open");
        scene.client_writes();
        assert_eq!(scene.take_calls(), [message(&first)], "the rest is held");
        scene.now += scene.session.connection.config().write_timeout.expect("the default has one");
        scene.turn();
        let end = scene.session.connection.disconnected().expect("the session has ended");
        assert_eq!((u16::from(end.code), scene.pipe.is_closed), (4001, true), "{first}");
        let end = Call::Disconnect { cause: Cause::PeerClosed, is_clean: false };
        let second = scene.take_calls();
        assert_eq!(second, [message("second"), end], "{first}");
    }
}

/// More than a usual turn reads.
const MANY: usize = 700 << 10;

#[test]
fn k9_a_close_that_lies_unread_when_the_output_times_out_is_the_end() {
    for (hold, timer) in [
        ("output", Timer::Write),
        ("output", Timer::Drain),
        ("pause", Timer::Write),
        ("pause", Timer::Drain),
        ("unread", Timer::Write),
    ] {
        let config = Config::default().with(|config| {
            (config.ping_interval, config.max_message_bytes) = (None, 1 << 20);
            if timer == Timer::Write { config.drain_timeout = None } else { config.write_timeout = None }
        });
        let mut scene = Scene::open(config);
        scene.pipe.room = 0;
        let len = if hold == "output" { 100 << 10 } else { 20 << 10 };
        scene.next_turn().lend(|view, _| view.connection.send_binary(&vec![0; len]).expect("there is room"));
        let now = scene.now;
        match hold {
            "pause" => scene.session.connection.pause_reading(),
            "unread" => scene.session.connection.set_unread(true, now),
            _ => {}
        }
        let last = "w".repeat(MANY);
        scene.client.send_text(&last).expect("the client is open");
        scene.client.close(4001, "bye").expect("the client is open");
        scene.client_writes();
        assert!(scene.take_calls().is_empty() && !scene.pipe.is_closed, "{hold}, {timer:?}: nothing is read");
        scene.now = scene.session.connection.poll_timeout(now).expect("the output has a deadline").0;
        scene.turn();
        let end = scene.session.connection.disconnected().expect("the session has ended");
        assert_eq!((u16::from(end.code), scene.pipe.is_closed), (4001, true), "{hold}, {timer:?}");
        let end = Call::Disconnect { cause: Cause::PeerClosed, is_clean: false };
        assert!(scene.take_calls() == [message(&last), end], "{hold}, {timer:?}");
    }
}

#[test]
fn k9_without_a_close_the_timeout_of_the_output_is_the_end_behind_what_has_come() {
    for has_ended in [false, true] {
        let mut scene = Scene::open(Config::default());
        scene.pipe.room = 0;
        scene.next_turn().lend(|view, _| view.connection.send_binary(&[0; 100 << 10]).expect("there is room"));
        scene.client.send_text("last words").expect("the client is open");
        scene.client_writes();
        scene.pipe.has_ended = has_ended;
        scene.now += scene.session.connection.config().write_timeout.expect("the default has one");
        scene.turn();
        let cause = Cause::TimedOut(Timer::Write);
        assert_eq!(scene.take_calls(), [message("last words"), Call::Disconnect { cause, is_clean: false }]);
        assert!(scene.pipe.is_closed);
    }
}

/// A command ends the pause, and its reply cannot be written.
#[test]
fn x2_bytes_that_are_read_after_a_failed_write_come_behind_the_rest() {
    let mut scene = Scene::open(Config::default());
    for text in ["pause", "second"] {
        scene.client.send_text(text).expect("the client is open");
    }
    scene.client_writes();
    scene.client.send_text("third").expect("the client is open");
    scene.client.close(4001, "bye").expect("the client is open");
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.pipe.is_broken = true;
    scene.next_turn().lend(|view, _| {
        view.connection.resume_reading();
        view.connection.send_text("to nobody").expect("there is room");
    });
    let calls = scene.take_calls();
    assert_eq!(calls[..3], ["pause", "second", "third"].map(message));
    assert!(matches!(&calls[3..], [Call::Disconnect { cause: Cause::PeerClosed, .. }]), "{calls:?}");
}

/// It has no later turn in which they could be handed out.
#[test]
fn s15_the_last_messages_of_a_member_that_floods_are_not_lost() {
    let mut scene = Scene::open(Config::default());
    scene.shared.common.rooms.join(LocalId::new(5, 2), "room");
    for text in ["flood", "flood", "flood"] {
        scene.client.send_text(text).expect("the client is open");
    }
    scene.client.close(4001, "bye").expect("the client is open");
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.pipe.is_broken = true;
    scene.next_turn().lend(|view, _| view.connection.send_text("to nobody").expect("there is room"));
    let calls = scene.take_calls();
    assert_eq!(calls[..3], [(); 3].map(|()| message("flood")));
    assert!(matches!(&calls[3..], [Call::Disconnect { cause: Cause::PeerClosed, .. }]), "{calls:?}");
}

#[test]
fn a8_an_end_behind_more_than_a_turn_reads_is_found_during_a_pause() {
    let mut scene = Scene::open(Config::default());
    let payload = "x".repeat(100 << 10);
    let sent = ["pause"].into_iter().chain([&*payload; 20]);
    for text in sent.clone() {
        scene.client.send_text(text).expect("there is room");
    }
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.turn();
    assert_eq!((scene.take_calls(), scene.pipe.input.len() > 1 << 20), (vec![message("pause")], true));
    scene.pipe.has_ended = true;
    scene.next_turn().run(false);
    assert!(!scene.pipe.input.is_empty() && scene.session.has_work(&scene.pipe), "the others get their turns");
    scene.turn();
    let calls = scene.take_calls();
    assert_eq!(calls[..20], sent.skip(1).map(message).collect::<Vec<_>>());
    assert_eq!(calls[20..], [Call::Disconnect { cause: Cause::TransportLost(None), is_clean: false }]);
}

#[test]
fn a_failed_write_alone_is_a_lost_transport() {
    let mut scene = Scene::open(Config::default());
    scene.pipe.is_broken = true;
    scene.next_turn().lend(|view, _| view.connection.send_text("to nobody").expect("there is room"));
    let cause = Cause::TransportLost(Some(ErrorKind::BrokenPipe));
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause, is_clean: false }]);
    assert!(scene.pipe.is_closed);
}

#[test]
fn the_end_of_the_stream_comes_after_the_last_message() {
    let mut scene = Scene::open(Config::default());
    scene.client.send_text("last words").expect("the client is open");
    scene.pipe.has_ended = true;
    scene.client_writes();
    let calls = scene.take_calls();
    assert_eq!(calls, [message("last words"), Call::Disconnect { cause: Cause::TransportLost(None), is_clean: false }]);
    assert!(scene.pipe.is_closed);
    assert_eq!(texts(&scene.client_reads()), ["last words"]);
}

#[test]
fn s8_a_pause_does_not_hide_that_the_client_has_gone() {
    let mut scene = Scene::open(Config::default());
    scene.client.send_text("pause").expect("the client is open");
    scene.client_writes();
    assert_eq!(scene.take_calls(), [message("pause")]);
    scene.client.send_text("unheard until the end").expect("the client is open");
    scene.client.send_binary(&[7; 200 << 10]).expect("the client is open");
    scene.client_writes();
    assert_eq!(scene.take_calls(), [], "the client is still there");
    scene.pipe.has_ended = true;
    scene.turn();
    let calls = scene.take_calls();
    let [first, Call::Message(second), end] = calls.as_slice() else { panic!("{} calls", calls.len()) };
    assert_eq!((first, second.len()), (&message("unheard until the end"), 200 << 10));
    assert_eq!(*end, Call::Disconnect { cause: Cause::TransportLost(None), is_clean: false });
    assert!(scene.pipe.is_closed);
}

#[test]
fn an_abort_closes_the_stream_at_once() {
    let mut scene = Scene::open(Config::default());
    scene.client.send_text("abort").expect("the client is open");
    scene.client_writes();
    assert_eq!(scene.take_calls(), [message("abort"), Call::Disconnect { cause: Cause::Aborted, is_clean: false }]);
    assert_eq!((scene.pipe.is_shut_down, scene.pipe.is_closed), (false, true));
    scene.session.handler = DropCaught::NONE;
    assert_eq!(scene.take_calls(), [Call::Drop]);
}

#[test]
fn a_deadline_is_met_after_everything_that_came_in_time() {
    let mut config = Config::default();
    (config.idle_timeout, config.ping_interval) = (Some(Duration::from_secs(60)), None);
    let mut scene = Scene::open(config);
    let deadline = scene.session.next_deadline(scene.now).expect("a deadline");
    assert_eq!(deadline, scene.now + Duration::from_secs(60));

    scene.now = deadline;
    scene.client.send_text("in time").expect("the client is open");
    assert_eq!(texts(&scene.exchange()), ["in time"]);
    assert_eq!(scene.take_calls(), [message("in time")]);

    scene.now += Duration::from_secs(60);
    scene.turn();
    let cause = Cause::TimedOut(Timer::Idle);
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause, is_clean: false }]);
}

/// It is more than a turn reads otherwise.
#[test]
fn x1_at_a_deadline_everything_that_came_before_it_is_read() {
    let mut scene = Scene::open(Config::default().with(|config| config.ping_interval = None));
    scene.next_turn().lend(|view, _| view.connection.close(1000, "").expect("the session is open"));
    scene.client.send_binary(&[7; 2 << 20]).expect("the client is open");
    scene.client.close(4001, "crossing").expect("the client is open");
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.now = scene.session.next_deadline(scene.now).expect("the Close waits for its answer");
    scene.turn();
    let calls = scene.take_calls();
    assert!(matches!(calls[..], [Call::Message(_), Call::Disconnect { is_clean: true, .. }]), "{}", calls.len());
}

#[test]
fn x1_a_deadline_waits_for_the_next_turn_once_the_late_reads_of_all_are_spent() {
    let mut scene = Scene::open(Config::default().with(|config| config.ping_interval = None));
    scene.next_turn().lend(|view, _| view.connection.close(1000, "").expect("the session is open"));
    for _ in 0..16_000 {
        scene.client.ping(&[7; 125]).expect("the client is open");
    }
    scene.client.close(4001, "crossing").expect("the client is open");
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.now = scene.session.next_deadline(scene.now).expect("the Close waits for its answer");
    let sent = scene.pipe.input.len();
    scene.shared.late_reads = 3;
    scene.next_turn().run(true);
    let per_read = scene.shared.read_buffer.len();
    assert_eq!(sent - scene.pipe.input.len(), 7 * per_read, "4 reads and 3 late ones");
    assert_eq!((scene.take_calls(), scene.session.has_work(&scene.pipe)), (vec![], true));
    assert_eq!(scene.session.next_deadline(scene.now), Some(scene.now));

    scene.shared.late_reads = late_reads(1);
    scene.turn();
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::LocalClosed, is_clean: true }]);
}

#[test]
fn x1_a_peer_that_always_sends_does_not_postpone_a_deadline_for_ever() {
    let mut scene = Scene::open(Config::default().with(|config| config.ping_interval = None));
    scene.next_turn().lend(|view, _| view.connection.close(1000, "").expect("the session is open"));
    scene.now = scene.session.next_deadline(scene.now).expect("the Close waits for its answer");
    scene.shared.late_reads = 0;
    for _ in 0..=MAX_LATE_TURNS {
        assert_eq!(scene.take_calls(), []);
        while scene.pipe.input.len() < 8 * scene.shared.read_buffer.len() {
            scene.client.ping(&[7; 125]).expect("the client is open");
            scene.client.write_to(&mut scene.pipe.input).expect("memory");
        }
        scene.next_turn().run(true);
    }
    let cause = Cause::TimedOut(Timer::Closing);
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause, is_clean: false }]);
}

/// It is more than a turn reads otherwise.
#[test]
fn s10_everything_that_came_before_a_timer_is_handed_out_before_it() {
    let mut scene = Scene::open(Config::default());
    let (id, now) = (scene.session.id, scene.now);
    for token in [1, 2] {
        scene.shared.common.timers.set(id, token, now);
    }
    for _ in 0..16_000 {
        scene.client.ping(&[7; 125]).expect("the client is open");
    }
    scene.client.send_text("in time").expect("the client is open");
    scene.client.write_to(&mut scene.pipe.input).expect("memory");
    scene.shared.late_reads = 3;
    scene.next_turn().timer(1);
    assert_eq!(scene.take_calls(), [], "the reads of all sessions are spent");
    scene.shared.late_reads = late_reads(1);
    scene.next_turn().timer(1);
    scene.next_turn().timer(1);
    assert_eq!(scene.take_calls(), [message("in time"), Call::Timer(1)]);
    scene.next_turn().lend(|view, _| view.connection.abort());
    scene.next_turn().timer(2);
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::Aborted, is_clean: false }]);
}

#[test]
fn s10_a_timer_does_not_wait_because_another_session_floods_a_room() {
    let mut scene = Scene::open(Config::default());
    let (id, now) = (scene.session.id, scene.now);
    scene.shared.common.timers.set(id, 1, now);
    scene.shared.common.rooms.join(LocalId::new(9, 9), "flooded");
    scene.shared.common.rooms.publish("flooded", &SharedMessage::binary(&vec![7; 33 << 20]), None);
    scene.next_turn().timer(1);
    assert_eq!(scene.take_calls(), [Call::Timer(1)]);
}
