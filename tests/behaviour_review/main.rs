//! What came out of reading the broker as an attacker would, and as somebody whose messages were
//! lost: each test tells how it could have gone wrong.

mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod delivery;
mod journal;
mod rig;
mod time;
mod walk;
