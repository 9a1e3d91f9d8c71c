//! The floor: returns every byte as it is. One `read` and one `write` per wake-up suffice.

use super::readiness::{Service, run};
use mio::net::TcpStream;
use std::{
    io::{ErrorKind, Read, Result, Write},
    net::TcpListener,
};

const BUFFER: usize = 128 << 10;

struct Echo {
    buffer: Box<[u8]>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes that the socket has not taken yet.
    unsent: Vec<u8>,
}

pub fn serve(listener: TcpListener) -> Result<()> {
    run(listener, Echo { buffer: vec![0; BUFFER].into_boxed_slice() })
}

impl Service for Echo {
    type Connection = Connection;

    fn accept(&mut self, stream: TcpStream) -> Connection {
        Connection { stream, unsent: Vec::new() }
    }

    fn ready(&mut self, connection: &mut Connection) -> bool {
        connection.echo(&mut self.buffer).unwrap_or_else(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

impl Connection {
    /// Returns whether the connection stays open. It also stays open after the error `WouldBlock`.
    fn echo(&mut self, buffer: &mut [u8]) -> Result<bool> {
        loop {
            while !self.unsent.is_empty() {
                let n = self.stream.write(&self.unsent)?;
                self.unsent.drain(..n);
            }
            self.unsent = Vec::new();
            let len = self.stream.read(buffer)?;
            if len == 0 {
                return Ok(false);
            }
            let sent = match self.stream.write(&buffer[..len]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                sent => sent?,
            };
            self.unsent.extend_from_slice(&buffer[sent..len]);
            // A short read has emptied the socket.
            if len < buffer.len() && self.unsent.is_empty() {
                return Ok(true);
            }
        }
    }
}
