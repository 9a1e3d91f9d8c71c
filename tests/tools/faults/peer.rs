//! A client that writes arbitrary bytes.

use socket2::{Domain, Socket, Type};
use std::{
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The longest that anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Peer(BufReader<TcpStream>);

impl Peer {
    /// A client that is connected and has sent nothing.
    pub(crate) fn dial(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        // A crowd of clients needs no large buffers.
        Ok(Self(BufReader::with_capacity(256, stream)))
    }

    /// A client that has asked for `path`.
    pub(crate) fn ask(address: SocketAddr, path: &str) -> io::Result<Self> {
        let mut peer = Self::dial(address)?;
        peer.write(request(path, "").as_bytes())?;
        Ok(peer)
    }

    /// A client that is open at the echo.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Self::open_at(address, "/echo")
    }

    /// A client that is open at `path`.
    pub(crate) fn open_at(address: SocketAddr, path: &str) -> io::Result<Self> {
        Self::ask(address, path)?.opened()
    }

    /// A client that is open at the echo, and whose system takes little that it has not read.
    pub(crate) fn open_with_small_buffer(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(4 << 10)?;
        socket.connect(&address.into())?;
        let mut peer = Self::over(socket.into())?;
        peer.write(request("/echo", "").as_bytes())?;
        peer.opened()
    }

    fn opened(mut self) -> io::Result<Self> {
        while self.line()? != "\r\n" {}
        Ok(self)
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// The status of the next response.
    pub(crate) fn status(&mut self) -> io::Result<String> {
        let line = self.line()?;
        Ok(line.split(' ').nth(1).unwrap_or_default().to_owned())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        io::BufRead::read_line(&mut self.0, &mut line)?;
        if line.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(line) }
    }

    /// The first byte and the payload of the next short frame that is not a Ping.
    pub(crate) fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            let mut header = [0; 2];
            self.0.read_exact(&mut header)?;
            if header[1] > 125 {
                return Err(io::Error::other("the frame is longer than expected"));
            }
            let mut payload = vec![0; usize::from(header[1])];
            self.0.read_exact(&mut payload)?;
            if header[0] != 0x89 {
                return Ok((header[0], payload));
            }
        }
    }

    /// The payload of the next frame, which has fewer than 64 KiB.
    pub(crate) fn any_frame(&mut self) -> io::Result<Vec<u8>> {
        let mut header = [0; 2];
        self.0.read_exact(&mut header)?;
        let mut len = usize::from(header[1]);
        if len > 125 {
            self.0.read_exact(&mut header)?;
            len = u16::from_be_bytes(header).into();
        }
        let mut payload = vec![0; len];
        self.0.read_exact(&mut payload)?;
        Ok(payload)
    }

    /// Reads at most `len` bytes. Returns their number.
    pub(crate) fn read_some(&mut self, len: usize) -> io::Result<usize> {
        self.0.read(&mut vec![0; len])
    }

    /// The code of the next Close.
    pub(crate) fn close_code(&mut self) -> io::Result<String> {
        match self.frame()? {
            (0x88, payload) if payload.len() >= 2 => Ok(u16::from_be_bytes([payload[0], payload[1]]).to_string()),
            other => Err(io::Error::other(format!("no Close with a code: {other:?}"))),
        }
    }

    /// Sends a short text, and returns whether it came back.
    pub(crate) fn echoes(&mut self, text: &str) -> bool {
        let is_back = |frame: (u8, Vec<u8>)| frame.0 == 0x81 && frame.1 == text.as_bytes();
        self.write(&frame(0x81, text.as_bytes())).and_then(|()| self.frame()).is_ok_and(is_back)
    }
}

/// A request for `path` with further header lines.
pub(crate) fn request(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// A short frame with a mask of zeros.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= 125, "a short frame");
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], payload].concat()
}
