//! Processes in memory that share a broker in memory: no socket, no thread, and a clock that the test moves.

mod answers;
mod arriving;
mod broker;
mod hostile;
mod ordering;
mod pages;
mod presence;
mod seeds;
mod slow;
mod support;
