use super::{ANY_PORT, SHARINGS, Scene, in_turn, members};
use crate::support::{Raw, loopback::RawClient};
use statesocket::{
    Config, Message,
    server::{Cluster, HandleError, Handler, Loops, RouteError, Server, Session, Sharing, SpawnError},
};
use std::{
    cell::Cell,
    convert::Infallible,
    error::Error,
    io::ErrorKind,
    net::TcpListener,
    panic::{catch_unwind, resume_unwind},
    rc::Rc,
    sync::{Arc, mpsc},
    thread,
};

/// It is not `Send`.
struct Counting(Rc<Cell<u32>>, usize);

impl Handler for Counting {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.0.set(self.0.get() + 1);
        let name = thread::current().name().map(str::to_owned).unwrap_or_default();
        session.send_text(&format!("{} {} {name}", self.1, self.0.get())).expect("there is room");
    }
}

fn counting(server: &mut Server, number: usize) -> Result<(), RouteError> {
    let count = Rc::new(Cell::new(0));
    server.route("/", move || Counting(Rc::clone(&count), number))
}

#[test]
fn a_set_up_runs_on_the_thread_of_each_loop() {
    let cluster = Cluster::spawn(ANY_PORT, Config::default(), in_turn(2), counting).expect("a free port");
    let mut clients: Vec<_> = (0..4).map(|_| RawClient::open(cluster.local_addr(), "/")).collect();
    let answers = ["0 1 statesocket-0", "1 1 statesocket-1", "0 2 statesocket-0", "1 2 statesocket-1"];
    for (client, answer) in clients.iter_mut().zip(answers) {
        client.send(Raw::new(Raw::TEXT, "count"));
        assert_eq!(super::text(client), answer);
    }
}

#[test]
fn every_loop_serves_the_port_that_the_system_has_chosen() {
    for sharing in SHARINGS {
        let scene = Scene::new(Loops::new(3).with(|loops| loops.sharing = *sharing));
        assert_ne!(scene.address().port(), 0);
        for (mut client, _) in scene.one_per_loop(3) {
            client.echo("hello");
        }
    }
}

#[test]
fn every_loop_knows_the_address_of_its_cluster() {
    for sharing in SHARINGS {
        let (sender, addresses) = mpsc::channel();
        let set_up = move |server: &mut Server, number| {
            sender.send(server.local_addr()).expect("the test waits");
            counting(server, number)
        };
        let loops = Loops::new(2).with(|loops| loops.sharing = *sharing);
        let cluster = Cluster::spawn(ANY_PORT, Config::default(), loops, set_up).expect("a free port");
        let expected = [cluster.local_addr(); 2];
        assert_eq!(addresses.iter().take(2).collect::<Vec<_>>(), expected, "{sharing:?}");
    }
}

#[test]
fn one_loop_is_a_cluster_too() {
    let scene = Scene::new(1);
    let mut clients = scene.room(1, "red");
    super::ask(&mut clients[0], "count red", 1);
}

fn kind(result: Result<Cluster, SpawnError>) -> ErrorKind {
    match result {
        Err(SpawnError::Io(error)) => error.kind(),
        other => panic!("no error of the system: {other:?}"),
    }
}

#[test]
fn a_cluster_that_cannot_start_says_so_to_its_caller() {
    let spawn = |address, config, loops| Cluster::spawn(address, config, loops, counting);
    assert_eq!(kind(spawn(ANY_PORT.into(), Config::default(), Loops::new(0))), ErrorKind::InvalidInput);
    for sharing in SHARINGS {
        let loops = Loops::new(2).with(|loops| loops.sharing = *sharing);
        let busy = TcpListener::bind(ANY_PORT).expect("a free port");
        let address = busy.local_addr().expect("a bound socket");
        assert_eq!(kind(spawn(address, Config::default(), loops.clone())), ErrorKind::AddrInUse);
        let plain = Config::default().with(|config| config.plain_http = true);
        assert_eq!(kind(spawn(ANY_PORT.into(), plain, loops)), ErrorKind::InvalidInput);
    }
    if !SHARINGS.contains(&Sharing::System) {
        let loops = Loops::new(2).with(|loops| loops.sharing = Sharing::System);
        assert_eq!(kind(spawn(ANY_PORT.into(), Config::default(), loops)), ErrorKind::Unsupported);
    }
}

#[test]
fn a_second_cluster_does_not_share_the_port_of_the_first() {
    for sharing in SHARINGS {
        let loops = Loops::new(2).with(|loops| loops.sharing = *sharing);
        let scene = Scene::new(loops.clone());
        let second = Cluster::spawn(scene.address(), Config::default(), loops, counting);
        assert_eq!(kind(second), ErrorKind::AddrInUse, "{sharing:?}");
        let server = Server::bind(scene.address(), Config::default());
        assert_eq!(server.map(|_| ()).map_err(|error| error.kind()), Err(ErrorKind::AddrInUse), "{sharing:?}");
    }
}

#[test]
fn nothing_is_left_if_one_loop_cannot_be_set_up() {
    for sharing in SHARINGS {
        let (sender, handles) = mpsc::channel();
        let held = Arc::new(());
        let holder = Arc::clone(&held);
        let set_up = move |server: &mut Server, number| {
            let _ = &holder;
            sender.send((server.handle(), server.local_addr())).expect("the test waits");
            counting(server, number)?;
            if number == 1 { counting(server, number) } else { Ok(()) }
        };
        let loops = Loops::new(3).with(|loops| loops.sharing = *sharing);
        let error = Cluster::spawn(ANY_PORT, Config::default(), loops, set_up).expect_err("one path has two routes");
        assert_eq!(error.to_string(), "the server cannot be set up");
        assert!(error.source().is_some_and(|source| source.is::<RouteError>()), "{error:?}");
        assert_eq!(Arc::strong_count(&held), 1, "the threads have ended");
        let (handle, address) = handles.recv().expect("each loop sends it");
        assert_eq!(handle.stop(), Err(HandleError::Stopped));
        TcpListener::bind(address).expect("the port is free again");
    }
}

#[test]
fn a_panic_of_a_set_up_goes_on_in_the_caller() {
    let caught = catch_unwind(|| {
        let set_up = |_: &mut Server, number| -> Result<(), Infallible> {
            if number == 1 { resume_unwind(Box::new("in the set-up")) } else { Ok(()) }
        };
        Cluster::spawn(ANY_PORT, Config::default(), 3, set_up).map(|_| ())
    });
    assert_eq!(caught.expect_err("it panics").downcast_ref(), Some(&"in the set-up"));
}

#[test]
fn each_loop_has_its_part_of_the_default_limits() {
    let (sender, seen) = mpsc::channel();
    let (arrived, _arrivals) = mpsc::channel();
    let set_up = move |server: &mut Server, number| {
        sender.send(format!("{server:?}")).expect("the test waits");
        members(server, number, &arrived)
    };
    let _cluster = Cluster::spawn(ANY_PORT, Config::default(), 3, set_up).expect("a free port");
    for server in seen.iter().take(3) {
        for limit in ["max_connections: 33334,", "max_connections_per_address: 100000,", "max_handshakes: 3334,"] {
            assert!(server.contains(limit), "{limit} in {server}");
        }
    }
}
