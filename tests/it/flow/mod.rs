//! Flow control: when the peer's messages wait, and how long the output may take.

mod hold;
mod own_loop;
mod slow;

use crate::support::{Raw, established};
use statesocket::{Config, Connection, Event, Role};
use std::time::Instant;

const ROLES_WITH_A_MARK: [Role; 2] = [Role::Server, Role::Client];

/// A connection whose marks are 64 KiB and 16 KiB in either role.
fn marked(role: Role) -> Connection {
    established(role, Config::default().with(|config| config.client_high_water = config.high_water))
}

/// Takes the events of `input` until there are none. The rest stays in `input`.
fn take(connection: &mut Connection, input: &mut &mut [u8]) -> Vec<Event<'static>> {
    let now = Instant::now();
    std::iter::from_fn(|| connection.receive(input, now).map(Event::into_owned)).collect()
}

/// The same, with the reply `reply` to every message.
fn take_and_reply(connection: &mut Connection, input: &mut &mut [u8], reply: &[u8]) -> usize {
    let now = Instant::now();
    let mut count = 0;
    while let Some(event) = connection.receive(input, now).map(Event::into_owned) {
        if matches!(event, Event::Message(_)) {
            connection.send_binary(reply).expect("the output has room");
            count += 1;
        }
    }
    count
}

/// `count` text messages with their numbers, for an endpoint of `role`.
fn numbered(count: usize, role: Role) -> Vec<u8> {
    (0..count).flat_map(|n| Raw::new(Raw::TEXT, n.to_string()).for_endpoint(role)).collect()
}
