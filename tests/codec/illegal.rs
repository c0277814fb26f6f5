//! Packets that must be refused, each with the reason that the peer gets to hear. What was found
//! wrong is compared too, so that no packet is refused for another mistake than its own.

use fulmar::types::{Protocol, ReasonCode};

use super::{illegal_v3, illegal_v5, parsed};

/// Something that no packet may do, and packets that do it.
pub struct Rule {
    pub protocol: Protocol,
    pub reason: ReasonCode,
    pub what: &'static str,
    pub packets: &'static [(&'static str, &'static [u8])],
}

#[test]
fn illegal_packets_of_3_1_1_are_refused() {
    illegal_v3::RULES.iter().for_each(assert_refused);
}

#[test]
fn illegal_packets_of_5_0_are_refused() {
    illegal_v5::RULES.iter().for_each(assert_refused);
}

fn assert_refused(rule: &Rule) {
    for (story, bytes) in rule.packets {
        match parsed(bytes, rule.protocol) {
            Err(error) => {
                assert_eq!((error.reason, error.what), (rule.reason, rule.what), "{story}");
            }
            taken => panic!("{}: {story}: {taken:?}", rule.what),
        }
    }
}
