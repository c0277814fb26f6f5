const SHORT_MAX: usize = 22;

/// The text of one topic level. A short one, as nearly all are, needs no allocation of its own.
pub(super) enum Level {
    Short { len: u8, bytes: [u8; SHORT_MAX] },
    Long(Box<[u8]>),
}

impl Level {
    pub(super) fn new(text: &[u8]) -> Self {
        if text.len() > SHORT_MAX {
            return Self::Long(text.into());
        }
        let mut bytes = [0; SHORT_MAX];
        bytes[..text.len()].copy_from_slice(text);
        Self::Short { len: text.len() as u8, bytes }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_come_back() {
        for len in [0, 1, SHORT_MAX, SHORT_MAX + 1, 65_535] {
            let text = vec![b'x'; len];
            let level = Level::new(&text);
            assert_eq!(level.as_bytes(), text);
            assert_eq!(matches!(level, Level::Short { .. }), len <= SHORT_MAX, "{len} bytes");
        }
    }
}
