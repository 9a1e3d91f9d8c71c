//! The end of one connection: its last bytes arrive, and its stream ends in order.

use super::without_linger_timeout;
use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient, Served, Witness, dial, turns::turn_until},
    request_head,
};
use statesocket::{
    CloseReply, Config, Disconnect,
    handshake::Response,
    http::StatusCode,
    server::{Handler, Peer, PeerId, Server},
};
use std::{
    cell::Cell,
    io::{Read, Write},
    rc::Rc,
    sync::mpsc,
};

#[test]
fn the_last_bytes_arrive_though_the_client_goes_on_sending() {
    let served = Served::echo(Config::default());
    let mut client = served.open();
    let unmasked = Raw::new(Raw::BINARY, vec![7; 1 << 20]).bytes();
    client.write(&unmasked);
    let close = client.frame();
    assert_eq!(&close.payload[..2], 1002_u16.to_be_bytes());
    client.write(&unmasked);
    assert_eq!(client.rest().expect("no reset"), b"");
    client.write(&unmasked);
}

#[test]
fn a_refusal_arrives_though_the_client_goes_on_sending() {
    let body = "no\n".repeat(100_000);
    let refusal = Response::new(StatusCode::FORBIDDEN).body(body.clone());
    let (served, _calls) = Served::witnessed(Config::default(), move |peer, _| {
        peer.reject(refusal.clone()).expect("a request waits");
    });
    let mut client = RawClient::dial(served.address);
    client.write(&[&request_head("/ws", &[])[..], &[0; 100_000]].concat());
    assert!(client.head().starts_with("HTTP/1.1 403 "));
    client.write(&[0; 100_000]);
    assert_eq!(client.rest_as_text(), body);
}

#[test]
fn a_slow_reader_gets_all_that_was_sent_before_the_close() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    served.handle.send_binary(id, vec![7; 16 << 20]).expect("the loop runs");
    served.handle.close(id, 1000, "all sent").expect("the loop runs");
    // What the client sends may be read before what has only been asked for is done.
    let (done, is_done) = mpsc::channel();
    served.handle.with_peer(id, move |_| done.send(()).expect("the test waits")).expect("the loop runs");
    is_done.recv_timeout(PATIENCE).expect("the loop runs");
    client.send(Raw::new(Raw::TEXT, "meanwhile"));
    client.send(Raw::close(1000, ""));
    assert!(client.frame() == Raw::new(Raw::BINARY, vec![7; 16 << 20]));
    assert_eq!(client.frame(), Raw::close(1000, "all sent"));
    assert_eq!(client.rest().expect("the server ends in order"), b"");
}

#[test]
fn an_answered_close_of_ours_ends_the_stream_at_once() {
    let (served, calls) = Served::witnessed(without_linger_timeout(), Witness::accept);
    let mut stream = dial(served.address);
    stream.write_all(&request_head("/ws", &[])).expect("the server reads");
    let (id, _) = calls.request();
    served.handle.close(id, 1000, "").expect("the loop runs");
    stream.write_all(&Raw::close(1000, "").masked().bytes()).expect("the server reads");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server ends in order");
    assert!(all.ends_with(&Raw::close(1000, "").bytes()));
}

/// Answers a Close not at once, but when `may_answer` is set and it is looked after.
struct Late(Rc<Cell<Option<PeerId>>>);

impl Handler for Late {
    fn on_disconnect(&mut self, peer: &mut Peer<'_>, disconnect: &Disconnect) {
        assert!(!disconnect.is_clean, "our Close is still to come");
        peer.send_text("last words").expect("the application has not closed");
        self.0.set(Some(peer.id()));
    }
}

#[test]
fn a_handler_may_answer_a_close_later() {
    let mut config = Config::default();
    config.close_reply = CloseReply::Manual;
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    let asked = Rc::new(Cell::new(None));
    let factory_asked = Rc::clone(&asked);
    server.route("/ws", move || Late(Rc::clone(&factory_asked))).expect("the first route");
    let mut stream = dial(server.local_addr());
    let bytes = [request_head("/ws", &[]), Raw::close(4001, "bye").masked().bytes()].concat();
    stream.write_all(&bytes).expect("the socket has room");
    turn_until(&mut server, |_| asked.get().is_some());
    let id = asked.get().expect("it was asked");
    server.handle().close(id, 4001, "bye yourself").expect("the loop has not ended");
    server.turn(Some(PATIENCE)).expect("nothing fails");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server ends in order");
    let expected = [Raw::new(Raw::TEXT, "last words").bytes(), Raw::close(4001, "bye yourself").bytes()].concat();
    assert!(all.ends_with(&expected));
    drop(stream);
    turn_until(&mut server, |server| server.connections() == 0);
}
