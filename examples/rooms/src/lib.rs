//! A chat with rooms, in one process or in many that share a stream.
//!
//! | module | what |
//! |---|---|
//! | [`protocol`] | what members and servers say to each other |
//! | [`broker`] | where messages are stored, and from where all processes get them in one order: in memory, or Redis |
//! | [`member`] | the handler of one member |
//! | [`bus`] | from the handlers and the broker to the sequencer |
//! | [`sequencer`] | the only one who tells members messages, and so the only order; no clock, no socket |
//! | [`history`] | the newest messages, for those who come and come back |
//! | [`presence`] | the members of each room, in all processes |
//! | [`links`] | from the broker to the sequencer and back, each on a thread |
//! | [`routes`] | the paths of the server |
//!
//! A message goes from the handler over the bus to the sequencer, from there to the writer, and into the broker. The
//! follower of each process reads it there, and its sequencer tells it to the members of the room. Everybody
//! hears it in this way, the speaker too, so all hear all messages in the order of the broker.

pub mod broker;
pub mod bus;
pub mod history;
pub mod id;
pub mod links;

pub mod member;
pub mod presence;
pub mod protocol;
pub mod routes;
pub mod sequencer;
