//! How many loops a cluster has, and how they share the connections.

/// Whether the system spreads the connections over listeners that share a port.
pub(super) const IS_BALANCED_BY_SYSTEM: bool = cfg!(any(target_os = "android", target_os = "linux"));

/// How many loops a [`Cluster`](super::Cluster) has, and how they share the connections. A number alone is enough:
///
/// ```
/// use statesocket::server::{Loops, Sharing};
///
/// assert_eq!(Loops::from(4), Loops::new(4));
/// let loops = Loops::new(4).with(|loops| loops.sharing = Sharing::HandOver);
/// assert_eq!(loops.count, 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loops {
    /// The number of loops, from 1 on. Each has a thread of its own. More loops than cores gain nothing.
    pub count: usize,
    /// How the loops share the connections. The default depends on the system.
    pub sharing: Sharing,
}

/// How the loops of a [`Cluster`](super::Cluster) share the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sharing {
    /// Each loop has a listener with `SO_REUSEPORT`, and the system chooses one per connection, by a hash of the
    /// addresses. Only on Linux and Android, where it is the default: other systems do not balance. The loops
    /// get about the same number of many connections, and less so of a hundred.
    System,
    /// A thread of its own accepts, and hands the connections to the loops in turn, so that each gets the same number.
    /// It costs each connection another wake-up. Default where the system does not balance.
    HandOver,
}

impl Loops {
    /// This number of loops, and the sharing that the system is good at.
    #[must_use]
    pub const fn new(count: usize) -> Self {
        let sharing = if IS_BALANCED_BY_SYSTEM { Sharing::System } else { Sharing::HandOver };
        Self { count, sharing }
    }

    /// Changes some fields, in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl From<usize> for Loops {
    fn from(count: usize) -> Self {
        Self::new(count)
    }
}
