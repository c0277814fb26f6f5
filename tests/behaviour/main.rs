//! What the standard leaves open and users rely on: how things stay bounded, in time and on disk,
//! and where clients find what they know from Mosquitto.

mod backlog;
mod bounds;
mod bursts;
#[path = "../common/mod.rs"]
mod common;
mod delivery;
mod full;
mod held_up;
mod journal;
mod lock;
mod mosquitto;
mod rig;
mod scarce;
mod time;
mod walk;
