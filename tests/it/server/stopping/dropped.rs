//! A server that is dropped without being stopped.

use crate::support::{
    Raw,
    loopback::{
        PATIENCE, RawClient, dial,
        turns::{self, Echo, turn_until},
    },
    request_head,
};
use statesocket::{
    Config, Disconnect, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Handle, HandleError, Handler, Limits, Server, Session},
};
use std::{io::Write, sync::mpsc, thread};

/// Reports its calls and its drop.
struct Reporter {
    handle: Handle,
    calls: mpsc::Sender<&'static str>,
}

impl Handler for Reporter {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.calls.send("request").expect("the test is waiting");
        if request.raw_query() != Some("wait") {
            session.accept(Accept::new()).expect("a request waits");
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        session.send(message).expect("the session is open");
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, _: &Disconnect) {
        self.calls.send("disconnect").expect("the test is waiting");
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        assert_eq!(self.handle.stop(), Err(HandleError::Stopped), "no command is taken any more");
        self.calls.send("drop").expect("the test is waiting");
    }
}

/// A server with one open session, one whose request waits, and one without a request; its clients, and its calls.
fn serve() -> (Server, [RawClient; 3], mpsc::Receiver<&'static str>) {
    let (sender, calls) = mpsc::channel();
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    server.set_limits(Limits::default().with(|limits| limits.max_command_bytes = 0));
    let handle = server.handle();
    let factory = move || Reporter { handle: handle.clone(), calls: sender.clone() };
    server.route("/ws", factory).expect("the route is new");
    let address = server.local_addr();
    let clients = ["/ws", "/ws?wait", ""].map(|target| {
        let mut client = RawClient::dial(address);
        if !target.is_empty() {
            client.write(&request_head(target, &[]));
        }
        client
    });
    let mut told = Vec::new();
    turn_until(&mut server, |server| {
        told.extend(calls.try_iter());
        told.len() == 2 && server.connections() == 3
    });
    (server, clients, calls)
}

#[test]
fn a_dropped_server_closes_every_socket_and_tells_no_handler() {
    let (server, [mut open, mut waiting, mut silent], calls) = serve();
    let address = server.local_addr();
    drop(server);
    assert!(open.head().starts_with("HTTP/1.1 101 "));
    for client in [&mut open, &mut waiting, &mut silent] {
        assert_eq!(client.rest().expect("nothing was unread"), b"", "neither a Close nor an answer");
    }
    assert_eq!(calls.iter().collect::<Vec<_>>(), ["drop", "drop"]);
    let mut next = Server::bind(address, Config::default()).expect("the address is free");
    next.route("/ws", || Echo).expect("the route is new");
    turns::open(&mut next);
}

#[test]
fn a_dropped_server_drops_commands_and_wakes_the_threads_that_wait_for_room() {
    let (server, _clients, _calls) = serve();
    let (act, acted) = mpsc::channel::<()>();
    let (trying, tries) = mpsc::channel();
    let handle = server.handle();
    let first = SharedMessage::text("waits alone");
    let waiting = thread::spawn(move || {
        handle.broadcast([], first).expect("the queue is empty");
        trying.send(()).expect("the test is waiting");
        let results = [handle.blocking().for_each(move |_| act.send(()).expect("nobody calls this")), handle.stop()];
        trying.send(()).expect("the test is waiting");
        results
    });
    tries.recv_timeout(PATIENCE).expect("the thread fills the queue");
    assert!(tries.try_recv().is_err(), "the thread waits for room");
    drop(server);
    tries.recv_timeout(PATIENCE).expect("nobody waits for a server that is gone");
    assert_eq!(waiting.join().expect("the thread does not panic"), [Err(HandleError::Stopped); 2]);
    assert!(acted.recv().is_err(), "the command is dropped");
}

#[test]
fn a_server_that_is_dropped_while_it_stops_closes_what_is_left() {
    let (mut server, [mut open, mut waiting, silent], calls) = serve();
    server.handle().shutdown(1001, PATIENCE).expect("the server is running");
    drop(silent);
    assert!(open.head().starts_with("HTTP/1.1 101 "));
    turn_until(&mut server, |server| server.tally().total_ended() == 2);
    drop(server);
    assert_eq!(open.frame(), Raw::close(1001, ""));
    assert_eq!(open.rest().expect("nothing was unread"), b"");
    assert!(waiting.head().starts_with("HTTP/1.1 503 "));
    assert_eq!(calls.iter().collect::<Vec<_>>(), ["disconnect", "drop", "drop"]);
}

#[test]
fn bytes_that_are_unread_when_a_server_is_dropped_are_lost() {
    let server = turns::server(Config::default());
    let mut client = dial(server.local_addr());
    client.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    drop(server);
    let mut answer = Vec::new();
    // The system may reset the connection.
    let _ = std::io::Read::read_to_end(&mut client, &mut answer);
    assert_eq!(answer, b"");
}
