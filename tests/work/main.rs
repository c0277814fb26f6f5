//! What a message costs, in work that can be counted: allocations, instructions and system calls. Time
//! depends on the machine and its other tenants; these hardly do. A bound is the figure of today and a fifth.

mod allocations;
#[path = "../common/mod.rs"]
mod common;
mod instructions;
mod pair;
mod path;
mod system_calls;

use parking_lot::Mutex;

/// The allocator counts for the whole process, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// QoS of the messages, and whether the sessions outlive their connections.
#[derive(Debug, Clone, Copy)]
struct Kind {
    qos: u8,
    persistent: bool,
}

const KINDS: [Kind; 5] = [
    Kind { qos: 0, persistent: false },
    Kind { qos: 1, persistent: false },
    Kind { qos: 2, persistent: false },
    Kind { qos: 1, persistent: true },
    Kind { qos: 2, persistent: true },
];
