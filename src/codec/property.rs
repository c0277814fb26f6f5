/// One property of MQTT 5, section 2.2.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Property;

/// The properties in `bytes`, in order.
pub fn properties(_bytes: &[u8]) {}
