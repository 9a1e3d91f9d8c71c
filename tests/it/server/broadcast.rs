//! One message of a server to many sessions.

use crate::support::{Raw, Witness, memory::Served};
use statesocket::{
    Config, SharedMessage,
    server::{Handle, Session},
};
use std::sync::mpsc;

/// Long enough not to be copied.
const LONG: usize = 100_000;

#[test]
fn a_broadcast_reaches_the_open_connections_that_it_names() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut clients = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..20 {
        clients.push(served.open());
        ids.push(calls.request().0);
    }
    let mut gone = served.open();
    let (gone_id, _) = calls.request();
    gone.send(Raw::close(1000, ""));
    gone.frame();
    calls.end();
    drop(gone);

    let long = "x".repeat(LONG);
    let everyone = ids.iter().copied().chain([gone_id]);
    let send = |handle: &Handle| {
        handle.broadcast(everyone, SharedMessage::text(&long))?;
        handle.broadcast(ids[..10].to_vec(), SharedMessage::binary(b"to some"))?;
        handle.broadcast(ids.clone(), SharedMessage::text("last"))
    };
    assert_eq!(served.elsewhere(send), Ok(()));
    for (n, client) in clients.iter_mut().enumerate() {
        assert!(client.frame() == Raw::new(Raw::TEXT, &long), "{n}");
        if n < 10 {
            assert_eq!(client.frame(), Raw::new(Raw::BINARY, "to some"), "{n}");
        }
        assert_eq!(client.frame(), Raw::new(Raw::TEXT, "last"), "{n}");
        client.assert_silent();
    }
}

#[cfg(feature = "serde")]
#[test]
fn s20_a_broadcast_can_be_json() {
    use statesocket::Role;
    use std::collections::{BTreeMap, HashMap};

    let value = BTreeMap::from([("name", "J\u{fc}rgen"), ("text", "a\n\"b\"")]);
    let text = "{\"name\":\"J\u{fc}rgen\",\"text\":\"a\\n\\\"b\\\"\"}";
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let id = calls.request().0;
    for message in [SharedMessage::json(&value), SharedMessage::json_binary(&value)] {
        served.handle.broadcast([id], message.expect("a map has a JSON form")).expect("the server is running");
    }
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, text));
    assert_eq!(client.frame(), Raw::new(Raw::BINARY, text));

    let mut connection = crate::support::established(Role::Server, Config::default());
    connection.send_json(&value).expect("the connection is open");
    assert_eq!(crate::support::sent(&mut connection), [Raw::new(Raw::TEXT, text)], "both write the same");

    let no_json = HashMap::from([(vec![1, 2], "a key must be a string")]);
    for refused in [SharedMessage::json(&no_json), SharedMessage::json_binary(&no_json)] {
        assert_eq!(refused.expect_err("it has no JSON form").to_string(), "key must be a string");
    }
}

#[test]
fn a_broadcast_to_peers_that_do_not_read_is_queued_once() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut clients = [(); 3].map(|()| served.open());
    let ids = [(); 3].map(|()| calls.request().0);
    let message = SharedMessage::binary(&vec![7; 1 << 20]);
    served.handle.broadcast(ids, message.clone()).expect("the server is running");
    let range = message.payload().as_ptr_range();
    let range = range.start as usize..range.end as usize;
    let (place, places) = mpsc::channel();
    for id in ids {
        let place = place.clone();
        let act = move |session: &mut Session<'_>| {
            place.send(session.output().as_ptr() as usize).expect("the test is waiting");
        };
        served.handle.with_session(id, act).expect("the server is running");
    }
    served.settle();
    let places: Vec<_> = places.try_iter().collect();
    assert_eq!(places.len(), ids.len());
    assert!(places.iter().all(|place| range.contains(place)), "{places:x?}, not in {range:x?}: it was copied");
    for client in &mut clients {
        assert!(client.frame() == Raw::new(Raw::BINARY, message.payload()));
    }
}
