//! The descriptors of the process: how many a server may use, and one in reserve.

use socket2::{Domain, Socket, Type};

/// The least part of the descriptors that connections leave to the program, if they are enough for that.
const MIN_RESERVE: usize = 32;

/// The largest part. A reserve in proportion would waste places of a server that may have a million.
const MAX_RESERVE: usize = 512;

/// The most descriptors for connections. Half of the reserve is for refused ones, so that they get their answer; the
/// other half is for whatever else the program opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    /// The limit of the process.
    pub(super) limit: usize,
    pub(super) served: usize,
    pub(super) served_and_refused: usize,
}

impl Allowance {
    /// As if the process had no limit.
    #[cfg(feature = "testing")]
    pub(super) const UNLIMITED: Self = Self { limit: usize::MAX, served: usize::MAX, served_and_refused: usize::MAX };

    /// With the present limit of the process.
    pub(super) fn of_process() -> Self {
        Self::of(soft_limit())
    }

    /// That of one of several loops, of which each has the same part.
    pub(super) const fn shared_by(self, loops: usize) -> Self {
        let Self { limit, served, served_and_refused } = self;
        Self { limit, served: served.div_ceil(loops), served_and_refused: served_and_refused.div_ceil(loops) }
    }

    fn of(limit: usize) -> Self {
        let reserve = (limit / 8).clamp(MIN_RESERVE, MAX_RESERVE).min(limit / 2);
        Self { limit, served: limit - reserve, served_and_refused: limit - reserve / 2 }
    }
}

/// How many descriptors the process may have. Where the system does not say, accepting finds out.
#[cfg(unix)]
fn soft_limit() -> usize {
    let soft = rlimit::Resource::NOFILE.get_soft().unwrap_or(u64::MAX);
    usize::try_from(soft).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
const fn soft_limit() -> usize {
    usize::MAX
}

/// A descriptor that is kept for the moment when no other is left.
#[derive(Debug, Default)]
pub(super) struct Reserve(Option<Socket>);

impl Reserve {
    /// Takes a descriptor, unless there is one. Returns whether there is.
    pub(super) fn fill(&mut self) -> bool {
        if self.0.is_none() {
            // A socket needs no path, and a new one has no effects. The system may lack one of the families.
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None);
            self.0 = socket.or_else(|_| Socket::new(Domain::IPV6, Type::DGRAM, None)).ok();
        }
        self.0.is_some()
    }

    /// Gives the descriptor back to the process. Returns whether there was one.
    pub(super) fn release(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a5_a_part_of_every_limit_is_left_to_the_program() {
        for (limit, served, served_and_refused) in [
            (0, 0, 0),
            (1, 1, 1),
            (20, 10, 15),
            (256, 224, 240),
            (1024, 896, 960),
            (4096, 3584, 3840),
            (1 << 20, (1 << 20) - 512, (1 << 20) - 256),
            (usize::MAX, usize::MAX - 512, usize::MAX - 256),
        ] {
            assert_eq!(Allowance::of(limit), Allowance { limit, served, served_and_refused });
        }
    }

    #[test]
    fn a5_loops_share_the_descriptors_of_the_process() {
        let shared = Allowance::of(1024).shared_by(3);
        assert_eq!(shared, Allowance { limit: 1024, served: 299, served_and_refused: 320 });
        assert_eq!(Allowance::of(0).shared_by(1), Allowance::of(0));
    }

    #[test]
    fn a5_the_reserve_is_filled_and_released() {
        let mut reserve = Reserve::default();
        assert!(!reserve.release());
        assert!(reserve.fill() && reserve.fill());
        assert_eq!((reserve.release(), reserve.release()), (true, false));
        assert!(reserve.fill());
    }
}
