//! A message of a handler that does not fit its own output: what the others get.

use crate::support::memory::server;
use statesocket::{
    Config, Message, SendError, SharedMessage,
    handshake::{Accept, Connect, Request},
    server::{Handler, Session, Unsent},
    testing::{ClientOptions, TestServer},
};

/// Joins a room. The text is a command.
struct Member;

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request has just come");
        session.join("room").expect("the session is open");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let (handle, id) = (session.handle().clone(), session.id());
        session.send_binary(&[0; 5_000]).expect("nothing is queued before it");
        // Behind a command, what is published waits for the loop.
        handle.notify(id, ()).expect("the server runs");
        match message.as_text() {
            Some("publish") => _ = session.publish("room", &SharedMessage::text("news")),
            Some("publish by handle") => handle.publish("room", SharedMessage::text("news")).expect("the server runs"),
            Some("broadcast") => {
                let ids: Vec<_> = session.member_ids("room").collect();
                handle.broadcast(ids, SharedMessage::text("news")).expect("the server runs");
            }
            other => panic!("no command: {other:?}"),
        }
        for _ in 0..3 {
            assert!(matches!(session.send_text("no room"), Err(SendError::OutputFull { .. })));
        }
    }

    fn on_unsent(&mut self, _: &mut Session<'_>, _: Message<'_>) -> Unsent {
        Unsent::Drop
    }
}

fn members(server: &mut TestServer) -> [statesocket::testing::Client; 2] {
    server.route("/", || Member).expect("the route is new");
    let connect = Connect::new("ws://localhost/").expect("a URI");
    let narrow = ClientOptions::default().with(|options| options.pipe_bytes = 300);
    [server.connect_with(&connect, &narrow), server.connect("/")]
}

#[test]
fn s15_a_message_that_does_not_fit_its_sender_reaches_the_others_once() {
    for command in ["publish", "publish by handle", "broadcast"] {
        let mut server = server(Config::default().with(|config| config.max_output_bytes = 1_000));
        let [mut full, mut other] = members(&mut server);
        full.send_text(command).expect("the client is open");
        server.settle();
        assert_eq!((other.receive_text(), other.receive()), ("news".to_owned(), None), "{command}");
        assert_eq!((full.receive_binary().len(), full.receive()), (5_000, None), "{command}");
    }
}
