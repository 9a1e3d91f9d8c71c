//! One connection of a network in memory.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read},
};

/// An end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Two directions of bytes, and who holds an end.
#[derive(Debug)]
pub(super) struct Line {
    to_client: Flow,
    to_server: Flow,
    has_client: bool,
    has_server: bool,
}

/// One direction.
#[derive(Debug)]
struct Flow {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer has ended it.
    has_ended: bool,
    /// Nobody reads it any more, or the line was reset. Bytes that have come before are read first.
    is_broken: bool,
    /// A write found too little room.
    is_awaited: bool,
}

impl Line {
    /// A line that holds at most `capacity` bytes in each direction, but at least one.
    pub(super) fn new(capacity: usize) -> Self {
        let flow = || Flow {
            bytes: VecDeque::new(),
            capacity: capacity.max(1),
            has_ended: false,
            is_broken: false,
            is_awaited: false,
        };
        Self { to_client: flow(), to_server: flow(), has_client: true, has_server: true }
    }

    /// Reads. Also returns whether a write that found too little room can go on.
    pub(super) fn read(&mut self, side: Side, buffer: &mut [u8]) -> (io::Result<usize>, bool) {
        let flow = self.towards(side);
        if flow.bytes.is_empty() && !buffer.is_empty() {
            let result = match (flow.is_broken, flow.has_ended) {
                (true, _) => Err(ErrorKind::ConnectionReset.into()),
                (false, true) => Ok(0),
                (false, false) => Err(ErrorKind::WouldBlock.into()),
            };
            return (result, false);
        }
        let result = flow.bytes.read(buffer);
        (result, std::mem::take(&mut flow.is_awaited))
    }

    /// Writes as many bytes as there is room for.
    ///
    /// # Errors
    /// There is no room, or nobody can read the bytes.
    pub(super) fn write(&mut self, side: Side, bytes: &[u8]) -> io::Result<usize> {
        let flow = self.from(side);
        if flow.is_broken || flow.has_ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(flow.capacity - flow.bytes.len());
        flow.is_awaited |= count < bytes.len();
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        flow.bytes.extend(&bytes[..count]);
        Ok(count)
    }

    /// Ends the direction from `side`.
    pub(super) fn shut_down(&mut self, side: Side) {
        self.from(side).has_ended = true;
    }

    /// Breaks both directions.
    pub(super) fn reset(&mut self) {
        self.to_client.is_broken = true;
        self.to_server.is_broken = true;
    }

    /// The holder of `side` is gone. As with TCP, bytes that it has not read cause a reset. Returns whether nobody is
    /// left.
    pub(super) fn leave(&mut self, side: Side) -> bool {
        if self.towards(side).bytes.is_empty() {
            self.from(side).has_ended = true;
            self.towards(side).is_broken = true;
        } else {
            self.reset();
        }
        match side {
            Side::Client => self.has_client = false,
            Side::Server => self.has_server = false,
        }
        !self.has_client && !self.has_server
    }

    /// Whether the direction to `side` has come to its end, read or not.
    pub(super) const fn is_ending(&self, side: Side) -> bool {
        let flow = match side {
            Side::Client => &self.to_client,
            Side::Server => &self.to_server,
        };
        flow.has_ended || flow.is_broken
    }

    const fn towards(&mut self, side: Side) -> &mut Flow {
        match side {
            Side::Client => &mut self.to_client,
            Side::Server => &mut self.to_server,
        }
    }

    const fn from(&mut self, side: Side) -> &mut Flow {
        match side {
            Side::Client => &mut self.to_server,
            Side::Server => &mut self.to_client,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &mut Line, side: Side, room: usize) -> Result<Vec<u8>, ErrorKind> {
        let mut buffer = vec![0; room];
        let len = line.read(side, &mut buffer).0.map_err(|error| error.kind())?;
        Ok(buffer[..len].to_vec())
    }

    fn write(line: &mut Line, side: Side, bytes: &[u8]) -> Result<usize, ErrorKind> {
        line.write(side, bytes).map_err(|error| error.kind())
    }

    #[test]
    fn s16_a_line_holds_bytes_up_to_its_capacity_in_each_direction() {
        let mut line = Line::new(4);
        for (from, to) in [(Side::Client, Side::Server), (Side::Server, Side::Client)] {
            assert_eq!(read(&mut line, to, 9), Err(ErrorKind::WouldBlock));
            assert_eq!(write(&mut line, from, b"abc"), Ok(3));
            assert!(!line.read(to, &mut [0]).1, "no write has waited");
            assert_eq!(write(&mut line, from, b"defg"), Ok(2));
            assert_eq!(write(&mut line, from, b"fg"), Err(ErrorKind::WouldBlock));
            assert!(line.read(to, &mut [0]).1, "a write has waited");
            assert_eq!(read(&mut line, to, 9), Ok(b"cde".to_vec()));
        }
    }

    #[test]
    fn s16_the_end_of_a_line_comes_after_its_bytes() {
        let mut line = Line::new(9);
        assert_eq!(write(&mut line, Side::Client, b"last"), Ok(4));
        line.shut_down(Side::Client);
        assert_eq!(write(&mut line, Side::Client, b"more"), Err(ErrorKind::BrokenPipe));
        assert_eq!([(); 3].map(|()| read(&mut line, Side::Server, 9)), [Ok(b"last".to_vec()), Ok(vec![]), Ok(vec![])]);
        assert_eq!(write(&mut line, Side::Server, b"answer"), Ok(6), "the other direction goes on");
        assert!(!line.leave(Side::Server) && line.leave(Side::Client));
    }

    #[test]
    fn s16_whoever_leaves_bytes_unread_resets_the_line() {
        for (is_unread, expected) in [(false, Ok(vec![])), (true, Err(ErrorKind::ConnectionReset))] {
            let mut line = Line::new(9);
            if is_unread {
                assert_eq!(write(&mut line, Side::Client, b"unread"), Ok(6));
            }
            assert_eq!(write(&mut line, Side::Server, b"answer"), Ok(6));
            line.leave(Side::Server);
            assert_eq!(write(&mut line, Side::Client, b"more"), Err(ErrorKind::BrokenPipe));
            assert_eq!([(); 2].map(|()| read(&mut line, Side::Client, 9)), [Ok(b"answer".to_vec()), expected]);
        }
    }
}
