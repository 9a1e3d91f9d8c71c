//! A process that forks.

use crate::support::Raw;
use fork::{Fork, fork, waitpid};
use statesocket::{
    Agreed, Config, Connection, Role,
    handshake::Connect,
    reconnect::{Backoff, Reconnect},
};
use std::{
    io::{self, Read, Write},
    process,
    sync::Arc,
    time::Instant,
};

/// Everything random of new connections, a line each: a handshake key, masking keys, and the delay of a reconnect.
fn randomness() -> String {
    let (config, now) = (Arc::new(Config::default()), Instant::now());
    let connect = Connect::new("ws://example.com/").expect("a URI");
    let request = Connection::client(&connect, Arc::clone(&config), now).output().to_vec();
    let request = String::from_utf8(request).expect("a request is text");
    let key = request.lines().find(|line| line.starts_with("Sec-WebSocket-Key: ")).expect("a request has a key");
    let mut client = Connection::established(Role::Client, Agreed::new(), config, now);
    client.send_text("masked").expect("the connection is open");
    let mask = Raw::parse(&mut client.output()).key.expect("a client masks");
    let delay = Reconnect::new(Backoff::default()).failed(now).expect("the first attempt follows");
    format!("{key}\n{mask:?}\n{}\n", delay.as_nanos())
}

/// The text that `make` makes in a child process that is forked now.
fn in_a_fork(make: impl FnOnce() -> String) -> String {
    let (mut reader, mut writer) = io::pipe().expect("the system has a pipe");
    match fork().expect("the system can fork") {
        Fork::Child => {
            let written = writer.write_all(make().as_bytes());
            process::exit(i32::from(written.is_err()));
        }
        Fork::Parent(child) => {
            drop(writer);
            let mut lines = String::new();
            reader.read_to_string(&mut lines).expect("the pipe can be read");
            waitpid(child).expect("the child ends");
            lines
        }
    }
}

#[test]
fn a6_a_fork_makes_no_equal_keys_masks_or_delays() {
    // A generator of the thread would be seeded here, and copied.
    let before = randomness();
    let children = [in_a_fork(randomness), in_a_fork(randomness)];
    let all = [before, randomness(), children[0].clone(), children[1].clone()];
    for (i, one) in all.iter().enumerate() {
        assert_eq!(one.lines().count(), 3, "{one}");
        for other in &all[..i] {
            let equal: Vec<_> = one.lines().zip(other.lines()).filter(|(one, other)| one == other).collect();
            assert!(equal.is_empty(), "both made {equal:?}");
        }
    }
}

#[test]
fn a6_processes_with_copies_of_one_value_do_not_come_back_together() {
    let now = Instant::now();
    let mut reconnect = Reconnect::new(Backoff::default());
    let first = reconnect.failed(now).expect("the first attempt follows");
    let mut next = || reconnect.failed(now).expect("more attempts follow").as_nanos().to_string();
    let all = [in_a_fork(&mut next), in_a_fork(&mut next), next()];
    assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{all:?} after {first:?}");
}

#[test]
fn a6_a_seed_makes_the_same_delays_in_every_process() {
    let now = Instant::now();
    let mut reconnect = Reconnect::new(Backoff::default().with(|backoff| backoff.seed = Some([7; 32])));
    let mut next = || reconnect.failed(now).expect("more attempts follow").as_nanos().to_string();
    assert_eq!(in_a_fork(&mut next), next());
}
