//! When `on_drain` is called: after the commands that were sent before.

use crate::support::memory::server;
use statesocket::{
    Config, Message,
    server::{Handler, Session},
};

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
