//! Memory that the system refuses (row A13): what the peer decides on ends one connection, and not the process.
//!
//! This is a test binary of its own because of its allocator, which refuses memory to all threads. So the tests take
//! turns. Memory that is not reserved in a way that can fail ends the process, and with it all tests.

#[cfg(feature = "deflate")]
mod deflate;
mod handshake;
mod messages;
mod output;
#[cfg(feature = "server")]
mod server;

use cap::Cap;
use statesocket::{Agreed, Cause, Config, Connection, Disconnect, Event, Role};
use std::{
    alloc::System,
    env,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MIB: usize = 1 << 20;

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Runs `test` while no other test runs.
fn alone(test: impl FnOnce()) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _turn = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    test();
}

/// Runs `test`, which is the body of the test `name`, in a process in which no other thread allocates.
fn by_itself(name: &str, test: impl FnOnce()) {
    const MARK: &str = "REFUSED_BY_ITSELF";
    if env::var_os(MARK).is_some() {
        return test();
    }
    let this = env::current_exe().expect("the tests have a file");
    alone(|| {
        let status = Command::new(this).args(["--exact", name, "--test-threads=1"]).env(MARK, "1").status();
        assert!(status.expect("the tests can be started").success(), "{name} has failed by itself");
    });
}

/// What the test harness allocates on its own threads, and what a connection needs to say why it ends.
const FOR_OTHERS: usize = MIB / 2;

/// Runs `act` while the process can have `room` more bytes, and a few for others.
///
/// Sizes are chosen so that what fits leaves some of these.
fn with_room<T>(room: usize, act: impl FnOnce() -> T) -> T {
    with_exact_room(room + FOR_OTHERS, act)
}

/// Runs `act` while the process can have `room` more bytes.
fn with_exact_room<T>(room: usize, act: impl FnOnce() -> T) -> T {
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + room).expect("there was no limit");
    let result = act();
    ALLOCATOR.set_limit(usize::MAX).expect("a higher limit");
    result
}

fn config(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let limits = |config: &mut Config| {
        (config.max_frame_bytes, config.max_message_bytes) = (1 << 30, 1 << 30);
        change(config);
    };
    Arc::new(Config::default().with(limits))
}

fn open(role: Role, config: &Arc<Config>) -> Connection {
    Connection::established(role, Agreed::new(), Arc::clone(config), Instant::now())
}

/// The header of a frame to `role`. A mask of zeros changes nothing.
fn header(role: Role, first: u8, len: u64) -> Vec<u8> {
    let (mask_bit, mask): (u8, &[u8]) = if role == Role::Server { (0x80, &[0; 4]) } else { (0, &[]) };
    let len = if len < 126 { vec![mask_bit | len as u8] } else { [&[mask_bit | 127], &len.to_be_bytes()[..]].concat() };
    [&[first][..], &len, mask].concat()
}

/// The end in the events of `input`, which come before all of it is taken.
fn end_in(connection: &mut Connection, mut input: &mut [u8]) -> Option<Disconnect> {
    while let Some(event) = connection.receive(&mut input, Instant::now()) {
        if let Event::Disconnect(end) = event {
            return Some(*end);
        }
    }
    None
}

/// Checks that a connection with `role` works: it echoes a short message.
fn assert_works(role: Role, config: &Arc<Config>) {
    let mut connection = open(role, config);
    let mut frame = [header(role, 0x81, 2), b"ok".to_vec()].concat();
    let mut input = frame.as_mut_slice();
    while let Some(event) = connection.receive(&mut input, Instant::now()) {
        match event {
            Event::Message(message) => connection.send(message).expect("the output is empty"),
            Event::Chunk { data, .. } => connection.send(data).expect("the output is empty"),
            other => panic!("{other:?} instead of a message"),
        }
    }
    assert!(connection.output_len() > 2, "the message is echoed");
}

/// Checks that `end` has the code 1013, and names the memory.
fn assert_out_of_memory(end: &Disconnect, case: &str) {
    assert_eq!(end.sent.as_ref().map(|close| close.code.as_u16()), Some(1013), "{case}: {end}");
    assert!(matches!(&end.cause, Cause::Protocol(error) if error.to_string().contains("no memory")), "{case}: {end}");
}
