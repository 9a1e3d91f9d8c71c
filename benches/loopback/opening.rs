//! Connections to a server.

use crate::{stream::Stream, traffic::Dialect, workload::Task};
use socket2::{Domain, Socket, Type};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    ops::Range,
    time::Duration,
};

/// How long a server may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Connections from one address. Each has a port of its own, and there are about 28,000.
const PER_ADDRESS: usize = 20_000;

/// Connections that are opened at once: fewer than the backlog of any server.
const AT_A_TIME: usize = 100;

/// The request for an echo.
pub const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The request to become a member of the room.
const ROOM_REQUEST: &[u8] = b"GET /room HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// RFC 6455 section 1.3: the answer to that key.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The socket of the `nth` connection.
fn socket(nth: usize) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let host = 1 + nth / PER_ADDRESS % 250;
    // The first are not bound: a socket that is bound cannot have a port that was in use a minute ago.
    if host > 1 {
        let host = u8::try_from(host).expect("the host is at most 250");
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())?;
    }
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

/// Begins to connect.
pub fn start(server: SocketAddr, nth: usize, dialect: Dialect) -> io::Result<Stream> {
    let socket = socket(nth)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(Stream::new(socket.into(), dialect)),
    }
}

/// Opens connections, and upgrades those of a WebSocket server. They are opened in groups, since a server pings the
/// connections that have been open for long.
pub fn open(server: SocketAddr, numbers: Range<usize>, task: Task, dialect: Dialect) -> Result<Vec<Stream>, String> {
    let request = match (dialect, task) {
        (Dialect::Bytes, _) => None,
        (_, Task::Room) => Some(ROOM_REQUEST),
        (_, Task::Echo | Task::Visit) => Some(REQUEST),
    };
    Ok(open_with(server, numbers, dialect, request)?.into_iter().map(|(stream, _)| stream).collect())
}

/// The same with a request of the caller's, if any. Returns the heads of the responses, too.
pub fn open_with(
    server: SocketAddr,
    numbers: Range<usize>,
    dialect: Dialect,
    request: Option<&[u8]>,
) -> Result<Vec<(Stream, String)>, String> {
    let numbers: Vec<_> = numbers.collect();
    let mut opened: Vec<(Stream, String)> = Vec::with_capacity(numbers.len());
    for numbers in numbers.chunks(AT_A_TIME) {
        let first = opened.len();
        for nth in numbers {
            let stream = ask(server, *nth, dialect, request);
            let stream = stream.map_err(|error| format!("connection {nth} cannot be opened: {error}"))?;
            opened.push((stream, String::new()));
        }
        if request.is_some() {
            for ((stream, head), nth) in opened[first..].iter_mut().zip(numbers) {
                *head = read_head(stream).map_err(|error| format!("connection {nth} is not accepted: {error}"))?;
            }
        }
    }
    Ok(opened)
}

/// Connects, which the kernel completes without the server, and sends the request.
fn ask(server: SocketAddr, nth: usize, dialect: Dialect, request: Option<&[u8]>) -> io::Result<Stream> {
    let socket = socket(nth)?;
    socket.connect(&server.into())?;
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut stream = Stream::new(socket, dialect);
    stream.write_all(request.unwrap_or_default())?;
    Ok(stream)
}

fn read_head(stream: &mut Stream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match stream.read(&mut piece)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => head.extend_from_slice(&piece[..n]),
        }
        match head_len(&head).map_err(io::Error::other)? {
            None => {}
            Some(len) if len == head.len() => return String::from_utf8(head).map_err(io::Error::other),
            Some(_) => return Err(io::Error::other("the server has sent a message unasked")),
        }
    }
}

/// The length of the response to a request at the front of `bytes`, if it is complete.
///
/// # Errors
/// It does not accept the request.
pub fn head_len(bytes: &[u8]) -> Result<Option<usize>, String> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
    let Some(len) = end.map(|at| at + 4) else { return Ok(None) };
    let head = String::from_utf8_lossy(&bytes[..len]);
    if head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT) {
        Ok(Some(len))
    } else {
        Err(format!("the server has not accepted: {}", head.trim_end()))
    }
}
