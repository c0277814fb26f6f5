use super::assert_fatal;
use crate::common::{V311, World};

// [MQTT-3.12.4-1]
#[test]
fn each_pingreq_is_answered_with_pingresp() {
    let mut client = World::new().connect(V311, "client").open();

    client.send_bytes(b"\xc0\0");
    assert_eq!(client.expect_bytes(), b"\xd0\0");
    client.send_bytes(b"\xc0\0\xc0\0\xc0\0");
    assert_eq!(client.expect_bytes(), b"\xd0\0\xd0\0\xd0\0");
}

// [MQTT-4.8.0-1]
#[test]
fn pingreq_with_a_body_closes_the_connection() {
    assert_fatal(b"\xc0\x01\0");
}
