//! What happens when memory is short, and that it is over by itself.

use std::time::Instant;

use crate::broker::{Broker, DEADLINE};
use crate::client::{Client, UNAVAILABLE, connect, connect_v5};

const LISTENER: &str = "[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\n";
/// More than the broker has when it has nothing to do, and less than it is given to keep.
const MEMORY_MAX: usize = 150_000_000;
const PAYLOAD_BYTES: usize = 100_000;

#[test]
fn past_the_mark_nothing_new_is_taken_and_when_what_was_there_is_read_all_is_as_before() {
    let memory = format!("[limits]\nmemory_bytes_max = {MEMORY_MAX}\n");
    let queue = "[session]\nqueue_bytes_max = 1000000000\n[store]\ndurability = 'memory'\n";
    let broker = Broker::start(&format!("{LISTENER}{memory}{queue}"));
    let mut subscriber = Client::connect(1, broker.address(), "subscriber");
    subscriber.subscribe("t");
    let mut publisher = Client::connect_v5(2, broker.address(), "publisher");

    let taken = publish_until_refused(&mut publisher);

    broker.await_log("memory is short");
    let (_, answer) = Client::try_connect(3, broker.address(), &connect("new", None));
    assert_eq!(answer, UNAVAILABLE);
    let (_, answer) = Client::try_connect(3, broker.address(), &connect_v5("new"));
    assert_eq!(answer[3], 0x89, "Server busy");
    assert!(String::from_utf8_lossy(&answer).contains("retry-after-secs"));
    let line = broker.await_log("limits.memory_bytes_max is reached");
    assert!(line.contains("client=new") && line.contains("address=127.0.0.3:"), "{line}");

    for _ in 0..taken {
        assert_eq!(subscriber.receive().1.len(), PAYLOAD_BYTES, "what was taken is delivered");
    }
    broker.await_log("there is enough memory again");
    Client::connect(3, broker.address(), "new").ping();
    assert_eq!(publisher.publish("t", b"m"), 0);
}

fn publish_until_refused(publisher: &mut Client) -> usize {
    let begun = Instant::now();
    for taken in 0.. {
        assert!(begun.elapsed() < DEADLINE, "{taken} messages were taken");
        match publisher.publish("t", &[b'x'; PAYLOAD_BYTES]) {
            0 => {}
            reason => {
                assert_eq!(reason, 0x97, "Quota exceeded");
                return taken;
            }
        }
    }
    unreachable!()
}
