//! Sockets: one driver for whatever carries bytes, and what its connections share.

mod accept;
mod clock;
mod dismiss;
mod doors;
mod driver;
mod entrance;
mod entropy;
mod files;
mod lock;
mod mistakes;
mod paused;
pub mod proxy;
mod pulse;
mod seats;
mod shared;
mod store_state;
mod tcp;
mod throttle;
pub mod tls;
mod unix;
mod wake;
pub mod websocket;

pub use accept::{ACCEPT_PAUSE, Listening, accept_all};
pub use clock::Clock;
pub use doors::{Admission, Door, DoorLimits, Doorkeeper, DoorkeeperSettings, Member, TurnedAway};
pub use driver::{Driver, FLUSH_TIME_MAX, LINGER_BYTES_MAX, LINGER_TIME_MAX, READ_BYTES};
pub use entrance::{Entrance, Stream};
pub use entropy::Entropy;
pub use files::{FileError, Stamp};
pub use mistakes::Mistakes;
pub use pulse::{Activity, Pulse};
pub use seats::{Seat, Seats};
pub use shared::{
    Link, PULL_BYTES_MAX, PULL_MESSAGES_MAX, Setup, Shared, TURNS_PER_VISIT, Traffic, Visit,
};
pub use tcp::{Keepalive, TcpOptions, bind};
pub use throttle::Throttle;
pub use unix::UnixSocket;
pub use wake::WakeCell;

use dismiss::dismiss;
