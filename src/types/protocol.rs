use std::fmt;

/// The protocol version that a client asked for in CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// "MQIsdp", level 3: spoken by old devices, treated as 3.1.1 with its own name.
    V31,
    /// "MQTT", level 4.
    V311,
    /// "MQTT", level 5.
    V5,
}

impl Protocol {
    /// Whether packets carry properties and reason codes.
    pub const fn is_v5(self) -> bool {
        matches!(self, Self::V5)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5.0",
        })
    }
}
