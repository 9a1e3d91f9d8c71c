//! The loop as a part of another, turn by turn.

use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient, dial},
    request_head,
};
use statesocket::{
    CloseReply, Config, Disconnect, Message,
    server::{Handler, Peer, Server},
};
use std::{
    cell::Cell,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    rc::Rc,
    time::{Duration, Instant},
};

pub(super) struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
        peer.send(message).expect("the connection is open");
    }
}

pub(super) fn server(config: Config) -> Server {
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    server.route("/ws", || Echo).expect("the first route");
    server
}

/// Turns until `is_done`.
#[track_caller]
pub(super) fn turn_until(server: &mut Server, mut is_done: impl FnMut(&Server) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_done(server) {
        assert!(Instant::now() < deadline, "it is never done");
        server.turn(Some(Duration::from_millis(10))).expect("nothing fails");
    }
}

/// Turns until `expected` has come.
#[track_caller]
pub(super) fn turn_until_received(server: &mut Server, stream: &mut TcpStream, expected: &[u8]) {
    stream.set_nonblocking(true).expect("a socket");
    let mut received = Vec::new();
    turn_until(server, |_| {
        let mut buffer = vec![0; expected.len() - received.len()];
        match stream.read(&mut buffer) {
            Ok(n) => received.extend_from_slice(&buffer[..n]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        received.len() == expected.len()
    });
    stream.set_nonblocking(false).expect("a socket");
    assert_eq!(received, expected);
}

/// A socket, which does not block, with a request for `/ws` on its way.
pub(super) fn ask(server: &Server, changes: &[(&str, &str)]) -> TcpStream {
    let mut stream = dial(server.local_addr());
    stream.write_all(&request_head("/ws", changes)).expect("the socket has room");
    stream.set_nonblocking(true).expect("a socket");
    stream
}

/// Turns until the head of an answer has come. Returns the status.
#[track_caller]
pub(super) fn turn_until_answered(server: &mut Server, stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    turn_until(server, |_| {
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
            head.extend(byte);
        }
        head.ends_with(b"\r\n\r\n")
    });
    let head = String::from_utf8(head).expect("a head is ASCII");
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

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
