//! Messages of rooms, which a session writes at once if nothing is queued before them.

use super::{message, scene::*, texts};
#[cfg(feature = "deflate")]
use crate::Message;
use crate::{Cause, CloseCode, Config, SharedMessage, SharedMessages, Timer};
use std::time::Duration;

/// An open session that is a member of a room, in which `published` waits.
fn member(config: Config, published: &[SharedMessage]) -> Scene {
    let mut scene = Scene::open(config);
    let rooms = &mut scene.shared.common.rooms;
    assert!(rooms.join(scene.session.id(), "room"));
    published.iter().for_each(|message| assert_eq!(rooms.publish("room", message, None), 1));
    scene
}

/// The messages, and the bytes of their frames.
fn messages(texts: &[&str]) -> (Vec<SharedMessage>, Vec<u8>) {
    let messages: Vec<_> = texts.iter().map(|text| SharedMessage::text(text)).collect();
    let frames = messages.iter().collect::<SharedMessages>().frames().to_vec();
    (messages, frames)
}

#[test]
fn published_frames_may_be_cut_anywhere_and_come_before_what_follows() {
    let long = "x".repeat(2_000);
    for published in [&["one"][..], &["one", "two"], &[&long]] {
        let (messages, frames) = messages(published);
        for taken in (0..frames.len()).filter(|taken| *taken < 20 || frames.len() - taken < 20).chain([frames.len()]) {
            let mut scene = member(Config::default(), &messages);
            scene.pipe.room = taken;
            scene.next_turn().deliver();
            assert_eq!(scene.pipe.output, frames[..taken], "{published:?}");
            assert_eq!(scene.session.connection.output_len(), frames.len() - taken);
            scene.client.send_text("three").expect("the connection is open");
            scene.client_writes();
            scene.pipe.room = UNLIMITED;
            scene.turn();
            assert_eq!(texts(&scene.client_reads()), [published, &["three"]].concat(), "after {taken} bytes");
            assert_eq!(scene.take_calls(), [message("three")]);
            assert_eq!(scene.shared.common.tally.messages_sent, published.len() as u64 + 1);
        }
    }
}

/// One message of any length may wait alone.
#[test]
fn s1_published_messages_exceed_the_limit_of_the_output_neither_alone_nor_together() {
    const LIMIT: usize = 5_000;
    let config = Config::default().with(|config| config.max_output_bytes = LIMIT);
    // With a key each, as a client has them, two messages of 2,492 bytes have just 5,000.
    for (lens, max_backlog, queued, is_lost) in [
        (&[3_000; 2][..], LIMIT, 3_004, true),
        (&[2_493; 2], LIMIT, 2_497, true),
        (&[2_492; 2], LIMIT, 4_992, false),
        (&[2_000; 2], 4_008, 4_008, false),
        (&[2_000; 2], 4_007, 2_004, true),
        (&[9_000], 100, 9_004, false),
    ] {
        let messages: Vec<_> = lens.iter().map(|len| SharedMessage::binary(&vec![7; *len])).collect();
        let mut scene = member(config.clone(), &messages);
        scene.shared.common.rooms.set_max_backlog(max_backlog);
        scene.pipe.room = 0;
        scene.next_turn().deliver();
        let is_told =
            matches!(scene.take_calls()[..], [Call::Unsent(_), Call::Disconnect { cause: Cause::Unsent, .. }]);
        let behind = scene.session.connection.output_len() - queued;
        assert_eq!(
            (is_told, behind > 0, behind < 127),
            (is_lost, is_lost, true),
            "{lens:?}: behind them is only a Close"
        );
    }
}

#[test]
fn a_rest_of_published_frames_has_the_write_timeout() {
    let config = Config::default().with(|config| config.write_timeout = Some(Duration::from_secs(3)));
    let (messages, frames) = messages(&["one"]);
    for taken in 0..=frames.len() {
        let mut scene = member(config.clone(), &messages);
        scene.now += Duration::from_secs(1);
        scene.pipe.room = taken;
        scene.next_turn().deliver();
        let write = Some((scene.now + Duration::from_secs(3), Timer::Write));
        let is_bounded = scene.session.connection.poll_timeout(scene.now) == write;
        assert_eq!(is_bounded, taken < frames.len(), "after {taken} bytes");
    }
}

/// The messages of the session itself refer to earlier ones, whoever has compressed them.
#[cfg(feature = "deflate")]
#[test]
fn published_frames_that_are_compressed_may_be_cut_anywhere() {
    let config = Config::default().with(|config| config.deflate = Some(crate::Deflate::default()));
    let [own, public] = ["This is worth it. ", "A text that all get. "].map(|text| text.repeat(20));
    let news = SharedMessage::text(&public);
    let (mut frame_len, mut taken) = (0, 0);
    while taken <= frame_len {
        let mut scene = member(config.clone(), &[]);
        scene.next_turn().send(&Message::from(own.as_str()));
        assert_eq!(texts(&scene.client_reads()), [own.as_str()]);
        for room in [UNLIMITED, taken] {
            scene.pipe.room = room;
            let rooms = &mut scene.shared.common.rooms;
            rooms.forget(rooms.published());
            assert_eq!(rooms.publish("room", &news, None), 1);
            scene.next_turn().deliver();
            frame_len = if room == UNLIMITED { scene.pipe.output.len() } else { frame_len };
        }
        assert!(frame_len < public.len() / 4, "{frame_len} bytes");
        assert_eq!(scene.session.connection.output_len(), frame_len - taken);
        scene.pipe.room = UNLIMITED;
        scene.next_turn().send(&Message::from(own.as_str()));
        assert_eq!(texts(&scene.client_reads()), [public.as_str(), &public, &own], "after {taken} bytes");
        taken += 1;
    }
}

#[cfg(feature = "deflate")]
#[test]
fn several_published_messages_leave_compressed_too() {
    let config = Config::default().with(|config| config.deflate = Some(crate::Deflate::default()));
    let both = ["One. ", "Two. "].map(|text| text.repeat(100));
    let mut scene = member(config, &both.each_ref().map(|text| SharedMessage::text(text)));
    scene.next_turn().deliver();
    assert!(scene.pipe.output.len() < 200, "{} bytes", scene.pipe.output.len());
    assert_eq!(texts(&scene.client_reads()), both);
}

#[test]
fn a_published_message_does_not_come_between_fragments_or_behind_a_close() {
    for does_close in [false, true] {
        let mut scene = member(Config::default(), &[]);
        scene.next_turn().lend(|view, _| {
            let connection = view.connection;
            if does_close {
                connection.close(CloseCode::NORMAL_CLOSURE, "").expect("the connection is open");
            } else {
                connection.begin_text("half").expect("the connection is open");
            }
        });
        scene.pipe.output.clear();
        assert_eq!(scene.shared.common.rooms.publish("room", &SharedMessage::text("late"), None), 1);
        scene.next_turn().deliver();
        assert!(!scene.pipe.output.windows(4).any(|bytes| bytes == b"late"), "closed: {does_close}");
        let calls = scene.take_calls();
        let is_told = matches!(&calls[..], [Call::Unsent(_), Call::Disconnect { cause: Cause::Unsent, .. }]);
        assert_eq!((is_told, calls.is_empty()), (!does_close, does_close), "{calls:?}");
    }
}

#[test]
fn a_session_that_cannot_be_written_ends_in_the_turn_of_a_published_message() {
    let mut scene = member(Config::default(), &messages(&["one"]).0);
    scene.pipe.is_broken = true;
    scene.next_turn().deliver();
    assert!(matches!(scene.take_calls()[..], [Call::Disconnect { is_clean: false, .. }]));
    assert_eq!(scene.shared.common.rooms.count("room"), 0);
}

#[test]
fn on_drain_is_due_for_a_published_message_above_the_mark_too() {
    let large = SharedMessage::binary(&[7; 15 << 10]);
    let config = Config::default().with(|config| config.high_water = Some(10 << 10));
    let mut scene = member(config, &[large]);
    scene.pipe.room = 100;
    scene.next_turn().deliver();
    assert_eq!(scene.take_calls(), []);
    scene.pipe.room = UNLIMITED;
    scene.turn();
    assert_eq!(scene.take_calls(), [Call::Drain { queued: 0 }]);
}
