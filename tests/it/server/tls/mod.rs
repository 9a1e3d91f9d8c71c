//! Sessions over TLS, in memory.

mod ends;
mod held;
mod reload;
mod stalled;

use crate::support::{
    Calls, Witness,
    memory::{Served, Stream},
    raw_client::RawClient,
    request_head,
    tls::{TlsStream, VERSIONS, certificate, secure, trust},
};
use rustls::ClientConfig;
use statesocket::{Config, testing::ClientOptions};
use std::{io::Write, sync::Arc};

type Client = RawClient<TlsStream<Stream>>;

/// Something that a client does.
type Act<'a> = &'a dyn Fn(&mut Client);

/// A server that speaks TLS and echoes at `/ws`.
fn serve(config: Config) -> (Served, Calls) {
    let (served, calls) = Served::witnessed(config, Witness::accept);
    served.server().set_tls(Some(certificate("localhost")));
    (served, calls)
}

/// A client that has sent nothing.
fn dial(served: &Served, options: &ClientOptions, config: &Arc<ClientConfig>) -> Client {
    RawClient::new(secure(Stream::dial(served, options), config))
}

/// A client that is open at `/ws`.
#[track_caller]
fn open_with(served: &Served, options: &ClientOptions, config: &Arc<ClientConfig>) -> Client {
    let mut client = dial(served, options, config);
    request(&mut client);
    client
}

/// Has the client send its request, and finish the handshake of TLS before that.
#[track_caller]
fn request(client: &mut Client) {
    client.write(&request_head("/ws", &[]));
    client.assert_accepted();
}

#[track_caller]
fn open(served: &Served) -> Client {
    open_with(served, &ClientOptions::default(), &trust("localhost", &VERSIONS))
}

/// The encrypted bytes that `client` has to send for `bytes`.
fn encrypted(client: &mut Client, bytes: &[u8]) -> Vec<u8> {
    let tls = &mut client.stream_mut().conn;
    tls.writer().write_all(bytes).expect("there is room");
    let mut records = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut records).expect("memory");
    }
    records
}
