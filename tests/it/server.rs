//! The event loop, over sockets on the loopback interface.

mod callbacks;
mod handles;
mod isolation;
mod load;
mod pressure;
mod robustness;
mod routes;
mod shutdown;
mod sockets;
mod time;
mod turns;
