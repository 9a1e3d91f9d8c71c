//! Whoever publishes much in rooms keeps nobody waiting, and costs no memory without a limit.

use crate::support::{
    Raw,
    loopback::{
        PATIENCE, dial,
        turns::{turn_until, turn_until_answered},
    },
    request_head,
};
use statesocket::{
    Config, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Handler, Server, Session, Unsent},
};
use std::{cell::RefCell, io::Write, net::TcpStream, rc::Rc, thread, time::Duration};

type Calls = Rc<RefCell<Vec<String>>>;

/// Joins as many rooms as its query says. Publishes what the server's function makes of each message.
struct Publisher {
    calls: Calls,
    publish: fn(&mut Session<'_>, count: usize),
    count: usize,
}

impl Handler for Publisher {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        let rooms: usize = request.raw_query().and_then(|query| query.parse().ok()).expect("a number");
        session.accept(Accept::new()).expect("a request is pending");
        for room in 0..rooms {
            assert_eq!(session.join(&room.to_string()), Ok(true));
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.calls.borrow_mut().push("message".to_owned());
        (self.publish)(session, self.count);
        self.count += 1;
    }

    fn on_unsent(&mut self, _: &mut Session<'_>, _: Message<'_>) -> Unsent {
        self.calls.borrow_mut().push("unsent".to_owned());
        Unsent::Drop
    }
}

fn serve(publish: fn(&mut Session<'_>, usize)) -> (Server, Calls) {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    let calls = Calls::default();
    let recorded = Rc::clone(&calls);
    let factory = move || Publisher { calls: Rc::clone(&recorded), publish, count: 0 };
    server.route("/ws", factory).expect("the route is new");
    (server, calls)
}

fn open(server: &mut Server, rooms: usize) -> TcpStream {
    let mut client = dial(server.local_addr());
    client.write_all(&request_head(&format!("/ws?{rooms}"), &[])).expect("the socket buffer has room");
    client.set_nonblocking(true).expect("the socket is open");
    assert_eq!(turn_until_answered(server, &mut client), 101);
    client
}

/// Has the system carry `messages` to the server.
fn say(client: &mut TcpStream, messages: usize) {
    client.write_all(&Raw::new(Raw::TEXT, "").masked().bytes().repeat(messages)).expect("the socket buffer has room");
    thread::sleep(Duration::from_millis(50));
}

#[test]
fn s15_a_member_of_many_rooms_that_publishes_does_not_keep_others_waiting() {
    const ROOMS: usize = 5_000;
    let publish: fn(&mut Session<'_>, usize) = |session, count| {
        assert_eq!(session.publish_to_others(&(count % ROOMS).to_string(), &SharedMessage::text("")), 1);
    };
    let (mut server, calls) = serve(publish);
    let _other = open(&mut server, ROOMS);
    let mut client = open(&mut server, ROOMS);
    say(&mut client, ROOMS);
    server.turn(Some(PATIENCE)).expect("the loop does not fail");
    let in_one_turn = calls.borrow().len();
    assert!((1..2_000).contains(&in_one_turn), "{in_one_turn} messages in one turn");
    turn_until(&mut server, |_| calls.borrow().len() == ROOMS);
}

#[test]
fn s15_much_that_waits_for_the_end_of_a_turn_is_sent_before_it() {
    let publish: fn(&mut Session<'_>, usize) = |session, _| {
        let large = SharedMessage::binary(&[7; 1 << 20]);
        assert_eq!([(); 33].map(|()| session.publish("0", &large)), [1; 33]);
    };
    let (mut server, calls) = serve(publish);
    let _member = open(&mut server, 1);
    let mut clients = [(); 3].map(|()| open(&mut server, 0));
    clients.iter_mut().for_each(|client| say(client, 1));
    server.turn(Some(PATIENCE)).expect("the loop does not fail");
    let mut calls = calls.take();
    calls.dedup();
    assert_eq!(calls, ["message", "unsent", "message", "unsent", "message", "unsent"]);
}
