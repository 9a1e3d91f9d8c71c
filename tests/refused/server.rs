//! A server whose system refuses memory.

use super::{alone, config, with_exact_room};
use statesocket::{
    Disconnect, Message,
    handshake::{Accept, Request},
    server::{Handler, Server, Session},
};
use std::{
    cell::RefCell,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    rc::Rc,
    time::Duration,
};

/// Pauses reading at a message that says so, echoes all others, and keeps the ends.
struct Pausing(Rc<RefCell<Vec<Disconnect>>>);

impl Handler for Pausing {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request has just come");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        if message.as_text() == Some("pause") {
            session.pause_reading();
        } else {
            session.send(message).expect("the output is empty");
        }
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, end: &Disconnect) {
        self.0.borrow_mut().push(end.clone());
    }
}

/// Writes `bytes`, and reads until `is_done`, while the server works.
fn exchange(server: &mut Server, client: &mut TcpStream, bytes: &[u8], is_done: impl Fn(&[u8]) -> bool) {
    client.write_all(bytes).expect("the socket has room");
    client.set_nonblocking(true).expect("the socket is open");
    let (mut buffer, mut len) = ([0; 1 << 10], 0);
    for _ in 0..10_000 {
        if is_done(&buffer[..len]) {
            client.set_nonblocking(false).expect("the socket is open");
            return;
        }
        server.turn(Some(Duration::from_millis(1))).expect("a turn");
        match client.read(&mut buffer[len..]) {
            Ok(n) => len += n,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    panic!("only {:?} came", String::from_utf8_lossy(&buffer[..len]));
}

#[test]
fn a13_a_rest_without_memory_ends_its_session_and_no_other() {
    alone(|| {
        let ends = Rc::new(RefCell::default());
        let mut server = Server::bind("127.0.0.1:0", (*config(|_| ())).clone()).expect("a port");
        let kept = Rc::clone(&ends);
        server.route("/", move || Pausing(Rc::clone(&kept))).expect("the route is new");
        let request = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        let mut clients = [(); 2].map(|()| TcpStream::connect(server.local_addr()).expect("room in the backlog"));
        for client in &mut clients {
            exchange(&mut server, client, request.as_bytes(), |answer| answer.ends_with(b"\r\n\r\n"));
        }
        let pings = b"\x89\x80\0\0\0\0".repeat(10_000);
        let flood = [b"\x81\x85\0\0\0\0pause".to_vec(), pings].concat();
        let [paused, other] = &mut clients;
        with_exact_room(16 << 10, || {
            exchange(&mut server, paused, &flood, |answer| answer.starts_with(&[0x88]));
            exchange(&mut server, other, b"\x81\x82\0\0\0\0ok", |answer| answer == b"\x81\x02ok");
        });
        let ends = ends.borrow();
        assert_eq!(ends.len(), 1, "{ends:?}");
        super::assert_out_of_memory(&ends[0], "the paused session");
    });
}
