//! A broker that is killed and goes on from its journal: what the journal says is what the broker
//! has, and what a restart may not lose is still there.

#[path = "../common/mod.rs"]
mod common;

mod history;
mod levels;
mod reading;
mod stories;
