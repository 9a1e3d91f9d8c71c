//! The loop as a part of another, turn by turn.

use crate::support::{
    Raw,
    loopback::{
        PATIENCE, RawClient, dial,
        turns::{server, turn_until, turn_until_received},
    },
    request_head,
};
use statesocket::{
    CloseReply, Config, Disconnect,
    server::{Handler, Peer, Server},
};
use std::{
    cell::Cell,
    io::{Read, Write},
    rc::Rc,
    time::Duration,
};

#[test]
fn a_program_may_turn_the_loop_itself() {
    let mut server = server(Config::default());
    server.turn(Some(Duration::ZERO)).expect("nothing fails");
    let mut stream = dial(server.local_addr());
    turn_until(&mut server, |server| server.connections() == 1);
    stream.write_all(&request_head("/ws", &[])).expect("the socket has room");
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    turn_until_received(&mut server, &mut stream, head.as_bytes());
    stream.write_all(&Raw::new(Raw::TEXT, "Hello").masked().bytes()).expect("the socket has room");
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "Hello").bytes());

    server.handle().shutdown(1001, PATIENCE).expect("the loop has not ended");
    turn_until_received(&mut server, &mut stream, &Raw::close(1001, "").bytes());
    assert!(!server.is_stopped());
    stream.write_all(&Raw::close(1001, "").masked().bytes()).expect("the socket has room");
    drop(stream);
    turn_until(&mut server, Server::is_stopped);
}

#[test]
fn many_connections_come_and_go_and_none_is_left() {
    let mut server = server(Config::default());
    let address = server.local_addr();
    let clients = std::thread::spawn(move || {
        for round in 0..100 {
            let mut clients = [(); 4].map(|()| RawClient::open(address, "/ws"));
            clients.iter_mut().for_each(|client| client.echo("Hello"));
            let [mut clean, reset, mut in_mid_frame, vanishing] = clients;
            clean.send(Raw::close(1000, ""));
            assert_eq!(clean.frame(), Raw::close(1000, ""));
            reset.reset_after(b"");
            in_mid_frame.write(&[0x82]);
            drop((in_mid_frame, vanishing));
            RawClient::dial(address).write(&request_head("/nowhere", &[])[..(round * 2).min(100)]);
        }
    });
    turn_until(&mut server, |_| clients.is_finished());
    clients.join().expect("no panic");
    turn_until(&mut server, |server| server.connections() == 0);
    assert!(!server.is_stopped());
    server.turn(Some(Duration::ZERO)).expect("nothing fails");
}

#[test]
fn a_client_that_keeps_its_socket_is_left_after_a_while() {
    let mut config = Config::default();
    config.linger_timeout = Some(Duration::from_millis(100));
    let mut server = server(config);
    let mut stream = dial(server.local_addr());
    let bytes = [request_head("/ws", &[]), Raw::close(1000, "").masked().bytes()].concat();
    stream.write_all(&bytes).expect("the socket has room");
    turn_until(&mut server, |server| server.connections() == 1);
    turn_until(&mut server, |server| server.connections() == 0);
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server ends in order");
    assert!(all.ends_with(&Raw::close(1000, "").bytes()));
}

/// Answers a Close not at once, but when `may_answer` is set and it is looked after.
struct Late(Rc<Cell<Option<statesocket::server::PeerId>>>);

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
