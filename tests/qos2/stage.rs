use fulmar::codec::{Packet, Publish};
use fulmar::types::Protocol;

use crate::common::*;

/// What happens in the middle of a story, and in which version its client speaks.
#[derive(Clone, Copy)]
pub struct Stage {
    pub protocol: Protocol,
    pub between: Between,
}

#[derive(Clone, Copy)]
pub enum Between {
    /// The connection is lost.
    Reconnect,
    /// The broker dies, and another process goes on from its disk.
    Restart,
}

impl Stage {
    /// A client with a session that lasts, on its first or any later connection.
    pub fn connect(self, world: &World, id: &str) -> Connecting {
        world.connect(self.protocol, id).persistent()
    }

    /// The connection is lost, with or without the broker.
    pub fn part(self, world: &World, client: Client) {
        match self.between {
            Between::Reconnect => client.drop_link(),
            Between::Restart => world.crash(),
        }
    }

    /// The same, and the client is back.
    pub fn return_after(self, world: &World, id: &str, client: Client) -> Client {
        self.part(world, client);
        let client = self.connect(world, id).open();
        assert!(client.connack.session_present);
        client
    }
}

/// Makes a test of each story for each thing that may happen in the middle of it.
macro_rules! stories {
    ($($story:ident)*) => { $crate::stage::stories!(V5, V311: $($story)*); };
    ($($version:ident),*: $($story:ident)*) => {
        #[allow(non_snake_case)]
        mod reconnect { $crate::stage::stories!(@ Reconnect [$($version),*] [$($story)*]); }
        #[allow(non_snake_case)]
        mod restart { $crate::stage::stories!(@ Restart [$($version),*] [$($story)*]); }
    };
    (@ $between:ident [$($version:ident),*] $stories:tt) => {
        $($crate::stage::stories!(@@ $between $version $stories);)*
    };
    (@@ $between:ident $version:ident [$($story:ident)*]) => {
        mod $version {
            $(#[test] fn $story() {
                super::super::$story($crate::stage::Stage {
                    protocol: $crate::common::$version,
                    between: $crate::stage::Between::$between,
                });
            })*
        }
    };
}
pub(crate) use stories;

/// A PUBLISH of QoS 2 with this packet id to "t".
pub fn publish(id: u16, dup: bool, payload: &'static str) -> Packet<'static> {
    let packet_id = Some(packet_id(id));
    let message = message("t", payload.as_bytes(), ExactlyOnce);
    Packet::Publish(Publish { dup, packet_id, ..message })
}

/// Gets every message to "t", and outlives the broker.
pub fn watcher(world: &World) -> Client {
    let mut watcher = world.connect(V5, "watcher").persistent().open();
    if !watcher.connack.session_present {
        watcher.subscribe("t", ExactlyOnce);
    }
    watcher
}
