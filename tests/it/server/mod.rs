//! The event loop, over sockets on the loopback interface.

mod backpressure;
mod broadcast;
mod callbacks;
mod departure;
mod full;
mod handles;
mod isolation;
mod last_requests;
mod limits;
mod load;
mod peer;
mod policy;
mod pressure;
mod readiness;
mod robustness;
mod routes;
mod shutdown;
mod sockets;
mod tally;
mod time;
mod turns;
