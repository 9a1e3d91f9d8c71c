use super::{Scene, busy, in_turn, text};
use crate::support::{
    loopback::{PATIENCE, RawClient, allowed_connections, dial},
    request_head,
};
use statesocket::SharedMessage;
use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    thread,
};

#[test]
fn loops_that_get_connections_in_turn_have_the_same_number() {
    const LOOPS: usize = 4;
    let scene = Scene::new(in_turn(LOOPS));
    let count = allowed_connections(1000) / LOOPS * LOOPS;
    let mut counts = [0; LOOPS];
    let clients: Vec<_> = (0..count + 1).map(|_| scene.open()).collect();
    for (_, (number, _)) in &clients {
        counts[*number] += 1;
    }
    let share = count / LOOPS;
    assert_eq!(counts, [share + 1, share, share, share]);
}

#[test]
fn a_full_loop_refuses_what_it_is_handed() {
    let scene = Scene::with(in_turn(2), |limits| limits.max_connections = 1);
    let _clients = [(); 2].map(|()| scene.open());
    for _ in 0..2 {
        let mut late = RawClient::dial(scene.address());
        late.write(&request_head("/", &[]));
        assert!(late.rest_as_text().starts_with("HTTP/1.1 503 "));
    }
}

#[test]
fn a_cluster_adopts_connections_in_turn() {
    let scene = Scene::new(in_turn(3));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut numbers = Vec::new();
    for _ in 0..6 {
        let mut client: TcpStream = dial(address);
        client.write_all(&request_head("/", &[])).expect("the socket buffer has room");
        let (stream, from) = listener.accept().expect("a client waits");
        scene.cluster.handle().adopt(stream, from).expect("the loops run");
        RawClient::new(client).assert_accepted();
        numbers.push(scene.arrived.recv_timeout(PATIENCE).expect("the handler tells it").0);
    }
    assert_eq!(numbers, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_loop_that_is_far_behind_gets_no_further_connections() {
    let scene = Scene::with(in_turn(2), |limits| limits.max_command_bytes = 4 << 10);
    let [_, (second, (_, id))] = [scene.open(), scene.open()];
    let release = busy(&scene.cluster.handle(), id);
    let asks = || {
        let (mut other, (number, _)) = scene.open();
        other.echo("the other loop serves");
        assert_eq!(number, 0);
        let mut client = RawClient::dial(scene.address());
        client.write(&request_head("/", &[]));
        client
    };
    // Each counts 1 KiB.
    let waiting = [(); 4].map(|()| asks());
    let mut refused = asks();
    assert!(refused.rest_as_text().starts_with("HTTP/1.1 503 "));
    drop(release);
    for mut client in waiting {
        client.assert_accepted();
        client.echo("it is served");
    }
    drop(second);
}

#[test]
fn a_loop_that_has_ended_is_left_out() {
    let scene = Scene::new(in_turn(2));
    let handle = scene.cluster.handle();
    let second = handle.loops().nth(1).expect("there are two loops");
    second.run(|server| server.stop_accepting()).expect("the loops run");
    while second.run(|_| ()).is_ok() {
        thread::yield_now();
    }
    for _ in 0..4 {
        let (mut client, (number, id)) = scene.open();
        assert_eq!(number, 0);
        handle
            .for_each(|session| {
                let _ = session.send_text("for all");
            })
            .expect("a loop runs");
        handle.broadcast([id], SharedMessage::text("for one")).expect("a loop runs");
        assert_eq!((text(&mut client), text(&mut client)), ("for all".to_owned(), "for one".to_owned()));
    }
}
