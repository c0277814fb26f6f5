//! The normative statements of the standards, one by one: above each test stand those that it would
//! see violated.

#[path = "../common/mod.rs"]
mod common;
mod v311;
mod v5;
mod websocket;
