//! One suite for every engine behind the `Store` trait: what they all promise, and what those on
//! disk keep through restarts, kills, power cuts and damage.

mod contract;
mod copy;
mod crash;
mod damage;
mod disk;
mod engine;
mod full;
mod generator;
mod power;
mod random;
mod restart;
mod small_disk;
#[allow(dead_code, reason = "an engine alone has no sockets")]
mod trace;
