//! The event loop, over sockets on the loopback interface.

mod backpressure;
mod callbacks;
mod handles;
mod isolation;
mod load;
mod pressure;
mod routes;
mod shutdown;
mod sockets;
mod time;
mod turns;
