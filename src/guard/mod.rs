//! What holds against clients that want too much: counts, rates, bans and marks. Without IO and clock:
//! whoever asks says what time it is.

mod address_group;
mod addresses;
mod bans;
mod bucket;
mod high_water;
mod overload;
mod pace;
mod paces;
mod refusal;
mod report;
mod subject;
mod users;

pub use address_group::AddressGroup;
pub use addresses::{AddressLimits, Addresses, IDLE_ADDRESSES_MAX};
pub use bans::{Ban, BanRules, Bans};
pub use bucket::{Bucket, Rate};
pub use high_water::HighWater;
pub use overload::{LOOKS, Load, Overload, OverloadMarks};
pub use pace::{Pace, PaceLimits};
pub use paces::{AWAY_PUBLISHERS_MAX, PaceKey, Paces, Publisher};
pub use refusal::{Refusal, Refusals};
pub use report::GuardReport;
pub use subject::{NAME_BYTES_MAX, Offence, Subject};
pub use users::Users;
