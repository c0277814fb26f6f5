use std::collections::VecDeque;

use super::direct::Unacknowledged;
use super::ring::Entry;

/// The room of queues that were emptied, for those that fill next. Queues fill and empty with each burst,
/// and many at once: to grow each of them anew would take longer than to fill it.
#[derive(Debug, Default)]
pub struct SpareRoom {
    pub(super) direct: Rooms<Unacknowledged>,
    pub(super) ring: Rooms<Entry>,
}

/// Empty queues.
#[derive(Debug)]
pub(super) struct Rooms<T> {
    rooms: Vec<VecDeque<T>>,
    entries: usize,
}

/// Bytes of room that are kept for messages of QoS 0, and for the others.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// The largest room that is kept, in messages: whoever gets it may need it for one.
const ROOM_MAX: usize = 128;

impl SpareRoom {
    /// Gives half of it back. To be called from time to time.
    pub fn shrink(&mut self) {
        self.direct.shrink();
        self.ring.shrink();
    }
}

impl<T> Rooms<T> {
    const ENTRIES_MAX: usize = BYTES_MAX / size_of::<T>();

    /// An empty queue, with room if there is any to spare.
    pub fn take(&mut self) -> VecDeque<T> {
        let room = self.rooms.pop().unwrap_or_default();
        self.entries -= room.capacity();
        room
    }

    /// Keeps the room of an empty queue, unless it is large or enough is kept.
    pub fn keep(&mut self, room: VecDeque<T>) {
        let kept = self.entries + room.capacity();
        let is_fit = room.is_empty() && (1..=ROOM_MAX).contains(&room.capacity());
        if is_fit && kept <= Self::ENTRIES_MAX {
            self.entries = kept;
            self.rooms.push(room);
        }
    }

    fn shrink(&mut self) {
        let left = self.entries / 2;
        while self.entries > left {
            self.take();
        }
        self.rooms.shrink_to_fit();
    }
}

impl<T> Default for Rooms<T> {
    fn default() -> Self {
        Self { rooms: Vec::new(), entries: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_for_the_next_up_to_its_limit() {
        let mut rooms = Rooms::<[u8; BYTES_MAX / 256]>::default();

        rooms.keep(VecDeque::with_capacity(ROOM_MAX));
        rooms.keep(VecDeque::with_capacity(ROOM_MAX));
        rooms.keep(VecDeque::with_capacity(1));

        assert_eq!([rooms.take().capacity(), rooms.take().capacity()], [ROOM_MAX; 2]);
        assert_eq!(rooms.take().capacity(), 0);
    }

    #[test]
    fn large_room_is_not_kept() {
        let mut rooms = Rooms::<u8>::default();
        rooms.keep(VecDeque::with_capacity(ROOM_MAX + 1));
        assert_eq!(rooms.take().capacity(), 0);
    }

    #[test]
    fn queues_that_are_in_use_or_never_were_are_no_room() {
        let mut rooms = Rooms::default();
        rooms.keep(VecDeque::from([1]));
        rooms.keep(VecDeque::new());
        assert_eq!(rooms.take().capacity(), 0);
    }

    #[test]
    fn all_room_is_given_back_in_the_end() {
        let mut rooms = Rooms::<u8>::default();
        (0..5).for_each(|_| rooms.keep(VecDeque::with_capacity(10)));

        rooms.shrink();
        assert_eq!(rooms.entries, 20);
        (0..3).for_each(|_| rooms.shrink());
        assert_eq!((rooms.entries, rooms.rooms.capacity()), (0, 0));
    }
}
