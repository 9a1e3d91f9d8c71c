//! A server on a thread of its own.

use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient},
};
use statesocket::{
    CauseKind, Config, Disconnect, Message,
    server::{HandleError, Handler, RouteError, Server, Session, SpawnError, Spawned},
};
use std::{
    cell::Cell,
    convert::Infallible,
    error::Error,
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    panic::{catch_unwind, resume_unwind},
    rc::Rc,
    sync::mpsc,
    thread,
    time::Duration,
};

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Echoes. It is not `Send`.
struct Echo(Rc<Cell<u32>>);

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.0.set(self.0.get() + 1);
        session.send(message).expect("the connection is open");
    }
}

fn routes(server: &mut Server) -> Result<(), RouteError> {
    let shared = Rc::default();
    server.route("/echo", move || Echo(Rc::clone(&shared)))
}

#[test]
fn s16_a_spawned_server_serves_until_it_is_shut_down() {
    let server = Server::spawn(ANY_PORT, Config::default(), routes).expect("a free port");
    let mut client = RawClient::open(server.local_addr(), "/echo");
    client.echo("hello");
    server.handle().shutdown(1001, PATIENCE).expect("the server runs");
    let close = client.frame();
    assert_eq!((close.first, &*close.payload), (0x80 | Raw::CLOSE, &1001_u16.to_be_bytes()[..]));
    client.send(Raw::new(Raw::CLOSE, &close.payload));
    assert_eq!(client.rest_as_text(), "");
    drop(client);
    let handle = server.handle();
    let tally = server.join().expect("the loop does not fail");
    assert_eq!((tally.accepted, tally.ended(CauseKind::LocalClosed)), (1, 1));
    assert_eq!(handle.stop(), Err(HandleError::Stopped));
}

#[test]
fn s16_a_server_that_cannot_start_says_so_to_its_caller() {
    let kind = |result: Result<Spawned, SpawnError>| match result {
        Err(SpawnError::Io(error)) => error.kind(),
        other => panic!("no error of the system: {other:?}"),
    };
    let busy = TcpListener::bind(ANY_PORT).expect("a free port");
    let address = busy.local_addr().expect("a bound socket");
    assert_eq!(kind(Server::spawn(address, Config::default(), routes)), ErrorKind::AddrInUse);
    let plain = Config::default().with(|config| config.plain_http = true);
    assert_eq!(kind(Server::spawn(ANY_PORT, plain, routes)), ErrorKind::InvalidInput);
    let twice = |server: &mut Server| {
        routes(server)?;
        routes(server)?;
        Ok::<(), Box<dyn Error + Send + Sync>>(())
    };
    let error = Server::spawn(ANY_PORT, Config::default(), twice).expect_err("one path has two routes");
    assert_eq!(error.to_string(), "the server cannot be set up");
    assert!(error.source().is_some_and(|source| source.is::<RouteError>()), "{error:?}");
}

#[test]
fn s16_a_panic_of_the_set_up_goes_on_in_the_caller() {
    let caught = catch_unwind(|| {
        let set_up = |_: &mut Server| -> Result<(), Infallible> { resume_unwind(Box::new("in the set-up")) };
        Server::spawn(ANY_PORT, Config::default(), set_up).map(|_| ())
    });
    assert_eq!(caught.expect_err("it panics").downcast_ref(), Some(&"in the set-up"));
}

#[test]
fn s16_a_dropped_server_has_stopped() {
    let server = Server::spawn(ANY_PORT, Config::default(), routes).expect("a free port");
    let (address, handle) = (server.local_addr(), server.handle());
    let mut client = RawClient::open(address, "/echo");
    drop(server);
    assert_eq!(handle.stop(), Err(HandleError::Stopped));
    assert!(client.rest().is_ok_and(|rest| rest.is_empty()), "the session was aborted");
    TcpListener::bind(address).expect("the port is free again");
}

#[test]
fn s16_a_dropped_server_has_told_its_handlers() {
    struct Slow(mpsc::Sender<()>);
    impl Handler for Slow {
        fn on_disconnect(&mut self, _: &mut Session<'_>, _: &Disconnect) {
            // Long enough for a caller that does not wait.
            thread::sleep(Duration::from_millis(100));
            self.0.send(()).expect("the test waits");
        }
    }
    let (told, tells) = mpsc::channel();
    let set_up = move |server: &mut Server| server.route("/", move || Slow(told.clone()));
    let server = Server::spawn(ANY_PORT, Config::default(), set_up).expect("a free port");
    let _client = RawClient::open(server.local_addr(), "/");
    drop(server);
    assert_eq!(tells.try_recv(), Ok(()));
}

#[test]
fn s16_a_handler_may_drop_its_own_server() {
    struct Owner(mpsc::Receiver<Spawned>, mpsc::Sender<&'static str>);
    impl Handler for Owner {
        fn on_message(&mut self, _: &mut Session<'_>, _: Message<'_>) {
            drop(self.0.recv());
            self.1.send("dropped").expect("the test waits");
        }

        fn on_disconnect(&mut self, _: &mut Session<'_>, _: &Disconnect) {
            assert_eq!(thread::current().name(), Some("statesocket"));
            self.1.send("ended").expect("the test waits");
        }
    }
    let (owned, owner) = mpsc::channel();
    let (ended, end) = mpsc::channel();
    let set_up = move |server: &mut Server| {
        let mut owner = Some((owner, ended));
        server.route_checked("/", move |_, _| {
            let (server, ended) = owner.take().expect("one client comes");
            Ok(Owner(server, ended))
        })
    };
    let server = Server::spawn(ANY_PORT, Config::default(), set_up).expect("a free port");
    let mut client = RawClient::open(server.local_addr(), "/");
    owned.send(server).expect("the handler waits");
    client.send(Raw::new(Raw::TEXT, "drop it"));
    assert_eq!([(); 2].map(|()| end.recv_timeout(PATIENCE)), [Ok("dropped"), Ok("ended")]);
}
