//! How much the sessions do per turn.

/// The most reads of one session per turn, so that a peer that sends much does not keep the others waiting.
pub(super) const READS_PER_TURN: usize = 4;

/// The most bytes per read.
pub(super) const READ_BUFFER_BYTES: usize = 128 << 10;

/// The bytes of plain text that compressed messages of one session may become per turn, as many as it may send plain. A
/// read of compressed zeros becomes a thousand times as much. Other work on them counts as the text that could be
/// inflated in that time. The rest waits in the session for its next turn.
#[cfg(feature = "deflate")]
pub(super) const INFLATED_PER_TURN: usize = READS_PER_TURN * READ_BUFFER_BYTES;

/// The most further reads of a session whose deadline has come, or whose stream cannot be written any more. They empty
/// the buffer that a system has for a socket.
pub(super) const LATE_READS: usize = 60;

/// The most turns for which a deadline waits until everything has been read that may have come before it.
pub(super) const MAX_LATE_TURNS: u8 = 64;

/// The most sessions that get a turn because a deadline has come, per turn of the server: as many as a wait of the
/// system reports. Thousands of clients that came together have their deadlines together, and the others must not wait
/// for all of them.
pub(super) const MAX_DUE_PER_TURN: usize = 1024;

/// The most turns of sessions whose handshake of TLS is not complete, per turn of the server. Each may take 0.1 ms, and
/// the other sessions must not wait for a crowd of new ones.
#[cfg(feature = "tls")]
pub(super) const MAX_HANDSHAKES_PER_TURN: usize = 16;

/// The further reads of all sessions whose deadlines have come, in one turn of a server with `ready` ready sessions. So
/// peers that send much at their deadlines double the length of a turn at most, or add the late reads of one session.
pub(super) const fn late_reads(ready: usize) -> usize {
    let usual = ready.saturating_mul(READS_PER_TURN);
    if usual > LATE_READS { usual } else { LATE_READS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_reads_at_most_double_a_turn_of_many_sessions() {
        assert_eq!([0, 1, 15, 16, 1000].map(late_reads), [60, 60, 60, 64, 4000]);
        assert_eq!(late_reads(usize::MAX), usize::MAX);
    }
}
