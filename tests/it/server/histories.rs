//! Text that is kept for compression counts among the bytes that all connections hold.

use statesocket::{
    Cause, Config, Deflate, Disconnect, Message, Window,
    handshake::Connect,
    server::{Handler, Limits, Session},
    testing::{Client, ClientOptions, TestServer},
};
use std::{cell::RefCell, rc::Rc, time::Duration};

/// Sixteen of the largest histories, if nothing else is held.
const LIMIT: usize = 512 << 10;

type Ends = Rc<RefCell<Vec<Disconnect>>>;

struct Echo(Ends);

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        session.send(message).expect("there is room for an echo");
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, disconnect: &Disconnect) {
        self.0.borrow_mut().push(disconnect.clone());
    }
}

fn serve(received: Window, sent: Window) -> (TestServer, Ends) {
    let config = Config::default().with(|config| {
        config.deflate = Some(Deflate::default().with(|deflate| {
            (deflate.receive_history, deflate.send_history) = (received, sent);
        }));
    });
    let mut server = TestServer::new(config).expect("the configuration is right");
    let ends = Ends::default();
    let told = Rc::clone(&ends);
    server.route("/ws", move || Echo(Rc::clone(&told))).expect("the route is new");
    server.set_limits(Limits::default().with(|limits| limits.max_buffered_bytes = LIMIT));
    (server, ends)
}

fn open(server: &mut TestServer, compresses: bool) -> Client {
    let deflate = compresses.then(Deflate::default);
    let options =
        ClientOptions::default().with(|options| (options.config.deflate, options.pipe_bytes) = (deflate, LIMIT));
    server.connect_with(&Connect::new("ws://localhost/ws").expect("a URI"), &options)
}

/// More than a window of text that compresses.
fn text(number: usize) -> String {
    (0..3_000).map(|line| format!("{number} {line} line, ")).collect()
}

/// Sends a text each, and checks the echoes of all that are still there.
#[track_caller]
fn echo(server: &mut TestServer, clients: &mut [Client], ends: &Ends) {
    for (number, client) in clients.iter_mut().enumerate() {
        let before = ends.borrow().len();
        if client.send_text(&text(number)).is_ok() {
            server.settle();
            if ends.borrow().len() == before {
                assert_eq!(client.receive_text(), text(number), "of client {number}");
            }
        }
    }
}

#[test]
fn a11_the_histories_of_received_messages_count() {
    let (mut server, ends) = serve(Window::KiB32, Window::None);
    let mut clients: Vec<_> = (0..20).map(|_| open(&mut server, true)).collect();
    echo(&mut server, &mut clients[..11], &ends);
    assert_eq!(*ends.borrow(), [], "below three quarters");
    echo(&mut server, &mut clients[11..], &ends);
    let ends = ends.borrow();
    assert!((5..10).contains(&ends.len()), "{} have ended", ends.len());
    assert!(ends.iter().all(|end| end.cause == Cause::Overloaded), "{ends:?}");
    assert_eq!(server.connections(), 20 - ends.len());
}

#[test]
fn a11_the_histories_of_sent_messages_are_given_back() {
    let (mut server, ends) = serve(Window::None, Window::KiB32);
    let mut clients: Vec<_> = (0..30).map(|_| open(&mut server, true)).collect();
    for _ in 0..3 {
        echo(&mut server, &mut clients, &ends);
        server.advance(Duration::from_millis(100));
        assert_eq!(*ends.borrow(), []);
    }
}

/// They do not become less if nobody is read.
#[test]
fn a11_histories_are_no_reason_to_stop_reading() {
    let (mut server, ends) = serve(Window::KiB32, Window::None);
    let mut clients: Vec<_> = (0..13).map(|_| open(&mut server, true)).collect();
    for _ in 0..3 {
        echo(&mut server, &mut clients, &ends);
    }
    // Above three quarters, with an unfinished message.
    let mut plain = open(&mut server, false);
    let half = "half ".repeat(3_000);
    plain.command(|connection| connection.begin_text(&half)).expect("the client is open");
    server.settle();
    echo(&mut server, &mut clients, &ends);
    plain.command(|connection| connection.continue_text("end", true)).expect("the client is open");
    server.settle();
    assert_eq!(plain.receive_text(), half + "end");
    assert_eq!(*ends.borrow(), []);
}

#[test]
fn a11_nothing_is_kept_without_takeover() {
    let (mut server, ends) = serve(Window::None, Window::None);
    let mut clients: Vec<_> = (0..50).map(|_| open(&mut server, true)).collect();
    echo(&mut server, &mut clients, &ends);
    assert_eq!(*ends.borrow(), []);
}
