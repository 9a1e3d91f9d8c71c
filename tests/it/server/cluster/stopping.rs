use super::{ANY_PORT, SHARINGS, Scene, in_turn, members};
use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient, dial},
    request_head,
};
use statesocket::{
    CauseKind, CloseFrame, Config, Disconnect, Message,
    server::{Cluster, Handle, HandleError, Handler, Loops, Server, Session, Shutdown},
};
use std::{
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, SystemTime},
};

const LOOPS: usize = 3;

#[test]
fn a_cluster_that_stops_leaves_nothing() {
    for sharing in SHARINGS {
        let held = Arc::new(());
        let holder = Arc::clone(&held);
        let (arrived, _arrivals) = mpsc::channel();
        let set_up = move |server: &mut Server, number| {
            let _ = &holder;
            members(server, number, &arrived)
        };
        let loops = Loops::new(LOOPS).with(|loops| loops.sharing = *sharing);
        let cluster = Cluster::spawn(ANY_PORT, Config::default(), loops, set_up).expect("a free port");
        let (address, handle) = (cluster.local_addr(), cluster.handle());
        let mut clients: Vec<_> = (0..20).map(|_| RawClient::open(address, "/")).collect();
        let mut silent = dial(address);
        let mut opening = RawClient::dial(address);
        opening.write(b"GET / HTTP/1.1\r\n");
        while connections(&handle) < 22 {
            thread::yield_now();
        }
        let shutdown = Shutdown::default().with(|shutdown| shutdown.close = CloseFrame::new(1012, "an update"));
        handle.shutdown_with(shutdown).expect("the loops run");
        for client in &mut clients {
            let close = client.frame();
            assert_eq!((close.first, &*close.payload), (0x80 | Raw::CLOSE, &b"\x03\xF4an update"[..]));
            client.send(close);
            assert_eq!(client.rest_as_text(), "");
        }
        std::io::copy(&mut silent, &mut std::io::sink()).expect("it ends");
        assert!(opening.rest_as_text().starts_with("HTTP/1.1 503 "));
        drop((clients, silent, opening));
        let tally = cluster.join().expect("no loop fails");
        assert_eq!((tally.accepted, tally.total_ended(), tally.clean), (22, 22, 20), "{sharing:?}: {tally}");
        assert_eq!(tally.ended(CauseKind::LocalClosed), 20);
        assert_eq!(Arc::strong_count(&held), 1, "the threads have ended");
        let stopped = Err(HandleError::Stopped);
        assert_eq!((handle.stop(), handle.stop_accepting()), (stopped, stopped));
        let message = statesocket::SharedMessage::text("too late");
        assert_eq!((handle.publish("red", message.clone()), handle.broadcast([], message)), (stopped, stopped));
        assert_eq!(handle.for_each(|_| ()), stopped);
        TcpListener::bind(address).expect("the port is free again");
    }
}

/// The number of connections of all loops.
fn connections(handle: &Handle) -> usize {
    let (sender, statuses) = mpsc::channel();
    handle.status(move |status| sender.send(status).expect("the test waits")).expect("the loops run");
    statuses.recv_timeout(PATIENCE).expect("the loops tell it").connections
}

#[test]
fn a_dropped_cluster_has_stopped() {
    for sharing in SHARINGS {
        let scene = Scene::new(Loops::new(LOOPS).with(|loops| loops.sharing = *sharing));
        let clients = scene.one_per_loop(LOOPS);
        let (address, handle) = (scene.address(), scene.cluster.handle());
        drop(scene);
        assert_eq!(handle.stop(), Err(HandleError::Stopped));
        for (mut client, _) in clients {
            assert!(client.rest().is_ok_and(|rest| rest.is_empty()), "the session was aborted");
        }
        TcpListener::bind(address).expect("the port is free again");
    }
}

#[test]
fn a_handler_may_drop_its_own_cluster() {
    struct Owner(Arc<Mutex<Option<Cluster>>>, mpsc::Sender<&'static str>);
    impl Handler for Owner {
        fn on_message(&mut self, _: &mut Session<'_>, _: Message<'_>) {
            let cluster = self.0.lock().expect("nothing panics").take();
            drop(cluster.expect("the test has put it there"));
            self.1.send("dropped").expect("the test waits");
        }

        fn on_disconnect(&mut self, _: &mut Session<'_>, _: &Disconnect) {
            self.1.send("ended").expect("the test waits");
        }
    }
    let owned = Arc::new(Mutex::new(None));
    let (told, tells) = mpsc::channel();
    let owner = Arc::clone(&owned);
    let set_up = move |server: &mut Server, _| {
        let (owner, told) = (Arc::clone(&owner), told.clone());
        server.route("/", move || Owner(Arc::clone(&owner), told.clone()))
    };
    let cluster = Cluster::spawn(ANY_PORT, Config::default(), in_turn(2), set_up).expect("a free port");
    let mut clients = [(); 2].map(|()| RawClient::open(cluster.local_addr(), "/"));
    *owned.lock().expect("nothing panics") = Some(cluster);
    clients[1].send(Raw::new(Raw::TEXT, "drop it"));
    let mut told = [(); 3].map(|()| tells.recv_timeout(PATIENCE).expect("both sessions end"));
    told.sort_unstable();
    assert_eq!(told, ["dropped", "ended", "ended"]);
}

#[test]
fn a_cluster_that_stops_accepting_keeps_its_sessions_and_serves_its_backlog() {
    for sharing in SHARINGS {
        let scene = Scene::new(Loops::new(LOOPS).with(|loops| loops.sharing = *sharing));
        let mut clients: Vec<_> = scene.one_per_loop(LOOPS).into_iter().map(|(client, _)| client).collect();
        clients.extend((0..20).map(|_| {
            let mut waiting = RawClient::dial(scene.address());
            waiting.write(&request_head("/", &[]));
            waiting
        }));
        scene.cluster.handle().stop_accepting().expect("the loops run");
        for client in &mut clients[LOOPS..] {
            client.assert_accepted();
        }
        for client in &mut clients {
            client.echo("it is served");
            client.send(Raw::new(Raw::CLOSE, 1000_u16.to_be_bytes()));
            client.assert_closed(1000);
        }
        drop(clients);
        let Scene { cluster, arrived } = scene;
        let tally = cluster.join().expect("it ends with the last session");
        assert_eq!(tally.clean, arrived.iter().count() as u64 + LOOPS as u64, "{sharing:?}: {tally}");
    }
}

#[test]
fn a_loop_that_fails_stops_the_others() {
    for sharing in SHARINGS {
        // Only a refusal of the server asks for the date.
        let config = Config::default().with(|config| {
            config.date = Some(|| -> SystemTime { resume_unwind(Box::new("a broken clock")) });
            // The clients do not answer.
            config.closing_timeout = Some(Duration::from_millis(1));
        });
        let (arrived, arrivals) = mpsc::channel();
        let set_up = move |server: &mut Server, number| members(server, number, &arrived);
        let loops = Loops::new(2).with(|loops| loops.sharing = *sharing);
        let cluster = Cluster::spawn(ANY_PORT, config, loops, set_up).expect("a free port");
        let scene = Scene { cluster, arrived: arrivals };
        let clients = scene.one_per_loop(2);
        let mut breaks = RawClient::dial(scene.address());
        breaks.write(&request_head("/nowhere", &[]));
        let closed = clients.into_iter().filter_map(|(mut client, _)| {
            // The clients of the loop that has failed see the end of the stream, or a reset.
            let rest = client.rest().unwrap_or_default();
            (!rest.is_empty()).then(|| assert_eq!(rest, [0x88, 2, 0x03, 0xF3]))
        });
        assert_eq!(closed.count(), 1, "one loop is left to say goodbye");
        let joined = catch_unwind(AssertUnwindSafe(|| scene.cluster.join()));
        assert_eq!(joined.expect_err("it panics").downcast_ref(), Some(&"a broken clock"));
    }
}

#[test]
fn a_client_that_comes_while_a_cluster_stops_is_refused() {
    let scene = Scene::new(in_turn(2));
    let (mut client, _) = scene.open();
    let mut late = RawClient::dial(scene.address());
    scene.cluster.handle().shutdown(1001, PATIENCE).expect("the loops run");
    late.write(&request_head("/", &[]));
    // The loop has closed its session before it reads this.
    let close = client.frame();
    assert_eq!(close.payload[..2], 1001_u16.to_be_bytes());
    client.send(close);
    let answer = late.rest().unwrap_or_default();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 503 "), "{answer:?}");
    drop((client, late));
    scene.cluster.join().expect("no loop fails");
}
