//! tungstenite over a non-blocking socket, with its defaults: buffers of 128 KiB. It checks UTF-8, masks, reserved
//! bits, and limits of 64 MiB per message and 16 MiB per frame. The messages of one read leave in one write.

use super::readiness::{Service, run};
use mio::net::TcpStream;
use std::{io, net::TcpListener};
use tungstenite::{
    Error, HandshakeError, WebSocket, accept,
    handshake::{
        MidHandshake,
        server::{NoCallback, ServerHandshake},
    },
};

struct Echo;

enum Connection {
    Accepted(TcpStream),
    Opening(Box<MidHandshake<ServerHandshake<TcpStream, NoCallback>>>),
    Open(Box<WebSocket<TcpStream>>),
    Gone,
}

pub fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, Echo)
}

impl Service for Echo {
    type Connection = Connection;

    fn accept(&mut self, stream: TcpStream) -> Connection {
        Connection::Accepted(stream)
    }

    fn ready(&mut self, connection: &mut Connection) -> bool {
        if !matches!(connection, Connection::Open(_)) {
            *connection = std::mem::replace(connection, Connection::Gone).open();
        }
        match connection {
            Connection::Open(socket) => is_blocked(echo(socket)),
            Connection::Opening(_) => true,
            Connection::Accepted(_) | Connection::Gone => false,
        }
    }
}

impl Connection {
    fn open(self) -> Self {
        let opened = match self {
            Self::Accepted(stream) => accept(stream),
            Self::Opening(handshake) => handshake.handshake(),
            other => return other,
        };
        match opened {
            Ok(socket) => Self::Open(Box::new(socket)),
            Err(HandshakeError::Interrupted(handshake)) => Self::Opening(Box::new(handshake)),
            Err(HandshakeError::Failure(_)) => Self::Gone,
        }
    }
}

/// Echoes until an error; the best one says that the socket is empty.
fn echo(socket: &mut WebSocket<TcpStream>) -> Result<(), Error> {
    socket.flush()?;
    loop {
        let message = match socket.read() {
            Err(error) if is_blocked(Err(&error)) => break socket.flush(),
            message => message?,
        };
        if message.is_text() || message.is_binary() {
            socket.write(message)?;
        }
    }
}

fn is_blocked(result: Result<(), impl std::borrow::Borrow<Error>>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => matches!(error.borrow(), Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock),
    }
}
