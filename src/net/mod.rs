//! Sockets: one driver for whatever carries bytes, and what its connections share.

mod clock;
mod driver;
mod entropy;
mod mistakes;
mod paused;
mod pulse;
mod seats;
mod shared;
mod store_state;
mod tcp;
mod throttle;
mod wake;

pub use clock::Clock;
pub use driver::{Driver, FLUSH_TIME_MAX, LINGER_BYTES_MAX, LINGER_TIME_MAX, Peer, READ_BYTES};
pub use entropy::Entropy;
pub use mistakes::Mistakes;
pub use pulse::{Activity, Pulse};
pub use seats::{Seat, Seats};
pub use shared::{Link, PULL_BYTES_MAX, PULL_MESSAGES_MAX, Setup, Shared, Traffic, Visit};
pub use tcp::{ACCEPT_PAUSE, Keepalive, TcpOptions, accept_all, bind};
pub use throttle::Throttle;
pub use wake::WakeCell;
