//! How many members the rooms of a cluster have, on all its loops together.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// The number of members of each room, per loop.
#[derive(Debug)]
pub(super) struct Census {
    loops: usize,
    rooms: RwLock<HashMap<Box<str>, Box<[usize]>>>,
}

/// The census, as one loop writes it. Dropping it takes out the members of that loop.
#[derive(Debug)]
pub(super) struct Column {
    census: Arc<Census>,
    place: usize,
}

impl Census {
    pub(super) fn new(loops: usize) -> Self {
        Self { loops, rooms: RwLock::default() }
    }

    /// The members of a room on one loop.
    pub(super) fn count_on(&self, place: usize, room: &str) -> usize {
        self.read().get(room).map_or(0, |counts| counts[place])
    }

    // Nothing panics while it holds the lock.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Box<str>, Box<[usize]>>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Box<str>, Box<[usize]>>> {
        self.rooms.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Column {
    pub(super) const fn new(census: Arc<Census>, place: usize) -> Self {
        Self { census, place }
    }

    /// The members of a room on the other loops.
    pub(super) fn count_elsewhere(&self, room: &str) -> usize {
        let rooms = self.census.read();
        rooms.get(room).map_or(0, |counts| counts.iter().sum::<usize>() - counts[self.place])
    }

    /// A session of this loop has become a member of a room.
    pub(super) fn joined(&self, room: &str) {
        let mut rooms = self.census.write();
        match rooms.get_mut(room) {
            Some(counts) => counts[self.place] += 1,
            None => {
                let mut counts = vec![0; self.census.loops].into_boxed_slice();
                counts[self.place] = 1;
                rooms.insert(room.into(), counts);
            }
        }
    }

    /// A member of a room that is a session of this loop has left.
    pub(super) fn left(&self, room: &str) {
        let mut rooms = self.census.write();
        let Some(counts) = rooms.get_mut(room) else { return };
        counts[self.place] -= 1;
        if counts.iter().all(|count| *count == 0) {
            rooms.remove(room);
        }
    }
}

impl Drop for Column {
    fn drop(&mut self) {
        self.census.write().retain(|_, counts| {
            counts[self.place] = 0;
            counts.iter().any(|count| *count > 0)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_counts_the_members_of_all_loops_and_is_gone_without_any() {
        let census = Arc::new(Census::new(3));
        let columns = [0, 2].map(|place| Column::new(Arc::clone(&census), place));
        for column in [&columns[0], &columns[0], &columns[1]] {
            column.joined("red");
        }
        columns[1].joined("blue");
        assert_eq!([0, 1, 2].map(|place| census.count_on(place, "red")), [2, 0, 1]);
        assert_eq!((columns[0].count_elsewhere("red"), columns[1].count_elsewhere("red")), (1, 2));
        assert_eq!((columns[0].count_elsewhere("none"), census.count_on(1, "none")), (0, 0));
        columns[0].left("red");
        columns[0].left("none");
        assert_eq!(columns[1].count_elsewhere("red"), 1);
        let [first, last] = columns;
        drop(last);
        assert_eq!((first.count_elsewhere("red"), census.read().len()), (0, 1), "the loop has ended");
        first.left("red");
        assert!(census.read().is_empty());
    }
}
