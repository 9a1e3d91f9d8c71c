//! What a handler can ask of its peer, and what happens when it asks nothing.

use crate::support::{
    Raw,
    loopback::{Client, RawClient, Served, Witness},
};
use statesocket::{
    Config, Delivery, Message, Phase,
    handshake::{Accept, Request},
    server::{Handler, Peer},
};

/// Sends by every method that has no test of its own, and tells what it knows.
struct Sender;

impl Handler for Sender {
    fn on_request(&mut self, peer: &mut Peer<'_>, _: &Request) {
        peer.accept(Accept::new()).expect("a request waits");
        let known = (peer.param("room"), peer.param("other"), peer.params().get("room"), peer.id().to_string());
        let text = format!("{known:?}");
        peer.send_text(&text).expect("messages may be sent at once");
        peer.send_text_fragment("one, ", false).expect("nothing is in progress");
        peer.send_text_fragment("two", true).expect("the same message goes on");
        peer.send_binary_fragment(b"\0", false).expect("nothing is in progress");
        peer.send_binary_fragment(b"\xFF", true).expect("the same message goes on");
        #[cfg(feature = "serde")]
        {
            peer.send_json(&[1, 2]).expect("numbers have a JSON form");
            peer.send_json_binary(&[3]).expect("numbers have a JSON form");
        }
    }
}

#[test]
fn a_peer_sends_whatever_its_connection_can_send() {
    let served = Served::start(Config::default(), |server| {
        server.route("/ws/{room}", || Sender).expect("the first route");
    });
    let mut client = Client::open(&served.url("/ws/lobby"));
    let known = r##"(Some("lobby"), None, Some("lobby"), "#1")"##;
    let mut expected = vec![Message::from(known), Message::from("one, two"), Message::from(&b"\0\xFF"[..])];
    if cfg!(feature = "serde") {
        expected.extend([Message::from("[1,2]"), Message::from(&b"[3]"[..])]);
    }
    for message in expected {
        assert_eq!(client.message(), message);
    }
}

/// Implements nothing.
struct Silent;

impl Handler for Silent {}

#[test]
fn a_handler_that_implements_nothing_accepts_and_says_nothing() {
    for delivery in [Delivery::Messages, Delivery::Chunks] {
        let mut config = Config::default();
        config.delivery = delivery;
        let served = Served::start(config, |server| server.route("/ws", || Silent).expect("the first route"));
        let mut client = RawClient::open(served.address, "/ws");
        client.send(Raw::new(Raw::TEXT, "Hello"));
        client.send(Raw::new(Raw::PONG, "unasked"));
        client.send(Raw::new(Raw::PING, "are you there?"));
        assert_eq!(client.frame(), Raw::new(Raw::PONG, "are you there?"), "{delivery:?}: the connection answers");
        client.send(Raw::close(1000, "bye"));
        assert_eq!(client.frame(), Raw::close(1000, "bye"), "{delivery:?}: the connection answers");
        assert_eq!(client.rest().expect("the server ends in order"), b"", "{delivery:?}");
    }
}

#[test]
fn what_another_thread_asks_for_may_panic_and_ends_that_connection_only() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let (mut other, mut client) = (RawClient::open(served.address, "/ws"), RawClient::open(served.address, "/ws"));
    let (_, (id, _)) = (calls.request(), calls.request());
    let ask = |peer: &mut Peer<'_>| {
        assert_eq!(peer.phase(), Phase::Open);
        panic!("this is what the test is about");
    };
    served.handle.with_peer(id, ask).expect("the loop runs");
    assert_eq!(client.frame(), Raw::close(1011, ""));
    other.echo("unharmed");
}
