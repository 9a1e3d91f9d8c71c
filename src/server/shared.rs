//! The state that the sessions of a server share: limits, routes, counts and buffers.

use super::{
    admission::Admission,
    budget::{READ_BUFFER_BYTES, late_reads},
    common::Common,
    handle::Handle,
    limits::Limits,
    routes::Routes,
};
use crate::OutputBuffer;
use std::fmt;

#[cfg(feature = "tls")]
const _: () = assert!(READ_BUFFER_BYTES >= super::tls::MAX_READ);

/// What the sessions of one server share.
pub(super) struct Shared {
    pub(super) common: Common,
    pub(super) limits: Limits,
    pub(super) admission: Admission,
    pub(super) routes: Routes,
    pub(super) handle: Handle,
    /// Whether a session stops handing out events once your code has sent commands. Not while commands are executed.
    pub(super) may_interrupt: bool,
    /// How many [late reads](late_reads) are left in this turn.
    pub(super) late_reads: usize,
    /// The buffer of every read. Nothing stays in it between two reads.
    pub(super) read_buffer: Box<[u8]>,
    /// The buffer that each session borrows for its output, for one turn.
    pub(super) output_buffer: OutputBuffer,
}

impl Shared {
    pub(super) fn new(handle: Handle) -> Self {
        let limits = Limits::default();
        Self {
            common: Common::new(&limits),
            limits,
            admission: Admission::default(),
            routes: Routes::default(),
            handle,
            may_interrupt: true,
            late_reads: late_reads(0),
            read_buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            output_buffer: OutputBuffer::default(),
        }
    }

    /// Frees the memory that an empty server does not need.
    pub(super) fn release_memory(&mut self) {
        self.output_buffer = OutputBuffer::default();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("limits", &self.limits)
            .field("tally", &self.common.tally)
            .finish_non_exhaustive()
    }
}
