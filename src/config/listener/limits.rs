use crate::config::value::{Range, Value, Written};

/// The limits of one listener.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ListenerLimits {
    /// Connections at one time, within `limits.connections_max`.
    pub connections_max: Own<usize>,
    /// Connections that have not had a CONNECT accepted, within `limits.unauthenticated_max`.
    pub unauthenticated_max: Own<usize>,
    /// Connections of one address on this listener; 0 for any number.
    pub connections_per_address_max: Own<u32>,
    /// Those of one address that have not had a CONNECT accepted; 0 for any number.
    pub unauthenticated_per_address_max: Own<u32>,
    /// New connections of one address in a minute; 0 for any number.
    pub connects_per_minute_per_address: Own<u32>,
    /// New connections of one address that may come at once.
    pub connects_burst_per_address: Own<u32>,
    /// PUBLISH packets of one client in a second; 0 for any number.
    pub publish_messages_per_second: Own<u32>,
    /// Bytes of messages that one client publishes in a second; 0 for any number.
    pub publish_bytes_per_second: Own<u64>,
    /// Bytes of one packet; a client that sends a longer one is disconnected.
    pub packet_bytes_max: Own<u32>,
}

/// A value of a listener's own, or none: then the common one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own<T>(pub Option<T>);

impl<T> Default for Own<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Own<T> {
    /// The value that holds, where `common` is what all listeners have.
    pub fn or(self, common: T) -> T {
        self.0.unwrap_or(common)
    }
}

impl ListenerLimits {
    /// Whether addresses are counted on this listener alone.
    pub fn counts_addresses(&self) -> bool {
        self.connections_per_address_max.0.is_some()
            || self.unauthenticated_per_address_max.0.is_some()
            || self.connects_per_minute_per_address.0.is_some()
            || self.connects_burst_per_address.0.is_some()
    }
}

impl<T: Value> Value for Own<T> {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        match written {
            Written::Text("common") => Ok(Self(None)),
            Written::Text(_) => match T::read(written, range) {
                Ok(own) => Ok(Self(Some(own))),
                Err(_) => Err(written.instead_of(&Self::allowed(range))),
            },
            _ => Ok(Self(Some(T::read(written, range)?))),
        }
    }

    fn show(&self) -> String {
        self.0.as_ref().map_or_else(|| "\"common\"".into(), T::show)
    }

    fn allowed(range: &Range) -> String {
        format!("\"common\", or {}", T::allowed(range))
    }
}
