use statesocket::{
    Phase,
    handshake::Connect,
    testing::{Client, ClientOptions, TestServer},
};
use std::{net::IpAddr, ops};

/// A client, and the bytes of its request that it has not sent.
#[derive(Debug)]
pub(crate) struct Guest {
    client: Client,
    rest: Vec<u8>,
}

impl Guest {
    /// A connection to `target` from 127.0.0.1 on which nothing has been sent.
    pub(crate) fn dial(server: &mut TestServer, target: &str) -> Self {
        Self::dial_from(server, target, [127, 0, 0, 1].into())
    }

    pub(crate) fn dial_from(server: &mut TestServer, target: &str, address: IpAddr) -> Self {
        let connect = Connect::new(&format!("ws://localhost{target}")).expect("a URI");
        let mut client = server.dial(&connect, &ClientOptions::default().with(|options| options.address = address));
        let rest = client.take_request();
        Self { client, rest }
    }

    /// A client that has sent its request for `/ws`.
    pub(crate) fn ask(server: &mut TestServer) -> Self {
        let mut guest = Self::dial(server, "/ws");
        guest.ask_more(usize::MAX);
        guest
    }

    /// A client that is open and has got its echo.
    #[track_caller]
    pub(crate) fn open(server: &mut TestServer) -> Self {
        let mut guest = Self::ask(server);
        guest.assert_answered(server, 101);
        guest.echo(server);
        guest
    }

    /// Sends at most `count` more bytes of its request.
    pub(crate) fn ask_more(&mut self, count: usize) {
        let count = count.min(self.rest.len());
        let piece: Vec<u8> = self.rest.drain(..count).collect();
        self.client.send_raw(&piece);
    }

    #[track_caller]
    pub(crate) fn assert_answered(&self, server: &mut TestServer, status: u16) {
        server.settle();
        assert_eq!(self.status(), Some(status));
    }

    #[track_caller]
    pub(crate) fn echo(&mut self, server: &mut TestServer) {
        self.send_text("Hello").expect("the client is open");
        server.settle();
        assert_eq!(self.receive_text(), "Hello");
    }

    /// Checks that the server has neither answered nor closed the connection.
    #[track_caller]
    pub(crate) fn assert_waits(&self, server: &mut TestServer) {
        server.settle();
        assert_eq!((self.status(), self.phase()), (None, Phase::Requested));
    }

    /// Checks that the server has closed the connection with this answer.
    #[track_caller]
    pub(crate) fn assert_ended(&self, server: &mut TestServer, status: Option<u16>) {
        server.settle();
        assert_eq!((self.status(), self.phase()), (status, Phase::Closed));
    }

    fn status(&self) -> Option<u16> {
        self.response().map(|response| response.status.as_u16())
    }
}

impl ops::Deref for Guest {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl ops::DerefMut for Guest {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}
