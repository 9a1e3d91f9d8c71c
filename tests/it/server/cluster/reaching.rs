use super::{ANY_PORT, SHARINGS, Scene, in_turn, members, text};
use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient},
};
use statesocket::{
    Config, Message, SharedMessage,
    server::{AskError, Cluster, Handler, Loops, Server, Session, SessionId},
};
use std::{
    panic::resume_unwind,
    sync::{
        Mutex,
        mpsc::{self, Sender},
    },
};

#[test]
fn s2_one_handle_reaches_the_right_session_on_any_loop() {
    for sharing in SHARINGS {
        let scene = Scene::new(Loops::new(3).with(|loops| loops.sharing = *sharing));
        let handle = scene.cluster.handle();
        let mut clients = scene.one_per_loop(3);
        for (number, (client, id)) in clients.iter_mut().enumerate() {
            // The handles of all loops do the same.
            for handle in handle.loops().chain([handle.clone()]) {
                handle.send_text(*id, format!("for {number}")).expect("the loops run");
                handle.notify(*id, "an event".to_owned()).expect("the loops run");
                let answered = handle.ask(*id, |session| session.id()).expect("the loops run").wait_timeout(PATIENCE);
                assert_eq!(answered, Ok(*id));
                handle.with_session(*id, |session| session.send_text("by a closure").unwrap()).expect("the loops run");
                assert_eq!(text(client), format!("for {number}"));
                assert_eq!(text(client), format!("loop {number}: an event"));
                assert_eq!(text(client), "by a closure");
            }
        }
        let ids: Vec<_> = clients.iter().map(|(_, id)| *id).collect();
        handle.broadcast([ids[2], ids[0]], SharedMessage::text("for two")).expect("the loops run");
        handle.for_each(|session| session.send_text("for all").unwrap()).expect("the loops run");
        handle.close(ids[1], 4000, "for one").expect("the loops run");
        for (number, (client, _)) in clients.iter_mut().enumerate() {
            if number != 1 {
                assert_eq!(text(client), "for two");
            }
            assert_eq!(text(client), "for all");
        }
        assert_eq!(clients[1].0.frame().payload[..2], 4000_u16.to_be_bytes());
        for number in [0, 2] {
            clients[number].0.echo("the others go on");
        }
    }
}

#[test]
fn s2_an_id_of_another_server_reaches_nobody() {
    let (scene, other) = (Scene::new(in_turn(2)), Scene::new(in_turn(2)));
    let (mut clients, others) = (scene.one_per_loop(2), other.one_per_loop(2));
    let handle = scene.cluster.handle();
    let ids: Vec<_> = others.iter().map(|(_, id)| *id).collect();
    for id in &ids {
        handle.send_text(*id, "a secret").expect("the loops run");
        handle.notify(*id, "a secret".to_owned()).expect("the loops run");
        handle.close(*id, 4000, "a secret").expect("the loops run");
        let asked = handle.ask(*id, |_| ()).expect("the loops run").wait_timeout(PATIENCE);
        assert_eq!(asked, Err(AskError::Gone));
    }
    handle.broadcast(ids, SharedMessage::text("a secret")).expect("the loops run");
    for (client, _) in &mut clients {
        client.echo("nothing else came");
    }
}

#[test]
fn a_handler_reaches_the_sessions_of_other_loops() {
    struct Sends(Sender<SessionId>, mpsc::Receiver<SessionId>);
    impl Handler for Sends {
        fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
            match message.as_text() {
                Some("here I am") => self.0.send(session.id()).expect("the test runs"),
                _ => {
                    let other = self.1.recv_timeout(PATIENCE).expect("the test sends it");
                    session.handle().send_text(other, "hello over there").expect("the loops run");
                    let mut answer = session.handle().ask(other, |session| session.id()).expect("the loops run");
                    assert_eq!(answer.wait_timeout(PATIENCE), Ok(other), "another loop may be waited for");
                    let mut own = session.handle().ask(session.id(), |_| ()).expect("the loops run");
                    assert_eq!(own.wait_timeout(PATIENCE), Err(AskError::OnLoop));
                    session.send_text("sent").expect("there is room");
                }
            }
        }
    }
    let (told, ids) = mpsc::channel();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel()).unzip();
    let receivers = Mutex::new(receivers.into_iter().map(Some).collect::<Vec<_>>());
    let set_up = move |server: &mut Server, number: usize| {
        let mut receiver = receivers.lock().expect("nothing panics")[number].take();
        let told = told.clone();
        server.route_checked("/", move |_, _| Ok(Sends(told.clone(), receiver.take().expect("one client per loop"))))
    };
    let cluster = Cluster::spawn(ANY_PORT, Config::default(), in_turn(2), set_up).expect("a free port");
    let mut clients = [(); 2].map(|()| RawClient::open(cluster.local_addr(), "/"));
    let say = |client: &mut RawClient, text| client.send(Raw::new(Raw::TEXT, text));
    say(&mut clients[1], "here I am");
    senders[0].send(ids.recv_timeout(PATIENCE).expect("the handler tells it")).expect("the handler waits");
    say(&mut clients[0], "send");
    assert_eq!((text(&mut clients[0]), text(&mut clients[1])), ("sent".to_owned(), "hello over there".to_owned()));
}

#[test]
fn a_handle_sums_and_runs_over_the_loops() {
    let scene = Scene::new(in_turn(3));
    let clients: Vec<_> = (0..5).map(|_| scene.open()).collect();
    let handle = scene.cluster.handle();
    let (sender, statuses) = mpsc::channel();
    handle.status(move |status| sender.send(status).expect("the test waits")).expect("the loops run");
    let status = statuses.recv_timeout(PATIENCE).expect("the last loop tells it");
    assert_eq!((status.connections, status.tally.accepted), (5, 5));
    let (sender, counts) = mpsc::channel();
    for one in handle.loops() {
        let sender = sender.clone();
        one.run(move |server| sender.send(server.connections()).expect("the test waits")).expect("the loops run");
    }
    let mut counts: Vec<_> = counts.iter().take(3).collect();
    counts.sort_unstable();
    assert_eq!((counts, handle.loops().count(), handle.queued_commands()), (vec![1, 2, 2], 3, 0));
    drop(clients);
}

#[test]
fn a_panic_of_a_handler_ends_only_its_session() {
    struct Panics;
    impl Handler for Panics {
        fn on_message(&mut self, _: &mut Session<'_>, _: Message<'_>) {
            resume_unwind(Box::new("this is what the test is about"))
        }
    }
    let (arrived, _arrivals) = mpsc::channel();
    let set_up = move |server: &mut Server, number| {
        server.route("/panics", || Panics)?;
        members(server, number, &arrived)
    };
    let cluster = Cluster::spawn(ANY_PORT, Config::default(), in_turn(2), set_up).expect("a free port");
    let mut clients = ["/panics", "/", "/"].map(|path| RawClient::open(cluster.local_addr(), path));
    clients[0].send(Raw::new(Raw::TEXT, "panic"));
    assert_eq!(clients[0].frame().payload[..2], 1011_u16.to_be_bytes());
    for client in &mut clients[1..] {
        client.echo("both loops go on");
    }
}
