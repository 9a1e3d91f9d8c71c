//! Writes the output of a connection.

use crate::Sink;
use statesocket::Connection;

/// Writes everything that is queued, contiguous bytes at once.
#[inline(always)]
pub(crate) fn write_all<S: Sink>(connection: &mut Connection, sink: &mut S) {
    while connection.output_len() > 0 {
        write(connection, sink);
    }
}

/// Writes the first contiguous bytes that are queued.
pub(crate) fn write<S: Sink>(connection: &mut Connection, sink: &mut S) {
    let output = connection.output();
    sink.output(output);
    let len = output.len();
    connection.advance(len);
}
