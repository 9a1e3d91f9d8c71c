//! Crowds that together want more memory than a server has for them.

use crate::peer::{Peer, frame};
use std::{io, net::SocketAddr, thread, time::Duration};

/// Half a message of 16 KiB from each of them, of which nobody knows how long it gets.
pub(crate) fn half_messages(to: SocketAddr, n: usize) -> io::Result<String> {
    let half = [&[0x02, 0xFE, 0x40, 0, 0, 0, 0, 0][..], &[0; 16 << 10]].concat();
    stay(n, || Peer::open(to), &half)
}

/// A few questions of each of them, whose answers of 64 KiB nobody reads. Their systems take little.
pub(crate) fn never_read(to: SocketAddr, n: usize) -> io::Result<String> {
    stay(n, || Peer::open_with_small_buffer(to), &frame(0x81, b"?").repeat(10))
}

/// Clients that send `bytes` and stay for a while. 5,000 come per second and 10,000 leave: they are after the memory,
/// and not the processor.
fn stay(n: usize, mut come: impl FnMut() -> io::Result<Peer>, bytes: &[u8]) -> io::Result<String> {
    let mut peers = Vec::new();
    while peers.len() < n {
        for _ in 0..25.min(n - peers.len()) {
            let mut peer = come()?;
            // The server may have ended it by then.
            peer.write(bytes).unwrap_or_default();
            peers.push(peer);
        }
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(500));
    while !peers.is_empty() {
        peers.truncate(peers.len().saturating_sub(50));
        thread::sleep(Duration::from_millis(5));
    }
    Ok("-".to_owned())
}
