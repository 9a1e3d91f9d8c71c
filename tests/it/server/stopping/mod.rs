//! The end of the loop, and of all its connections with it.

mod graceful;
mod load;
mod requests;
