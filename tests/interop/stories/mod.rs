//! One story a test; those of both protocol versions are played once with each.

use crate::stage::Stage;

mod keep_alive;
mod mqttjs;
mod paho;
mod properties;
mod publish;
mod retained;
mod rumqttc_burst;
mod session;
mod shared;
mod shutdown;
mod sys;
mod will;

/// Makes a test for 3.1.1 and one for 5.0 of each `fn story(stage, protocol)`.
macro_rules! both_versions {
    ($($story:ident),+ $(,)?) => {
        mod v311 {
            $(#[test] fn $story() {
                crate::stories::with_stage(|stage| super::$story(stage, "mqttv311"));
            })+
        }
        mod v5 {
            $(#[test] fn $story() {
                crate::stories::with_stage(|stage| super::$story(stage, "mqttv5"));
            })+
        }
    };
}
use both_versions;

/// Plays `story` with a fresh broker, unless this run skips the suite.
fn with_stage(story: impl FnOnce(&mut Stage)) {
    if let Some(mut stage) = Stage::open() {
        story(&mut stage);
    }
}
