//! The time of an event loop.

use std::time::Duration;

/// The turns of an event loop, without the waits for events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turns {
    /// Their number.
    pub count: u64,
    /// Their time together. Its growth per second is the load of the loop; of a cluster, that of all loops.
    pub busy: Duration,
    /// The time of the longest. A handler that blocks shows in it: meanwhile all other sessions have waited.
    pub longest: Duration,
}

impl Turns {
    pub(super) fn count(&mut self, time: Duration) {
        self.count += 1;
        self.busy += time;
        self.longest = self.longest.max(time);
    }

    /// Adds the turns of another loop.
    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.busy += other.busy;
        self.longest = self.longest.max(other.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_have_the_longest_turn_of_all() {
        let [short, long] = [1, 3].map(|seconds| {
            let mut turns = Turns::default();
            turns.count(Duration::from_secs(seconds));
            turns
        });
        for (mut sum, other) in [(short, long), (long, short)] {
            sum.add(other);
            assert_eq!((sum.count, sum.busy, sum.longest), (2, Duration::from_secs(4), Duration::from_secs(3)));
        }
    }
}
