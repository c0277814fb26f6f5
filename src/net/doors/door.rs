use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Doorkeeper;
use crate::connection::Limits;
use crate::guard::{AddressGroup, AddressLimits, Addresses, Load, PaceLimits, Refusal};
use crate::net::Seats;

/// The way in by one listener: what it allows, within what all listeners allow together.
pub struct Door {
    pub(super) keeper: Arc<Doorkeeper>,
    /// Of this listener, where it has a limit of its own.
    pub(super) connections: Option<Seats>,
    pub(super) unauthenticated: Option<Seats>,
    /// That of all listeners together, or its own; none where nothing is limited for one address.
    pub(super) addresses: Option<Arc<Mutex<Addresses>>>,
    pub(super) pace: PaceLimits,
    pub(super) connection: Arc<Limits>,
}

/// The numbers of a [`Door`].
#[derive(Debug, Clone, Default)]
pub struct DoorLimits {
    /// Connections; `None`: only those of all listeners together are limited.
    pub connections_max: Option<usize>,
    /// Connections whose CONNECT has not been accepted; `None` as above.
    pub unauthenticated_max: Option<usize>,
    /// For each address on this listener alone; `None`: on all listeners together.
    pub address: Option<AddressLimits>,
    /// For each client.
    pub pace: PaceLimits,
    /// What each connection announces and is held to.
    pub connection: Arc<Limits>,
}

/// The right to have a socket open. What it counted is given back when it is dropped.
pub struct Admission {
    door: Arc<Door>,
    /// Whose place among the addresses this has.
    group: Option<AddressGroup>,
    is_authenticated: bool,
    is_bare: bool,
}

impl Door {
    /// Lets a socket in, if there is room. Nothing is allocated for one that is not, and no task begins.
    ///
    /// Without an `address`, what counts by address is left to [`Admission::introduce`].
    ///
    /// # Errors
    ///
    /// The limit that is reached; that is counted.
    pub fn admit(self: &Arc<Self>, address: Option<SocketAddr>) -> Result<Admission, Refusal> {
        let mut admission = self.take_seats().inspect_err(|refusal| self.count(*refusal))?;
        admission.introduce(address)?;
        Ok(admission)
    }

    fn take_seats(self: &Arc<Self>) -> Result<Admission, Refusal> {
        if self.keeper.load() == Load::Closed {
            return Err(Refusal::Overload);
        }
        let all = [
            (Some(&self.keeper.connections), Refusal::Connections),
            (self.connections.as_ref(), Refusal::ListenerConnections),
            (Some(&self.keeper.unauthenticated), Refusal::Unauthenticated),
            (self.unauthenticated.as_ref(), Refusal::ListenerUnauthenticated),
        ];
        let full = all.iter().position(|(seats, _)| seats.is_some_and(|seats| !seats.enter()));
        let Some(full) = full else {
            return Ok(Admission {
                door: Arc::clone(self),
                group: None,
                is_authenticated: false,
                is_bare: false,
            });
        };
        all[..full].iter().filter_map(|(seats, _)| *seats).for_each(Seats::leave);
        Err(all[full].1)
    }

    fn count(&self, refusal: Refusal) {
        self.keeper.counters.refuse(refusal);
    }

    fn leave_unauthenticated(&self) {
        self.keeper.unauthenticated.leave();
        self.unauthenticated.iter().for_each(Seats::leave);
    }
}

impl Admission {
    /// The socket is that of a peer at `address`, which may be known only now.
    ///
    /// # Errors
    ///
    /// The limit that is reached; that is counted.
    pub fn introduce(&mut self, address: Option<SocketAddr>) -> Result<(), Refusal> {
        let keeper = &self.door.keeper;
        let Some(group) = keeper.group(address) else { return Ok(()) };
        let admitted = match (keeper.bans_address(group), &self.door.addresses) {
            (true, _) => Err(Refusal::Banned),
            (false, None) => return Ok(()),
            (false, Some(addresses)) => addresses.lock().admit(group, keeper.clock.now()),
        };
        admitted.inspect_err(|refusal| self.door.count(*refusal))?;
        self.group = Some(group);
        Ok(())
    }

    /// The CONNECT that came over the socket was accepted.
    pub fn handle_authenticated(&mut self) {
        if std::mem::replace(&mut self.is_authenticated, true) {
            return;
        }
        self.door.leave_unauthenticated();
        if let (Some(group), Some(addresses)) = (self.group, &self.door.addresses)
            && !addresses.lock().handle_authenticated(group, self.door.keeper.clock.now())
        {
            self.group = None;
        }
    }

    /// Nothing stands between the socket and MQTT. TLS and WebSocket say goodbye in their own words,
    /// and those of the client would find a socket that is closed.
    pub fn set_bare(&mut self) {
        self.is_bare = true;
    }

    /// Whether nothing stands between the socket and MQTT.
    pub fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// How fast its client may publish.
    pub fn pace(&self) -> PaceLimits {
        self.door.pace
    }

    /// What its connection announces and is held to.
    pub fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.door.connection)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let Door { keeper, connections, addresses, .. } = &*self.door;
        keeper.connections.leave();
        connections.iter().for_each(Seats::leave);
        if !self.is_authenticated {
            self.door.leave_unauthenticated();
        }
        if let (Some(group), Some(addresses)) = (self.group, addresses) {
            addresses.lock().leave(group, self.is_authenticated, keeper.clock.now());
        }
    }
}

#[cfg(test)]
#[path = "tests/door.rs"]
mod tests;
