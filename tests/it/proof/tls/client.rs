//! The client's end, and its records that are under way.

use rustls::{ClientConfig, ClientConnection, ProtocolVersion, pki_types::ServerName};
use statesocket::{
    Config, Connection, Event, Phase, State,
    handshake::Connect,
    testing::{Client, ClientOptions, TestServer},
};
use std::{
    collections::VecDeque,
    io::{Read, Write},
    sync::Arc,
    time::Instant,
};

pub(super) const MOST_MESSAGE_BYTES: usize = 32 << 10;

/// The most messages of a script. More prove nothing.
const MOST_MESSAGES: usize = 64;

/// The most changes of keys. rustls takes more than 32 without a message between them for an attack.
const MOST_KEY_CHANGES: usize = 32;

type Records = VecDeque<Vec<u8>>;

/// A WebSocket over TLS over a pipe.
pub(super) struct TlsClient {
    pipe: Client,
    tls: ClientConnection,
    connection: Connection,
    /// The records that have not arrived, and of the first maybe only the rest.
    under_way: Records,
    /// How many of them are left when the Close has arrived.
    behind_close: Option<usize>,
    /// They are as this end has sent them.
    is_intact: bool,
    /// What the server sends is none of TLS, or TLS has ended.
    is_over: bool,
    /// The beginning of a record of the server.
    partial: Vec<u8>,
    key_changes: usize,
    said: Vec<Vec<u8>>,
    heard: Vec<Vec<u8>>,
    /// No deadline of this end depends on it.
    now: Instant,
}

impl TlsClient {
    pub(super) fn dial(server: &mut TestServer, config: Arc<ClientConfig>, pipe_bytes: usize) -> Self {
        let connect = Connect::new("wss://localhost/").expect("a URI").seed([7; 32]);
        let options = ClientOptions::default().with(|options| options.pipe_bytes = pipe_bytes);
        let mut pipe = server.dial(&connect, &options);
        pipe.take_request();
        pipe.stop_reading();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = Self {
            pipe,
            tls: ClientConnection::new(config, name).expect("a configuration"),
            connection: Connection::client(&connect, Arc::new(without_timeouts()), server.now()),
            under_way: Records::new(),
            behind_close: None,
            is_intact: true,
            is_over: false,
            partial: Vec::new(),
            key_changes: 0,
            said: Vec::new(),
            heard: Vec::new(),
            now: server.now(),
        };
        client.encrypt();
        client
    }

    pub(super) fn say(&mut self, len: usize) {
        let number = self.said.len();
        let message: Vec<u8> = (0..len).map(|n| (number + n * n) as u8).collect();
        if number < MOST_MESSAGES && self.connection.send_binary(&message).is_ok() {
            self.said.push(message);
        }
        self.encrypt();
    }

    pub(super) fn ping(&mut self) {
        // It can be too early, or too late.
        let _ = self.connection.ping(b"drawn");
        self.encrypt();
    }

    /// Before it is open, a client would leave without a Close.
    pub(super) fn close(&mut self) {
        if self.connection.phase() == Phase::Open {
            self.connection.close(1000, "drawn").expect("it is open");
            self.encrypt();
        }
    }

    /// Only TLS 1.3 has that.
    pub(super) fn change_keys(&mut self) {
        let is_possible = self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3) && !self.tls.is_handshaking();
        if is_possible && self.key_changes < MOST_KEY_CHANGES {
            self.key_changes += 1;
            // It cannot once TLS has ended.
            let _ = self.tls.refresh_traffic_keys();
            self.encrypt();
        }
    }

    /// Ends TLS, with `close_notify`. Nothing is sent behind it.
    pub(super) fn end_tls(&mut self) {
        self.tls.send_close_notify();
        self.encrypt();
        (self.is_intact, self.is_over) = (false, true);
    }

    /// Puts bytes in front of what is under way.
    pub(super) fn insert(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.is_intact = false;
            self.under_way.push_front(bytes);
        }
    }

    /// Changes what is under way, at the `place` given or before it.
    pub(super) fn damage(&mut self, place: usize, change: impl FnOnce(&mut Records, usize)) {
        if let Some(last) = self.under_way.len().checked_sub(1) {
            self.is_intact = false;
            change(&mut self.under_way, place.min(last));
        }
    }

    /// The bytes of the next record that have not arrived.
    pub(super) fn next_len(&self) -> usize {
        self.under_way.front().map_or(0, Vec::len)
    }

    /// The next bytes arrive: of one record, `most` at most. Returns whether there are any.
    pub(super) fn pass(&mut self, most: usize) -> bool {
        let Some(mut record) = self.under_way.pop_front() else { return false };
        let rest = record.split_off(most.min(record.len()));
        self.pipe.send_raw(&record);
        if !rest.is_empty() {
            self.under_way.push_front(rest);
        }
        true
    }

    /// Ends the direction to the server. What is under way is lost.
    pub(super) fn shut_down(&mut self) {
        self.pipe.shut_down_writing();
    }

    pub(super) fn reset(&mut self) {
        self.pipe.reset();
    }

    /// Reads what the server has sent, and answers. Returns whether there was anything.
    pub(super) fn read(&mut self) -> bool {
        let bytes = self.pipe.receive_raw();
        let has_come = !bytes.is_empty();
        self.partial.extend_from_slice(&bytes);
        drop(take_records(&mut self.partial));
        let mut bytes = bytes.as_slice();
        while !bytes.is_empty() && !self.is_over {
            self.tls.read_tls(&mut bytes).expect("memory");
            if let Err(error) = self.tls.process_new_packets() {
                assert!(!self.is_intact, "the server breaks a rule of TLS: {error}");
                self.is_over = true;
            }
            self.hear();
        }
        self.encrypt();
        has_come
    }

    fn hear(&mut self) {
        let mut plain = Vec::new();
        // Nothing more has come, or TLS has ended.
        let _ = self.tls.reader().read_to_end(&mut plain);
        let mut plain = plain.as_mut_slice();
        while let Some(event) = self.connection.receive(&mut plain, self.now) {
            if let Event::Message(message) = event {
                self.heard.push(message.as_bytes().to_vec());
            }
        }
    }

    /// Sends what the connection and TLS have to say.
    fn encrypt(&mut self) {
        if self.is_over {
            return;
        }
        while !self.connection.output().is_empty() {
            let count = self.tls.writer().write(self.connection.output()).expect("memory");
            if count == 0 {
                break;
            }
            self.connection.advance(count);
            self.send();
        }
        self.send();
        if self.connection.client_state() == State::Disconnected && self.connection.output().is_empty() {
            self.behind_close.get_or_insert(0);
        }
    }

    fn send(&mut self) {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).expect("memory");
        }
        let records = take_records(&mut bytes);
        if let Some(behind) = &mut self.behind_close {
            *behind += records.len();
        }
        self.under_way.extend(records);
    }

    /// Whether a Close has arrived, or could have if the records were not intact.
    pub(super) fn has_closed(&self) -> bool {
        self.behind_close.is_some_and(|behind| !self.is_intact || self.under_way.len() <= behind)
    }

    pub(super) const fn is_intact(&self) -> bool {
        self.is_intact
    }

    pub(super) fn said(&self) -> &[Vec<u8>] {
        &self.said
    }

    pub(super) fn heard(&self) -> &[Vec<u8>] {
        &self.heard
    }
}

/// Only the server ends a connection that is late.
fn without_timeouts() -> Config {
    ClientOptions::default().config
}

/// Takes the complete records from the front.
fn take_records(bytes: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let [kind, major, _, first, second, ..] = &bytes[..] {
        assert!((20..=23).contains(kind) && *major == 3, "a record of TLS, and no plain text: {:x?}", &bytes[..5]);
        let len = 5 + usize::from(u16::from_be_bytes([*first, *second]));
        if bytes.len() < len {
            break;
        }
        let rest = bytes.split_off(len);
        records.push(std::mem::replace(bytes, rest));
    }
    records
}
