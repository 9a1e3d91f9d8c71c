//! When `on_drain` is called: after the commands that were sent before.

use crate::support::memory::server;
use statesocket::{
    CloseReply, Config, Disconnect, Message, SharedMessage,
    handshake::{Accept, Connect, Request},
    server::{Handler, Session},
    testing::ClientOptions,
};
use std::time::Duration;

/// Sends by its handle, and once more when its output has drained.
struct Sender {
    has_drained: bool,
}

impl Handler for Sender {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let (handle, id) = (session.handle().clone(), session.id());
        handle.send_binary(id, vec![0; 5_000]).expect("the server runs");
        match message.as_text() {
            Some("send") => handle.send_text(id, "second").expect("the server runs"),
            Some("broadcast") => handle.broadcast([id], (&message).into()).expect("the server runs"),
            Some("notify") => handle.notify(id, ()).expect("the server runs"),
            other => panic!("no command: {other:?}"),
        }
    }

    fn on_event(&mut self, session: &mut Session<'_>, _: Box<dyn std::any::Any + Send>) {
        session.send_text("event").expect("the session is open");
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        assert!(!std::mem::replace(&mut self.has_drained, true), "once");
        session.send_text("drained").expect("the session is open");
    }
}

#[test]
fn s4_on_drain_comes_after_the_commands_that_were_sent_before() {
    for (command, second) in [("send", "second"), ("broadcast", "broadcast"), ("notify", "event")] {
        let mut server = server(Config::default().with(|config| config.high_water = Some(1_000)));
        server.route("/", || Sender { has_drained: false }).expect("the route is new");
        let mut client = server.connect("/");
        client.send_text(command).expect("the client is open");
        server.settle();
        assert_eq!(client.receive_binary().len(), 5_000);
        assert_eq!([(); 2].map(|()| client.receive_text()), [second, "drained"], "{command}");
        assert_eq!(client.receive(), None);
    }
}

/// A member of a room, which speaks to it in each of its calls, and to its client at the end.
struct Member;

impl Member {
    fn publish(session: &mut Session<'_>, text: &str) {
        assert_eq!(session.publish("room", &SharedMessage::text(text)), 1, "it is a member");
    }
}

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request has just come");
        session.join("room").expect("the session is open");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        match message.as_text() {
            Some("drain") => session.send_binary(&[0; 5_000]).expect("the session is open"),
            Some("timer") => {
                session.pause_reading();
                session.set_timer(Duration::from_secs(1), 0);
            }
            other => panic!("no command: {other:?}"),
        }
    }

    fn on_timer(&mut self, session: &mut Session<'_>, _: u64) {
        session.resume_reading();
        Self::publish(session, "published");
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        Self::publish(session, "published");
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        session.send_text("goodbye").expect("the answer to the Close is left to the handler");
        session.close(1000, "").expect("the session has not closed");
    }
}

#[test]
fn s15_what_a_member_publishes_comes_before_its_goodbye() {
    for command in ["drain", "timer"] {
        let mut server = server(Config::default().with(|config| config.high_water = Some(1_000)));
        let manual = |config: &mut Config| config.close_reply = CloseReply::Manual;
        server.route_with("/", manual, || Member).expect("the route is new");
        let options = ClientOptions::default().with(|options| options.pipe_bytes = 2_000);
        let mut client = server.connect_with(&Connect::new("ws://test/").expect("a URI"), &options);
        client.stop_reading();
        client.send_text(command).expect("the client is open");
        client.close(4001, "").expect("the client is open");
        server.settle();
        // Whatever has drained or come, the Close is next.
        client.resume_reading();
        server.advance(Duration::from_secs(1));
        if command == "drain" {
            assert_eq!(client.receive_binary().len(), 5_000);
        }
        assert_eq!([(); 2].map(|()| client.receive_text()), ["published", "goodbye"], "{command}");
    }
}
