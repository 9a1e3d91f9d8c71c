//! Several messages that many connections send.

use crate::support::{ROLES, Raw, config, established, sent};
use statesocket::{Config, Role, SendError, SharedMessage, SharedMessages};
use std::hash::{BuildHasher, RandomState};

fn joined(messages: &[SharedMessage]) -> SharedMessages {
    messages.iter().collect()
}

#[test]
fn messages_that_are_sent_together_are_frames_one_behind_the_other() {
    let large = vec![7; 70_000];
    let news = joined(&[SharedMessage::text("one"), SharedMessage::binary(&large), SharedMessage::text("")]);
    assert_eq!((news.len(), news.is_empty(), joined(&[]).is_empty()), (3, false, true));
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_text("before").unwrap();
        connection.send_shared_all(&news).unwrap();
        connection.send_shared_all(&joined(&[])).unwrap();
        connection.send_shared_all(&news).unwrap();
        let frames = [Raw::new(Raw::TEXT, "one"), Raw::new(Raw::BINARY, &large), Raw::new(Raw::TEXT, "")];
        let expected = [vec![Raw::new(Raw::TEXT, "before")], frames.to_vec(), frames.to_vec()].concat();
        let mut all = Vec::new();
        while connection.output_len() > 0 {
            all.extend(sent(&mut connection));
        }
        assert!(all == expected, "{role:?}");
    }
}

#[test]
fn messages_are_equal_if_their_kinds_and_payloads_are() {
    let (text, state) = (SharedMessage::text("same"), RandomState::new());
    assert_eq!(text, SharedMessage::text("same"));
    assert_eq!(state.hash_one(&text), state.hash_one(SharedMessage::text("same")));
    for other in [SharedMessage::binary(b"same"), SharedMessage::text("other")] {
        assert_ne!(text, other);
        assert_ne!(state.hash_one(&text), state.hash_one(&other));
    }
}

#[test]
fn a_server_does_not_copy_messages_that_are_long_together() {
    let news = joined(&[(); 16].map(|()| SharedMessage::binary(&[7; 100])));
    let [mut first, mut second] = [(); 2].map(|()| established(Role::Server, Config::default()));
    first.send_shared_all(&news).unwrap();
    second.send_shared_all(&news).unwrap();
    assert_eq!(first.output().len(), 16 * 102, "one slice");
    assert!(std::ptr::eq(first.output(), second.output()));
}

#[test]
fn all_messages_are_queued_or_none() {
    for role in ROLES {
        let mut connection = established(role, config(|config| config.max_output_bytes = 100));
        let two = joined(&[(); 2].map(|()| SharedMessage::binary(&[7; 60])));
        assert!(matches!(connection.send_shared_all(&two), Err(SendError::OutputFull { queued: 0, limit: 100 })));
        let one = joined(&[SharedMessage::binary(&[7; 200])]);
        connection.send_shared_all(&one).expect("nothing else is queued");
        assert!(matches!(connection.send_shared_all(&one), Err(SendError::OutputFull { .. })), "{role:?}");
        assert_eq!(sent(&mut connection).len(), 1, "{role:?}");

        connection.begin_text("first").unwrap();
        assert_eq!(connection.send_shared_all(&one), Err(SendError::MessageInProgress));
        connection.continue_text("", true).unwrap();
        connection.close(1000, "").unwrap();
        assert!(matches!(connection.send_shared_all(&one), Err(SendError::Transition(_))), "{role:?}");
    }
}
