//! The loop as part of another loop, turn by turn, with the waits of the system and wake-ups from other threads.

use crate::support::{
    Raw,
    loopback::{
        PATIENCE, RawClient, dial,
        turns::{server, turn_until, turn_until_received},
    },
    request_head,
};
use statesocket::{Config, server::Server};
use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

#[test]
fn a_program_may_turn_the_loop_itself() {
    let mut server = server(Config::default());
    server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    let mut stream = dial(server.local_addr());
    turn_until(&mut server, |server| server.connections() == 1);
    stream.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    turn_until_received(&mut server, &mut stream, head.as_bytes());
    stream.write_all(&Raw::new(Raw::TEXT, "Hello").masked().bytes()).expect("the socket buffer has room");
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "Hello").bytes());

    server.handle().shutdown(1001, PATIENCE).expect("the server is running");
    turn_until_received(&mut server, &mut stream, &Raw::close(1001, "").bytes());
    assert!(!server.is_stopped());
    stream.write_all(&Raw::close(1001, "").masked().bytes()).expect("the socket buffer has room");
    drop(stream);
    turn_until(&mut server, Server::is_stopped);
}

/// The system takes 32 bits of milliseconds.
#[test]
fn s10_a_wait_of_weeks_is_not_cut_to_a_moment() {
    for weeks in [1u64 << 32, (1 << 32) + 1, 5 << 32].map(Duration::from_millis) {
        let mut server = server(Config::default());
        server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
        let (handle, began) = (server.handle(), Instant::now());
        let waker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            handle.stop()
        });
        server.turn(Some(weeks)).expect("the loop does not fail");
        assert!(began.elapsed() >= Duration::from_millis(100), "{weeks:?} were over after {:?}", began.elapsed());
        assert_eq!((waker.join().expect("the thread does not panic"), server.is_stopped()), (Ok(()), true));
    }
}

#[test]
fn nothing_remains_of_many_connections() {
    let mut server = server(Config::default());
    let address = server.local_addr();
    let clients = thread::spawn(move || {
        for round in 0..100 {
            let mut clients = [(); 4].map(|()| RawClient::open(address, "/ws"));
            clients.iter_mut().for_each(|client| client.echo("Hello"));
            let [mut clean, reset, mut in_mid_frame, vanishing] = clients;
            clean.send(Raw::close(1000, ""));
            assert_eq!(clean.frame(), Raw::close(1000, ""));
            reset.reset_after(b"");
            in_mid_frame.write(&[0x82]);
            drop((in_mid_frame, vanishing));
            RawClient::dial(address).write(&request_head("/nowhere", &[])[..(round * 2).min(100)]);
        }
    });
    turn_until(&mut server, |_| clients.is_finished());
    clients.join().expect("the thread does not panic");
    turn_until(&mut server, |server| server.connections() == 0);
    assert!(!server.is_stopped());
    server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
}
