//! Memory for engines.

use std::hint;

/// Whether there are `len` bytes of memory. The library panics if it gets none for an engine.
pub(super) fn has_memory_for(len: usize) -> bool {
    let mut memory = Vec::<u8>::new();
    let has_memory = memory.try_reserve_exact(len).is_ok();
    // Or else the compiler leaves out memory that nothing uses.
    hint::black_box(&mut memory);
    has_memory
}
