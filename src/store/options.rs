/// How an engine on disk is opened.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// What an applied batch survives.
    pub durability: Durability,
    /// Memory for pages that were read, an estimate: 16 to 64 MiB, what is outside is moved in.
    pub cache_bytes: u64,
    /// Writes that would leave less than this on the file system are refused; 0 refuses none.
    pub free_bytes_min: u64,
}

/// What an applied batch survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: it is synced to the disk.
    Disk,
    /// The end of the process however it comes, but not of the machine: the kernel has it.
    Os,
}

const MIB: u64 = 1024 * 1024;

impl EngineOptions {
    /// `cache_bytes` within its bounds.
    pub(super) fn cache_bytes(&self) -> u64 {
        self.cache_bytes.clamp(16 * MIB, 64 * MIB)
    }
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { durability: Durability::Disk, cache_bytes: 16 * MIB, free_bytes_min: 64 * MIB }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_keeps_within_its_bounds() {
        let cache = |cache_bytes| EngineOptions { cache_bytes, ..Default::default() }.cache_bytes();
        assert_eq!(cache(16 * MIB - 1), 16 * MIB);
        assert_eq!(cache(16 * MIB), 16 * MIB);
        assert_eq!(cache(64 * MIB), 64 * MIB);
        assert_eq!(cache(64 * MIB + 1), 64 * MIB);
    }
}
