use super::dial;
use crate::support::{Raw, raw_client, request_head};
use std::net::{SocketAddr, TcpStream};

/// A client that writes arbitrary bytes.
pub(crate) type RawClient = raw_client::RawClient<TcpStream>;

impl RawClient {
    /// A client that is connected and has sent nothing.
    pub(crate) fn dial(address: SocketAddr) -> Self {
        Self::new(dial(address))
    }

    /// A client that is open at `target`.
    #[track_caller]
    pub(crate) fn open(address: SocketAddr, target: &str) -> Self {
        let mut client = Self::dial(address);
        client.write(&request_head(target, &[]));
        client.assert_accepted();
        client
    }

    /// Disconnects without a Close, and makes the kernel reset the connection, as it does when received bytes are
    /// unread. The server must echo.
    pub(crate) fn reset_after(mut self, last_bytes: &[u8]) {
        self.send(Raw::new(Raw::TEXT, "never read"));
        self.stream().peek(&mut [0]).expect("the echo arrives");
        self.write(last_bytes);
    }
}
