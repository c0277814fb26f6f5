//! `fulmar store` and the start of a broker, on stores that are whole, damaged or in use: through the
//! binary, on both engines.

#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

mod commands;
#[path = "../engines/copy.rs"]
mod copy;
mod damage;
mod fixture;
mod in_use;
mod transfer;
