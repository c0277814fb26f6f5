//! What clients may do: rules against a naive reference, every place that asks them, the file of
//! Mosquitto, and the built broker.

#![allow(clippy::disallowed_methods, reason = "one story is told to a real broker in real time")]

mod built;
#[path = "../common/mod.rs"]
mod common;
mod mosquitto;
mod places;
#[path = "../common/process.rs"]
mod process;
mod reference;
mod reload;
