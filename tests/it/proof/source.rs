//! The bytes of a script, which clients and handlers draw from together.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

/// A source that is shared. Every choice takes bytes, so a script ends.
#[derive(Clone, Debug)]
pub(super) struct Source(Rc<RefCell<VecDeque<u8>>>);

impl Source {
    pub(super) fn new(data: &[u8]) -> Self {
        Self(Rc::new(RefCell::new(data.iter().copied().collect())))
    }

    /// The next byte, until the script is over.
    pub(super) fn byte(&self) -> Option<u8> {
        self.0.borrow_mut().pop_front()
    }

    /// A number below `count`; 0 once the script is over.
    pub(super) fn below(&self, count: usize) -> usize {
        usize::from(self.byte().unwrap_or_default()) % count.max(1)
    }

    /// One of `all`; the first once the script is over.
    pub(super) fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
