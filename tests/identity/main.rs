//! Who a client is: the built broker with each source of credentials, what clients see of it and what
//! its log says.

#![allow(clippy::disallowed_methods, reason = "a real broker in real time")]

mod access;
mod broker;
mod chain;
mod client;
mod command;
mod http;
mod https;
mod keys;
mod paho;
mod passwords;
#[path = "../common/process.rs"]
mod process;
mod scram;
mod storm;
mod tokens;
mod topics;
#[path = "../common/wire.rs"]
mod wire;
