//! The rules of QoS 2 that brokers are known to break, a file for each. Every story is told across a
//! lost connection and across the death of the broker, in both versions where they differ.

#[path = "../common/mod.rs"]
mod common;
mod stage;

mod dup_on_every_resend;
mod dup_that_was_never_seen;
mod expiry_during_an_exchange;
mod lower_receive_maximum;
mod oversize_message_in_the_queue;
mod pubcomp_0x92_on_resume;
mod pubrel_owed_after_resume;
mod same_id_in_both_directions;
mod second_publish_before_pubrel;
