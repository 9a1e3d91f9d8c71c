//! The floor of a room: returns every byte to all connections. One `read` per wake-up of the sender suffices, and one
//! `write` per member.

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use slab::Slab;
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Result, Write},
    rc::Rc,
};

const BUFFER: usize = 128 << 10;

const LISTENER: Token = Token(usize::MAX);

struct Member {
    stream: TcpStream,
    /// Bytes that the socket has not taken yet, and how many of the first piece it has taken.
    unsent: VecDeque<Rc<[u8]>>,
    taken: usize,
}

pub fn serve(listener: std::net::TcpListener) -> Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut members = Slab::new();
    let mut buffer = vec![0; BUFFER].into_boxed_slice();
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let Token(key) = event.token();
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let entry = members.vacant_entry();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(entry.key()), interest)?;
                    entry.insert(Member { stream, unsent: VecDeque::new(), taken: 0 });
                }
            } else if members.get_mut(key).is_some_and(|member: &mut Member| member.write().is_err())
                || (event.is_readable() && !read(key, &mut members, &mut buffer))
            {
                members.remove(key);
            }
        }
    }
}

/// Reads what a member has sent, and writes it to all. Returns whether the member stays.
fn read(key: usize, members: &mut Slab<Member>, buffer: &mut [u8]) -> bool {
    loop {
        let len = match members[key].stream.read(buffer) {
            Ok(0) => return false,
            Ok(len) => len,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        };
        // A member that cannot be written to is found when its socket is reported.
        members.iter_mut().for_each(|(_, member)| drop(member.send(&buffer[..len])));
        if len < buffer.len() {
            return true;
        }
    }
}

impl Member {
    /// Writes `bytes`, or keeps what the socket does not take.
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let mut sent = 0;
        if self.unsent.is_empty() {
            sent = match self.stream.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                sent => sent?,
            };
        }
        if sent < bytes.len() {
            self.unsent.push_back(bytes[sent..].into());
        }
        Ok(())
    }

    /// Writes what has been kept, as far as the socket takes it.
    fn write(&mut self) -> Result<()> {
        while let Some(first) = self.unsent.front() {
            match self.stream.write(&first[self.taken..]) {
                Ok(count) if self.taken + count == first.len() => {
                    self.unsent.pop_front();
                    self.taken = 0;
                }
                Ok(count) => self.taken += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
