//! MQTT in WebSocket: the opening, and a stream of bytes over binary frames.

mod frames;
mod stream;
mod upgrade;

pub use frames::{Frames, Violation, Wish};
pub use stream::{FRAME_BYTES_MAX, WebSocket};
pub use upgrade::{REQUEST_BYTES_MAX, UpgradeError, upgrade};
