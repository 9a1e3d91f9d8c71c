//! Whoever publishes much in rooms keeps nobody waiting, and costs no memory without a limit.

use super::turn;
use crate::support::{
    Raw,
    memory::{RawClient, Served},
};
use statesocket::{
    Config, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Handler, Session, Unsent},
};
use std::{cell::RefCell, rc::Rc};

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

fn serve(publish: fn(&mut Session<'_>, usize)) -> (Served, Calls) {
    let calls = Calls::default();
    let recorded = Rc::clone(&calls);
    let served = Served::start(Config::default(), |server| {
        let factory = move || Publisher { calls: Rc::clone(&recorded), publish, count: 0 };
        server.route("/ws", factory).expect("the route is new");
    });
    (served, calls)
}

fn open(served: &Served, rooms: usize) -> RawClient {
    RawClient::open(served, &format!("/ws?{rooms}"))
}

fn say(client: &mut RawClient, messages: usize) {
    client.write(&Raw::new(Raw::TEXT, "").masked().bytes().repeat(messages));
}

#[test]
fn s15_a_member_of_many_rooms_that_publishes_does_not_keep_others_waiting() {
    const ROOMS: usize = 5_000;
    let publish: fn(&mut Session<'_>, usize) = |session, count| {
        assert_eq!(session.publish_to_others(&(count % ROOMS).to_string(), &SharedMessage::text("")), 1);
    };
    let (served, calls) = serve(publish);
    let _other = open(&served, ROOMS);
    let mut client = open(&served, ROOMS);
    say(&mut client, ROOMS);
    turn(&served);
    let in_one_turn = calls.borrow().len();
    assert!((1..2_000).contains(&in_one_turn), "{in_one_turn} messages in one turn");
    served.settle();
    assert_eq!(calls.borrow().len(), ROOMS);
}

#[test]
fn s15_much_that_waits_for_the_end_of_a_turn_is_sent_before_it() {
    let publish: fn(&mut Session<'_>, usize) = |session, _| {
        let large = SharedMessage::binary(&[7; 1 << 20]);
        assert_eq!([(); 33].map(|()| session.publish("0", &large)), [1; 33]);
    };
    let (served, calls) = serve(publish);
    let _member = open(&served, 1);
    let mut clients = [(); 3].map(|()| open(&served, 0));
    clients.iter_mut().for_each(|client| say(client, 1));
    turn(&served);
    let mut calls = calls.take();
    calls.dedup();
    assert_eq!(calls, ["message", "unsent", "message", "unsent", "message", "unsent"]);
}
