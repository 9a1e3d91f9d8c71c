//! A member that floods a room, and the others.

use crate::{
    faults::{HELD_OFF, MOST_ROOM_LATENCY},
    peer::Peer,
};
use std::{
    io,
    net::{Shutdown, SocketAddr},
    thread,
    time::{Duration, Instant},
};

/// How many members only read.
const READERS: usize = 8;

/// Sends `n` MiB to the room at `path`, while another member waits for its own messages. Prints how long it waited for
/// one at most.
pub(crate) fn flood(to: SocketAddr, n: usize, path: &'static str) -> io::Result<String> {
    let mut streams = Vec::new();
    let mut come = || {
        let peer = Peer::open_at(to, path)?;
        streams.push(peer.stream().try_clone()?);
        io::Result::Ok(peer)
    };
    // The one that floods reads too, in another thread.
    let flooder = come()?;
    let mut writer = flooder.stream().try_clone()?;
    let readers = (0..READERS).map(|_| come()).collect::<io::Result<Vec<_>>>()?;
    let readers: Vec<_> = readers.into_iter().chain([flooder]).map(|reader| thread::spawn(|| read(reader))).collect();
    let mut honest = come()?;
    let flood = thread::spawn(move || {
        let piece = [&[0x82, 0xFE, 0x40, 0, 0, 0, 0, 0][..], &[7; 16 << 10]].concat().repeat(64);
        (0..n).try_for_each(|_| io::Write::write_all(&mut writer, &piece))
    });
    let mut longest = Duration::ZERO;
    let mut number = 0;
    while number < 10 || !flood.is_finished() {
        number += 1;
        longest = longest.max(wait_for_own(&mut honest, &format!("honest {number}"))?);
    }
    flood.join().map_err(|_| io::Error::other("the flood panicked"))??;
    // The last pieces still go round.
    longest = longest.max(wait_for_own(&mut honest, "the last one")?);
    streams.iter().try_for_each(|stream| stream.shutdown(Shutdown::Both))?;
    readers.into_iter().for_each(|reader| drop(reader.join()));
    println!("an honest member waited for {longest:.1?} at most, until its message came back ({number} messages)");
    if longest > MOST_ROOM_LATENCY {
        println!("  LATE: more than {MOST_ROOM_LATENCY:?}");
    }
    if longest > HELD_OFF {
        return Err(io::Error::other(format!("more than {HELD_OFF:?}")));
    }
    Ok("-".to_owned())
}

/// Sends a short text, and returns the time until it comes.
fn wait_for_own(peer: &mut Peer, text: &str) -> io::Result<Duration> {
    let begin = Instant::now();
    peer.write(&crate::peer::frame(0x81, text.as_bytes()))?;
    while peer.any_frame()? != text.as_bytes() {}
    Ok(begin.elapsed())
}

/// Reads until the stream ends.
fn read(mut peer: Peer) {
    while peer.read_some(256 << 10).is_ok_and(|len| len > 0) {}
}
