use crate::config::value::{Range, Value, Written};

/// How a listener carries MQTT in WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocket {
    /// The path of its URL.
    pub path: WebSocketPath,
    /// Pages that may connect, by their origin; `*` is every page. Pages of the broker's own host
    /// and programs that are no pages always may.
    pub origins: Vec<String>,
    /// Bytes of one message, which may be one frame or several.
    pub message_bytes_max: u64,
}

/// The path of a URL, such as `/mqtt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketPath(pub String);

/// The longest message of WebSocket that may be allowed: far longer than any packet.
pub const MESSAGE_BYTES_MAX: u64 = 1_073_741_824;

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            path: WebSocketPath::default(),
            origins: Vec::new(),
            // The longest packet of MQTT with its header.
            message_bytes_max: 268_435_460,
        }
    }
}

impl Default for WebSocketPath {
    fn default() -> Self {
        Self("/mqtt".into())
    }
}

impl Value for WebSocketPath {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        let text = String::read(written, range)?;
        let plain = |c: char| c.is_ascii_graphic() && c != '?' && c != '#';
        match text.strip_prefix('/') {
            Some(rest) if rest.chars().all(plain) => Ok(Self(text)),
            _ => Err(written.instead_of("the path of a URL, as in \"/mqtt\"")),
        }
    }

    fn show(&self) -> String {
        self.0.show()
    }
}
