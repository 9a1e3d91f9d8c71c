//! `statesocket::tokio`, over streams in memory.

mod dropping;
mod futures;
mod halves;
mod one_task;
mod peers;
mod spawned;
mod streams;
mod time;

use ::tokio::io::{DuplexStream, duplex};
use statesocket::{Agreed, Config, Role, tokio::WebSocket};
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

/// Both ends of an open connection over a pipe that holds `room` bytes per direction.
fn pair(room: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    pair_with(room, Config::default())
}

fn pair_with(room: usize, config: Config) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let ((client, server), config) = (duplex(room), Arc::new(config));
    (
        WebSocket::established(client, Role::Client, Agreed::new().seed([7; 32]), Arc::clone(&config)),
        WebSocket::established(server, Role::Server, Agreed::new(), config),
    )
}

/// Polls a future once, and drops it.
async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx: &mut Context<'_>| {
        Poll::Ready(match Pin::as_mut(&mut future).poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
