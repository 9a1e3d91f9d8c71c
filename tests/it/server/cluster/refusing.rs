//! Connections that the loop which accepts for a cluster refuses by itself.

use super::{ANY_PORT, Scene, busy, in_turn, members};
use crate::support::{
    loopback::{PATIENCE, RawClient, dial},
    request_head,
};
use statesocket::{
    Config,
    server::{Cluster, Limits, Server, SessionId},
};
use std::{
    net::TcpStream,
    sync::{
        Mutex,
        mpsc::{self, Receiver, Sender},
    },
    time::SystemTime,
};

/// As many as a turn accepts.
const MOST_PER_TURN: usize = 256;

/// Two loops that take 4 KiB of commands.
fn scene(config: Config, set_up: impl Fn(&mut Server) + Send + Sync + 'static) -> Scene {
    let (sender, arrived) = mpsc::channel();
    let cluster = Cluster::spawn(ANY_PORT, config, in_turn(2), move |server: &mut Server, number| {
        server.set_limits(Limits::default().with(|limits| limits.max_command_bytes = 4 << 10));
        set_up(server);
        members(server, number, &sender)
    });
    Scene { cluster: cluster.expect("a free port"), arrived }
}

/// Keeps the loops of both sessions busy, and fills them with connections. Each counts 1 KiB.
fn fill(scene: &Scene, ids: [SessionId; 2]) -> ([Sender<()>; 2], [TcpStream; 8]) {
    (ids.map(|id| busy(&scene.cluster.handle(), id)), [(); 8].map(|()| dial(scene.address())))
}

/// The first refusal says that it has come, and waits.
static GATE: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);

fn date_behind_the_gate() -> SystemTime {
    if let Some((arrived, opened)) = GATE.lock().expect("nothing panics").take() {
        arrived.send(()).expect("the test waits");
        let _ = opened.recv();
    }
    SystemTime::UNIX_EPOCH
}

#[test]
fn the_backlog_of_a_cluster_that_stops_gets_503() {
    let scene = scene(Config::default().with(|config| config.date = Some(date_behind_the_gate)), |_| {});
    let [(_first, (_, one)), (_second, (_, other))] = [scene.open(), scene.open()];
    let (busy, _waiting) = fill(&scene, [one, other]);
    let ((arrived, arrival), (open, opened)) = (mpsc::channel(), mpsc::channel());
    *GATE.lock().expect("nothing panics") = Some((arrived, opened));
    // The last one waits for the next turn.
    let mut late: Vec<_> = (0..=MOST_PER_TURN).map(|_| RawClient::dial(scene.address())).collect();
    for client in &mut late {
        client.write(&request_head("/", &[]));
    }
    arrival.recv_timeout(PATIENCE).expect("the first of them is refused");
    scene.cluster.handle().shutdown(1001, PATIENCE).expect("the loops run");
    open.send(()).expect("it waits");
    let answers = [late.remove(0), late.pop().expect("one is left")].map(|mut client| client.rest_as_text());
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 503 ")), "{answers:?}");
    assert_eq!(answers.map(|answer| answer.ends_with("the server is stopping\n")), [false, true]);
    drop(busy);
}

#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
#[test]
fn a_cluster_that_speaks_tls_refuses_by_an_alert() {
    use crate::support::{
        raw_client,
        tls::{VERSIONS, certificate, secure, trust},
    };

    for is_secure in [true, false] {
        let scene = scene(Config::default(), move |server| {
            server.set_tls(Some(certificate("localhost")));
            if !is_secure {
                server.set_tls(None);
            }
        });
        let (mut clients, mut secure_clients) = (Vec::new(), Vec::new());
        let ids = [(); 2].map(|()| {
            if is_secure {
                let stream = secure(dial(scene.address()), &trust("localhost", &VERSIONS));
                let mut client = raw_client::RawClient::new(stream);
                client.write(&request_head("/", &[]));
                client.assert_accepted();
                secure_clients.push(client);
            } else {
                clients.push(RawClient::open(scene.address(), "/"));
            }
            scene.arrived.recv_timeout(PATIENCE).expect("the handler tells it").1
        });
        let (_busy, _waiting) = fill(&scene, ids);
        let answer = RawClient::dial(scene.address()).rest().expect("the server ends the stream");
        if is_secure {
            assert_eq!(answer, [21, 3, 3, 0, 2, 2, 80], "an internal error, fatal");
        } else {
            assert!(answer.starts_with(b"HTTP/1.1 503 "), "{answer:?}");
        }
    }
}
