//! A stream of Redis.

use super::{Broker, BrokerError, Entry, PRESENT_SECONDS, Presence, Read, Said};
use crate::id::Id;
use redis::{Client, Connection, Pipeline, RedisError, RedisResult, cmd, pipe};
use std::{fmt, time::Duration};

/// The stream of all messages. One stream has one order, across all rooms.
const STREAM: &str = "statesocket:rooms";

/// The members of a room: a sorted set, by the time when they were noted.
const PRESENT: &str = "statesocket:present:";

/// The most messages of one [`read`](Broker::read).
const READ_COUNT: usize = 256;

/// How long a read waits for a message, in milliseconds.
const READ_WAIT: u64 = 1000;

/// A server that does not answer in this time is lost. It is longer than [`READ_WAIT`].
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// A stream of Redis. Each clone has a connection of its own, which it makes when it needs it.
pub struct Redis {
    client: Client,
    connection: Option<Connection>,
    /// The stream keeps about as many messages.
    max_entries: usize,
}

/// The entries of streams, by the name of the stream, as XREAD returns them.
type Streams = Vec<(String, Vec<(String, Vec<String>)>)>;

impl Redis {
    /// A stream at the server of a URL such as `redis://127.0.0.1:6379`, which keeps about `max_entries` messages. Does
    /// not connect yet.
    ///
    /// # Errors
    /// If `url` is none of a Redis server.
    pub fn new(url: &str, max_entries: usize) -> Result<Self, RedisError> {
        Ok(Self { client: Client::open(url)?, connection: None, max_entries })
    }

    /// Calls `act` with the connection. After an error the next call makes a new one.
    fn with<T>(&mut self, act: impl FnOnce(&mut Connection) -> RedisResult<T>) -> Result<T, BrokerError> {
        let lost = |error: &RedisError, may_have_acted| BrokerError { reason: error.to_string(), may_have_acted };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.client).map_err(|error| lost(&error, false))?,
        };
        let result = act(&mut connection).map_err(|error| lost(&error, true))?;
        self.connection = Some(connection);
        Ok(result)
    }
}

fn connect(client: &Client) -> RedisResult<Connection> {
    let connection = client.get_connection_with_timeout(CONNECT_TIMEOUT)?;
    connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    connection.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(connection)
}

impl Broker for Redis {
    fn add(&mut self, said: &[Said]) -> Result<Vec<Id>, BrokerError> {
        let mut adds = pipe();
        for Said { room, name, text } in said {
            adds.cmd("XADD").arg(STREAM).arg("MAXLEN").arg("~").arg(self.max_entries).arg("*");
            adds.arg("room").arg(room).arg("name").arg(name).arg("text").arg(text);
        }
        let ids: Vec<String> = self.with(|connection| adds.query(connection))?;
        ids.iter().map(|id| id.parse().map_err(|_| wrong_answer(&format!("the id {id}")))).collect()
    }

    fn read(&mut self, after: Id) -> Result<Read, BrokerError> {
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(READ_COUNT);
        // The first answer of a server that is back tells so: it must not wait for a message.
        if self.connection.is_some() {
            read.arg("BLOCK").arg(READ_WAIT);
        }
        read.arg("STREAMS").arg(STREAM).arg(after.to_string());
        let streams: Option<Streams> = self.with(|connection| read.query(connection))?;
        let found = streams.unwrap_or_default().into_iter().flat_map(|(_, entries)| entries);
        let entries = found.map(|(id, fields)| entry(&id, &fields)).collect::<Result<Vec<_>, _>>()?;
        Ok(Read { is_end: entries.len() < READ_COUNT, entries })
    }

    fn note_present(&mut self, rooms: &[Presence]) -> Result<Vec<Vec<String>>, BrokerError> {
        self.with(|connection| {
            // The time of the server: the clocks of several machines differ.
            let (now, _): (u64, u64) = cmd("TIME").query(connection)?;
            let mut notes = pipe();
            for Presence { room, here, gone } in rooms {
                note(&mut notes, &format!("{PRESENT}{room}"), here, gone, now);
            }
            notes.query(connection)
        })
    }
}

/// Adds the commands of one room, of which only the last has an answer.
fn note(notes: &mut Pipeline, key: &str, here: &[String], gone: &[String], now: u64) {
    if !here.is_empty() {
        notes.cmd("ZADD").arg(key);
        for member in here {
            notes.arg(now).arg(member);
        }
        notes.ignore();
        // A room whose processes were all killed.
        notes.cmd("EXPIRE").arg(key).arg(2 * PRESENT_SECONDS).ignore();
    }
    if !gone.is_empty() {
        notes.cmd("ZREM").arg(key).arg(gone).ignore();
    }
    notes.cmd("ZREMRANGEBYSCORE").arg(key).arg("-inf").arg(now.saturating_sub(PRESENT_SECONDS)).ignore();
    notes.cmd("ZRANGE").arg(key).arg(0).arg(-1);
}

/// An entry of the stream. Another program may have written it.
fn entry(id: &str, fields: &[String]) -> Result<Entry, BrokerError> {
    let field = |name: &str| {
        let found = fields.chunks_exact(2).find(|pair| pair[0] == name);
        found.map(|pair| pair[1].clone()).unwrap_or_default()
    };
    let id = id.parse().map_err(|_| wrong_answer(&format!("the id {id}")))?;
    Ok(Entry { id, said: Said { room: field("room"), name: field("name"), text: field("text") } })
}

fn wrong_answer(what: &str) -> BrokerError {
    BrokerError { reason: format!("Redis answers with {what}"), may_have_acted: true }
}

impl Clone for Redis {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), connection: None, max_entries: self.max_entries }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may have a password.
        f.debug_struct("Redis").field("is_connected", &self.connection.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(id: &str, fields: &[&str]) -> Result<Entry, BrokerError> {
        entry(id, &fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_entry_has_its_fields_in_any_order_and_may_have_others() {
        let entry = read("5-1", &["text", "room", "other", "text", "room", "1", "name"]).expect("an entry");
        assert_eq!(entry.id, Id { time: 5, number: 1 });
        let said = Said { room: "1".to_owned(), name: String::new(), text: "room".to_owned() };
        assert_eq!(entry.said, said, "a field without a value is none");
    }

    #[test]
    fn an_entry_without_an_id_is_an_error() {
        assert_eq!(read("x", &[]).map_err(|error| error.reason), Err("Redis answers with the id x".to_owned()));
    }
}
