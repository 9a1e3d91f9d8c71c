//! The end of the loop, and of all its connections with it.

mod accepting;
mod dropped;
mod graceful;
mod load;
mod requests;
mod spread;
