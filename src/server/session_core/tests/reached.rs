//! An end counts and is logged once, when it is reached, and stays as it was reported (rows S7 and S18).

use super::{
    log_lines::{capture, take_lines},
    scene::{Call, Calls, Scene, UNLIMITED},
};
use crate::{
    Cause, CauseKind, CloseReply, Config, Disconnect, Event, Message, Timer,
    server::{handler::Handler, routes::Route, session::Session},
};
use std::rc::Rc;

type Act = fn(&mut Session<'_>);

/// Records the ends of its writing, and does as it is told.
struct Told {
    calls: Calls,
    at_drain: Act,
    at_end: Act,
    drains_left: u8,
}

impl Handler for Told {
    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.calls.borrow_mut().push(Call::Drain { queued: session.output_len() });
        if self.drains_left > 0 {
            self.drains_left -= 1;
            session.send_binary(&[7; 100 << 10]).expect("our Close is not sent");
        } else {
            (self.at_drain)(session);
        }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        let Disconnect { cause, is_clean, .. } = disconnect.clone();
        self.calls.borrow_mut().push(Call::Disconnect { cause, is_clean });
        (self.at_end)(session);
    }
}

/// An open session whose handler does `at_end` when it has ended, and `at_drain` after it has filled its output
/// `refills` times more.
fn told(config: Config, refills: u8, at_drain: Act, at_end: Act) -> Scene {
    capture();
    let mut scene = Scene::with_config("ws://server.example.com/told", config);
    let calls = Rc::clone(&scene.calls);
    let told = move || Told { calls: Rc::clone(&calls), at_drain, at_end, drains_left: refills };
    let route = Route::Handlers { factory: Box::new(move |_, _| Ok(Box::new(told()))), config: None };
    scene.shared.routes.insert("/told", route).expect("the route is new");
    assert!(matches!(scene.exchange().as_slice(), [Event::Accepted(_)]));
    assert_eq!(info_lines(), ["INFO statesocket #1 192.0.2.1:1: the request for /told is accepted"]);
    scene
}

fn nothing(_: &mut Session<'_>) {}

fn reply(session: &mut Session<'_>) {
    session.reply_close().expect("the client has closed");
}

fn manual() -> Config {
    Config::default().with(|config| config.close_reply = CloseReply::Manual)
}

/// The ends that are counted, and of them the clean ones.
fn counts(scene: &Scene) -> (u64, u64) {
    (scene.shared.common.tally.total_ended(), scene.shared.common.tally.clean)
}

fn info_lines() -> Vec<String> {
    take_lines().into_iter().filter(|line| line.starts_with("INFO")).collect()
}

/// Checks that the end is counted once and has one line.
#[track_caller]
fn assert_reached(scene: &Scene, is_clean: bool, line: &str) {
    assert_eq!(counts(scene), (1, u64::from(is_clean)));
    assert_eq!(info_lines(), [format!("INFO statesocket #1 192.0.2.1:1: disconnect {line}")]);
}

#[track_caller]
fn client_closes(scene: &mut Scene) {
    scene.client.close(4001, "bye").expect("the client is open");
    scene.client_writes();
}

/// The stream takes everything, so the client's Close is read between two calls of `on_drain`.
#[test]
fn s7_on_drain_comes_until_our_close_is_sent() {
    let mut scene = told(manual(), 4, reply, nothing);
    scene.next_turn().lend(|view, _| view.connection.send_binary(&[7; 100 << 10]).expect("there is room"));
    client_closes(&mut scene);
    let (drain, end) = (Call::Drain { queued: 0 }, Call::Disconnect { cause: Cause::PeerClosed, is_clean: false });
    let calls = [&drain, &drain, &end, &drain, &drain, &drain].map(Clone::clone);
    assert_eq!(scene.take_calls(), calls);
    let events = scene.client_reads();
    assert_eq!(events.len(), 1 + 4 + 1);
    assert!(matches!(events.last(), Some(Event::Disconnect(end)) if end.is_clean));
    assert_reached(&scene, true, "4001 \"bye\" (closed by the peer)");
}

#[test]
fn s7_on_drain_waits_until_what_is_sent_after_the_close_has_drained() {
    let more: Act = |session| {
        assert!(session.has_room());
        session.send_binary(&[7; 100 << 10]).expect("our Close is not sent");
        assert!(!session.has_room(), "it is full as before the Close");
    };
    let mut scene = told(manual(), 0, reply, more);
    scene.pipe.room = 0;
    client_closes(&mut scene);
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::PeerClosed, is_clean: false }]);
    scene.pipe.room = 50 << 10;
    scene.turn();
    assert_eq!((scene.take_calls(), counts(&scene)), (vec![], (0, 0)), "more than the low-water mark is queued");
    scene.pipe.room = UNLIMITED;
    scene.turn();
    assert_eq!(scene.take_calls(), [Call::Drain { queued: 0 }]);
    assert_eq!(scene.client_reads().len(), 2);
    assert_reached(&scene, true, "4001 \"bye\" (closed by the peer)");
}

#[test]
fn s7_on_drain_does_not_come_after_our_close() {
    for is_manual in [true, false] {
        let mut scene = if is_manual {
            let last: Act = |session| {
                session.send_binary(&[7; 100 << 10]).expect("our Close is not sent");
                reply(session);
            };
            told(manual(), 0, nothing, last)
        } else {
            told(Config::default(), 0, nothing, nothing)
        };
        scene.pipe.room = 0;
        scene.next_turn().lend(|view, _| view.connection.send_binary(&[7; 50 << 10]).expect("there is room"));
        client_closes(&mut scene);
        scene.pipe.room = UNLIMITED;
        scene.turn();
        assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::PeerClosed, is_clean: !is_manual }]);
        assert_reached(&scene, true, "4001 \"bye\" (closed by the peer)");
    }
}

#[test]
fn s7_an_end_counts_when_our_close_has_left() {
    let mut scene = told(Config::default(), 0, nothing, nothing);
    scene.pipe.room = 5;
    client_closes(&mut scene);
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::PeerClosed, is_clean: true }]);
    assert_eq!((counts(&scene), info_lines()), ((0, 0), vec![]), "our Close is on its way");
    scene.pipe.room = UNLIMITED;
    scene.turn();
    assert_reached(&scene, true, "4001 \"bye\" (closed by the peer)");
    scene.pipe.has_ended = true;
    scene.turn();
    assert!(scene.pipe.is_closed);
    assert_eq!((counts(&scene), info_lines()), ((1, 1), vec![]), "once");
}

#[test]
fn s7_an_end_whose_close_does_not_leave_is_not_clean() {
    for is_broken in [true, false] {
        let mut scene = told(Config::default(), 0, nothing, nothing);
        scene.pipe.room = 5;
        client_closes(&mut scene);
        scene.pipe.is_broken = is_broken;
        scene.pipe.room = if is_broken { UNLIMITED } else { 0 };
        if !is_broken {
            scene.now = scene.session.next_deadline(scene.now).expect("the write timeout");
        }
        scene.turn();
        assert!(scene.pipe.is_closed, "broken: {is_broken}");
        assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::PeerClosed, is_clean: true }]);
        assert_reached(&scene, false, "4001 \"bye\" (closed by the peer, not clean)");
    }
}

#[test]
fn s7_an_end_that_is_never_answered_counts_when_it_is_cut_off() {
    let mut scene = told(manual(), 0, nothing, nothing);
    client_closes(&mut scene);
    assert_eq!((counts(&scene), info_lines()), ((0, 0), vec![]));
    scene.now = scene.session.next_deadline(scene.now).expect("the closing timeout");
    scene.turn();
    assert!(scene.pipe.is_closed);
    assert_reached(&scene, false, "4001 \"bye\" (closed by the peer, not clean)");
    assert_eq!(scene.shared.common.tally.ended(CauseKind::PeerClosed), 1);
}

#[test]
fn s7_every_other_end_counts_once_too() {
    type End = fn(&mut Scene);
    let ends: [(End, &str); 5] = [
        (|scene| scene.pipe.has_ended = true, "1006 (transport lost)"),
        (|scene| scene.next_turn().lend(|view, _| view.connection.abort()), "1006 (aborted by us)"),
        (|scene| scene.next_turn().lend(|view, _| view.connection.finish()), "1006 (aborted by us)"),
        (|scene| scene.next_turn().lend(|mut view, _| view.cut()), "1006 (aborted by us)"),
        (
            |scene| {
                scene.next_turn().lend(|view, _| view.connection.close(1000, "").expect("it is open"));
                scene.now = scene.session.next_deadline(scene.now).expect("the closing timeout");
            },
            "1006 (timed out: closing handshake, not clean)",
        ),
    ];
    for (end, line) in ends {
        let mut scene = told(Config::default().with(|config| config.ping_interval = None), 0, nothing, nothing);
        end(&mut scene);
        scene.turn();
        assert!(scene.pipe.is_closed, "{line}");
        assert_reached(&scene, false, line);
    }
}

#[test]
fn s7_a_client_that_leaves_during_a_pause_is_let_go() {
    let mut scene = told(Config::default(), 0, nothing, nothing);
    scene.next_turn().lend(|view, _| view.connection.pause_reading());
    scene.pipe.has_ended = true;
    scene.turn();
    assert!(scene.pipe.is_closed);
    assert_reached(&scene, false, "1006 (transport lost)");
}

#[test]
fn s18_whatever_a_handler_does_at_the_end_our_close_leaves() {
    let acts: [Act; 4] = [
        |session| session.abort(),
        |session| session.finish(),
        |session| session.ensure_closed(1011, ""),
        |session| {
            session.abort();
            session.finish();
            session.abort();
        },
    ];
    for act in acts {
        for room in [UNLIMITED, 5] {
            let mut scene = told(Config::default(), 0, nothing, act);
            scene.pipe.room = room;
            client_closes(&mut scene);
            scene.pipe.room = UNLIMITED;
            scene.turn();
            assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::PeerClosed, is_clean: true }]);
            let events = scene.client_reads();
            assert!(matches!(&events[..], [Event::Disconnect(end)] if end.is_clean), "{events:?}");
            assert_reached(&scene, true, "4001 \"bye\" (closed by the peer)");
        }
    }
}

#[test]
fn s18_a_server_that_stops_at_the_end_writes_what_the_stream_takes() {
    for room in [UNLIMITED, 5] {
        let mut scene = told(Config::default(), 0, nothing, nothing);
        scene.pipe.room = 0;
        client_closes(&mut scene);
        scene.pipe.room = room;
        scene.next_turn().lend(|mut view, _| view.cut());
        assert!(scene.pipe.is_closed, "it waits for nothing");
        let (is_clean, ending) = if room == UNLIMITED { (true, "") } else { (false, ", not clean") };
        assert_reached(&scene, is_clean, &format!("4001 \"bye\" (closed by the peer{ending})"));
    }
}

#[test]
fn s18_a_finish_closes_the_stream_behind_the_last_byte() {
    let mut scene = told(Config::default(), 0, nothing, nothing);
    scene.pipe.room = 10;
    scene.next_turn().lend(|view, _| {
        view.connection.send_text("last words").expect("it is open");
        view.connection.ensure_closed(1000, "");
        view.connection.finish();
    });
    assert_eq!(scene.take_calls(), [Call::Disconnect { cause: Cause::Aborted, is_clean: false }]);
    scene.client.send_text("discarded").expect("the client is open");
    scene.client_writes();
    assert!(scene.pipe.input.is_empty(), "unread bytes would reset the stream");
    assert_eq!((scene.pipe.is_closed, counts(&scene)), (false, (0, 0)));
    scene.pipe.room = UNLIMITED;
    scene.turn();
    assert!(scene.pipe.is_closed && !scene.pipe.is_shut_down);
    let events = scene.client_reads();
    assert!(matches!(&events[..], [Event::Message(Message::Text(_)), Event::Disconnect(_)]), "{events:?}");
    assert_reached(&scene, false, "1006 (aborted by us, not clean)");
}

#[test]
fn s18_a_finish_is_bounded_by_the_write_timeout() {
    let mut scene = told(Config::default(), 0, nothing, nothing);
    scene.pipe.room = 10;
    scene.next_turn().lend(|view, _| {
        view.connection.send_binary(&[7; 100]).expect("it is open");
        view.connection.finish();
    });
    let deadline = scene.session.connection.poll_timeout(scene.now).expect("a deadline");
    assert!(matches!(deadline.1, Timer::Write | Timer::Drain), "{deadline:?}");
    scene.now = deadline.0;
    scene.turn();
    assert!(scene.pipe.is_closed);
    assert_reached(&scene, false, "1006 (aborted by us)");
}
