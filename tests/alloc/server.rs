//! The memory of a server per connection.

use allocation_counter::measure;
use statesocket::{
    Config, Message,
    handshake::{Accept, Request},
    server::{Handler, Server, Session},
};
use std::{
    cell::Cell,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    rc::Rc,
    time::Duration,
};

/// A power of two, so that the tables of the server have grown to exactly that.
const CONNECTIONS: usize = 256;

/// The bytes of the heap that a connection may take in all: itself, its handler, its deadline, its span of `tracing`.
const PER_CONNECTION: i64 = 512 + if cfg!(feature = "tracing") { 40 } else { 0 };

const MESSAGE: usize = 64 << 10;

struct Echo(Rc<Cell<usize>>);

impl Handler for Echo {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request has just come");
        self.0.set(self.0.get() + 1);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        session.send(message).expect("the output is empty");
    }
}

/// More than any exchange takes.
const TURNS: usize = 10_000;

/// Writes `bytes`, and reads `expected` bytes while the server works.
fn exchange(server: &mut Server, client: &mut TcpStream, mut bytes: &[u8], mut expected: usize) {
    let mut buffer = [0; 16 << 10];
    for _ in 0..TURNS {
        if bytes.is_empty() && expected == 0 {
            return;
        }
        match client.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        server.turn(Some(Duration::from_millis(1))).expect("a turn");
        match client.read(&mut buffer) {
            Ok(n) => expected -= n,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    panic!("{} bytes are unwritten, {expected} bytes are missing", bytes.len());
}

#[test]
fn an_idle_connection_of_a_server_takes_half_a_kibibyte() {
    let opened = Rc::new(Cell::new(0));
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a port");
    let counted = Rc::clone(&opened);
    server.route("/", move || Echo(Rc::clone(&counted))).expect("the route is new");
    let address = server.local_addr();
    let connect = || {
        let client = TcpStream::connect(address).expect("room in the backlog");
        client.set_nonblocking(true).expect("the socket is open");
        client
    };
    let request = super::head(0);
    let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                  sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let message = [&[0x82, 0xFF][..], &u64::to_be_bytes(MESSAGE as u64), &[0; 4], &[7; MESSAGE]].concat();
    let echo_len = message.len() - 4;

    // What the loop holds once for all connections, it has from the first.
    let mut first = connect();
    exchange(&mut server, &mut first, &request, answer.len());
    exchange(&mut server, &mut first, &message, echo_len);

    let mut clients = Vec::with_capacity(CONNECTIONS);
    let idle = measure(|| {
        for _ in 1..CONNECTIONS {
            let mut client = connect();
            exchange(&mut server, &mut client, &request, answer.len());
            clients.push(client);
        }
    });
    assert_eq!((opened.get(), server.connections()), (CONNECTIONS, CONNECTIONS));
    let each = idle.bytes_current / CONNECTIONS as i64;
    assert!(each <= PER_CONNECTION, "{each} bytes for an idle connection: {idle:?}");

    let echoed = measure(|| clients.iter_mut().for_each(|it| exchange(&mut server, it, &message, echo_len)));
    assert_eq!(echoed.bytes_current, 0, "an echo of 64 KiB leaves nothing behind: {echoed:?}");
}
