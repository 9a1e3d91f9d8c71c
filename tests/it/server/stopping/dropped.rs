//! A server that is dropped without being stopped.

use crate::support::{
    Raw,
    loopback::PATIENCE,
    memory::{RawClient, Served},
    request_head,
};
use statesocket::{
    Config, Disconnect, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Handle, HandleError, Handler, Limits, Session},
};
use std::{io::ErrorKind, sync::mpsc, thread};

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
fn serve() -> (Served, [RawClient; 3], mpsc::Receiver<&'static str>) {
    let (sender, calls) = mpsc::channel();
    let served = Served::start(Config::default(), |server| {
        server.set_limits(Limits::default().with(|limits| limits.max_command_bytes = 0));
        let handle = server.handle();
        let factory = move || Reporter { handle: handle.clone(), calls: sender.clone() };
        server.route("/ws", factory).expect("the route is new");
    });
    let clients = ["/ws", "/ws?wait", ""].map(|target| {
        let mut client = RawClient::dial(&served);
        if !target.is_empty() {
            client.write(&request_head(target, &[]));
        }
        client
    });
    served.settle();
    assert_eq!((calls.try_iter().count(), served.connections()), (2, 3));
    (served, clients, calls)
}

#[test]
fn a_dropped_server_closes_every_socket_and_tells_no_handler() {
    let (served, [mut open, mut waiting, mut silent], calls) = serve();
    served.drop_server();
    assert!(open.head().starts_with("HTTP/1.1 101 "));
    for client in [&mut open, &mut waiting, &mut silent] {
        assert_eq!(client.rest().expect("nothing was unread"), b"", "neither a Close nor an answer");
    }
    assert_eq!(calls.iter().collect::<Vec<_>>(), ["drop", "drop"]);
}

#[test]
fn a_dropped_server_drops_commands_and_wakes_the_threads_that_wait_for_room() {
    let (served, _clients, _calls) = serve();
    let (act, acted) = mpsc::channel::<()>();
    let (trying, tries) = mpsc::channel();
    let handle = served.handle.clone();
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
    served.drop_server();
    tries.recv_timeout(PATIENCE).expect("nobody waits for a server that is gone");
    assert_eq!(waiting.join().expect("the thread does not panic"), [Err(HandleError::Stopped); 2]);
    assert!(acted.recv().is_err(), "the command is dropped");
}

#[test]
fn a_server_that_is_dropped_while_it_stops_closes_what_is_left() {
    let (served, [mut open, mut waiting, silent], calls) = serve();
    served.handle.shutdown(1001, PATIENCE).expect("the server is running");
    drop(silent);
    assert!(open.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(served.tally().total_ended(), 2);
    served.drop_server();
    assert_eq!(open.frame(), Raw::close(1001, ""));
    assert_eq!(open.rest().expect("nothing was unread"), b"");
    assert!(waiting.head().starts_with("HTTP/1.1 503 "));
    assert_eq!(calls.iter().collect::<Vec<_>>(), ["disconnect", "drop", "drop"]);
}

#[test]
fn bytes_that_are_unread_when_a_server_is_dropped_are_lost() {
    for is_accepted in [false, true] {
        let served = Served::echo(Config::default());
        let mut client = RawClient::dial(&served);
        if is_accepted {
            served.settle();
        }
        client.write(&request_head("/ws", &[]));
        served.drop_server();
        assert_eq!(client.rest().map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    }
}
