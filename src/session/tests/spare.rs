use super::*;

#[test]
fn a_queue_that_a_burst_has_left_empty_leaves_its_room() {
    let (mut outbound, mut spare) = (Outbound::default(), SpareRoom::default());
    for qos in [0, 1] {
        offer(&mut outbound, "a", qos);
    }
    let (_, ack) = (poll(&mut outbound), publish(&mut outbound).id.expect("QoS 1"));

    outbound.handle_puback(ack).expect("in flight");
    outbound.trim_into(&mut spare);
    outbound.leave_room(&mut spare);

    assert!(spare.direct.take().capacity() > 0);
    assert!(spare.ring.take().capacity() > 0);
}
