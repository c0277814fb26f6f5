//! Who a client is: the built broker with each source of credentials, what clients see of it and what
//! its log says.

mod broker;
mod chain;
mod client;
mod command;
mod http;
mod keys;
mod paho;
mod passwords;
mod scram;
mod storm;
mod tokens;
