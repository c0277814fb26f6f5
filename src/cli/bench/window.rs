use crate::types::{PacketId, QoS};

/// The messages of one publisher that are still under way: not acknowledged, or not delivered to
/// everybody. Its bound is what keeps a broker from gaining by dropping.
///
/// A message's packet id follows from its number, as `number mod 65,535 + 1`.
pub struct Window {
    slots: Box<[Slot]>,
    /// All messages below are done.
    low: u64,
    /// The number of the next message.
    next: u64,
    limit: u64,
    unanswered: u64,
    /// Messages of QoS 1 and 2 that the broker takes unanswered.
    unanswered_max: u64,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// Copies that are to arrive.
    copies: u32,
    /// Those of them that are waited for.
    missing: u32,
    answered: bool,
}

/// The most that may be under way: two of them never share a packet id.
pub const IN_FLIGHT_MAX: usize = 32_768;

const IDS: u64 = 65_535;

impl Window {
    /// Up to `limit` messages under way, 1 to [`IN_FLIGHT_MAX`].
    pub fn new(limit: usize) -> Self {
        Self {
            slots: vec![Slot::default(); limit.next_power_of_two()].into(),
            low: 0,
            next: 0,
            limit: limit as u64,
            unanswered: 0,
            unanswered_max: u64::MAX,
        }
    }

    /// The broker's receive maximum.
    pub fn limit_unanswered(&mut self, receive_maximum: u16) {
        self.unanswered_max = receive_maximum.into();
    }

    /// How many messages may be sent now.
    pub fn room(&self) -> u64 {
        let free = self.limit - self.under_way();
        free.min(self.unanswered_max.saturating_sub(self.unanswered))
    }

    /// The most that [`Self::room`] can be.
    pub fn room_max(&self) -> u64 {
        self.limit.min(self.unanswered_max)
    }

    pub fn under_way(&self) -> u64 {
        self.next - self.low
    }

    /// The number that the next message gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes the next message, of which `copies` are to arrive: now, if that is what is waited for.
    /// There has to be room.
    pub fn send(&mut self, copies: u32, awaited: bool, qos: QoS) -> PacketId {
        let number = self.next;
        let answered = qos == QoS::AtMostOnce;
        self.unanswered += u64::from(!answered);
        let missing = if awaited { copies } else { 0 };
        *self.slot(number) = Slot { copies, missing, answered };
        self.next += 1;
        self.advance();
        PacketId::new((number % IDS) as u16 + 1).expect("one or more")
    }

    /// A copy of message `number` has arrived.
    pub fn handle_delivery(&mut self, number: u64) {
        if (self.low..self.next).contains(&number) {
            let slot = self.slot(number);
            slot.missing = slot.missing.saturating_sub(1);
            self.advance();
        }
    }

    /// PUBACK, PUBCOMP, or a PUBREC that refuses. Returns the copies that will not arrive then.
    pub fn handle_answer(&mut self, id: PacketId, refused: bool) -> u32 {
        let Some(number) = self.number_of(id) else { return 0 };
        let slot = self.slot(number);
        if slot.answered {
            return 0;
        }
        slot.answered = true;
        let voided = if refused { slot.copies } else { 0 };
        slot.missing -= slot.missing.min(voided);
        self.unanswered -= 1;
        self.advance();
        voided
    }

    /// Stops waiting for what is under way.
    pub fn give_up(&mut self) {
        self.low = self.next;
        self.unanswered = 0;
    }

    fn number_of(&self, id: PacketId) -> Option<u64> {
        let at = u64::from(id.get()) - 1;
        let number = self.low + (at + IDS - self.low % IDS) % IDS;
        (number < self.next).then_some(number)
    }

    fn advance(&mut self) {
        while self.low < self.next && self.slot(self.low).is_done() {
            self.low += 1;
        }
    }

    fn slot(&mut self, number: u64) -> &mut Slot {
        let mask = self.slots.len() - 1;
        &mut self.slots[number as usize & mask]
    }
}

impl Slot {
    fn is_done(&self) -> bool {
        self.missing == 0 && self.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use QoS::{AtLeastOnce, AtMostOnce};

    #[test]
    fn a_message_is_under_way_until_it_is_answered_and_delivered_to_all() {
        let mut window = Window::new(2);
        let id = window.send(2, true, AtLeastOnce);
        window.handle_delivery(0);
        window.handle_answer(id, false);
        assert_eq!(window.under_way(), 1);
        window.handle_delivery(0);
        assert_eq!(window.under_way(), 0);
    }

    #[test]
    fn there_is_room_up_to_the_limit() {
        let mut window = Window::new(3);
        for _ in 0..3 {
            window.send(1, true, AtMostOnce);
        }
        assert_eq!(window.room(), 0);
        window.handle_delivery(1);
        assert_eq!(window.room(), 0, "the oldest is still under way");
        window.handle_delivery(0);
        assert_eq!(window.room(), 2);
    }

    #[test]
    fn the_receive_maximum_counts_what_is_unanswered() {
        let mut window = Window::new(10);
        window.limit_unanswered(2);
        let first = window.send(0, true, AtLeastOnce);
        window.send(0, true, AtLeastOnce);
        assert_eq!(window.room(), 0);
        window.handle_answer(first, false);
        window.handle_answer(first, false);
        assert_eq!(window.room(), 1);
    }

    #[test]
    fn packet_ids_go_round() {
        let mut window = Window::new(4);
        for number in 0..200_000_u64 {
            let id = window.send(0, true, AtLeastOnce);
            assert_eq!(u64::from(id.get()), number % IDS + 1);
            assert_eq!(window.under_way(), 1);
            window.handle_answer(id, false);
            assert_eq!(window.under_way(), 0);
        }
    }

    #[test]
    fn an_answer_to_nothing_is_passed_over() {
        let mut window = Window::new(4);
        window.send(0, true, AtLeastOnce);
        window.handle_answer(PacketId::new(2).expect("not zero"), false);
        window.handle_delivery(1);
        assert_eq!(window.under_way(), 1);
    }

    #[test]
    fn a_refused_message_reaches_nobody() {
        let mut window = Window::new(4);
        let id = window.send(5, true, AtLeastOnce);
        assert_eq!(window.handle_answer(id, true), 5);
        assert_eq!(window.under_way(), 0);
        assert_eq!(window.handle_answer(id, true), 0, "once");
    }
}
