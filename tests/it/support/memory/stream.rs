use super::{Served, served::settle};
use crate::support::{raw_client, request_head};
use statesocket::{
    handshake::Connect,
    testing::{Client, ClientOptions, TestServer},
};
use std::{
    cell::RefCell,
    io::{self, Read, Write},
    rc::Rc,
};

/// A server that is gone once its loop has ended.
pub(super) type Shared = Rc<RefCell<Option<TestServer>>>;

/// A client that writes arbitrary bytes.
pub(crate) type RawClient = raw_client::RawClient<Stream>;

/// The client's end of a pipe. A read has the server do all it can, and fails if nothing comes of it.
#[derive(Debug)]
pub(crate) struct Stream {
    client: Client,
    server: Shared,
}

impl RawClient {
    /// A client that is connected and has sent nothing.
    pub(crate) fn dial(served: &Served) -> Self {
        Self::dial_with(served, &ClientOptions::default())
    }

    pub(crate) fn dial_with(served: &Served, options: &ClientOptions) -> Self {
        Self::new(Stream::dial(served, options))
    }

    /// A client that is open at `target`.
    #[track_caller]
    pub(crate) fn open(served: &Served, target: &str) -> Self {
        Self::open_with(served, target, &ClientOptions::default())
    }

    #[track_caller]
    pub(crate) fn open_with(served: &Served, target: &str, options: &ClientOptions) -> Self {
        let mut client = Self::dial_with(served, options);
        client.write(&request_head(target, &[]));
        client.assert_accepted();
        client
    }

    /// Checks that nothing has come that has not been read, and that the stream has not ended.
    #[track_caller]
    pub(crate) fn assert_silent(&mut self) {
        assert_eq!(self.read(&mut [0]).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
    }
}

impl Stream {
    /// The end of a client that is connected and has sent nothing.
    pub(crate) fn dial(served: &Served, options: &ClientOptions) -> Self {
        let connect = Connect::new("ws://localhost/").expect("a URI");
        let mut client = served.server().dial(&connect, options);
        client.take_request();
        client.stop_reading();
        Self { client, server: Rc::clone(&served.server) }
    }

    /// Takes what has come, without a turn of the server.
    pub(crate) fn receive_raw(&mut self) -> Vec<u8> {
        self.client.receive_raw()
    }

    /// Ends the direction to the server.
    pub(crate) fn shut_down_writing(&mut self) {
        self.client.shut_down_writing();
    }

    /// Breaks the connection.
    pub(crate) fn reset(&mut self) {
        self.client.reset();
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        settle(&self.server);
        self.client.read_raw(buffer)
    }
}

impl Write for Stream {
    /// Takes everything. What the pipe has no room for leaves when the server runs.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.client.send_raw(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
