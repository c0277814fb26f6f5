//! How much memory there is, and how much of it the process has. Linux says both in files.

use std::fs;
use std::path::Path;

const KIB: u64 = 1024;

/// Bytes that the process has for itself alone, in memory or swapped out.
///
/// That is what the kernel counts when it looks for a process to kill, and what no count of our own
/// sees as a whole: half-read packets, the state of TLS, what the allocator keeps. Pages of files are
/// left out: the kernel takes them back when it needs them.
pub fn used_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(kib(&status, "RssAnon:")? + kib(&status, "VmSwap:").unwrap_or(0))
}

/// Bytes that the process can have: all memory of the machine, or less where its control group, or
/// one around that, has less.
pub fn total_bytes() -> Option<u64> {
    let machine = kib(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(limits_of(&groups, Path::new("/sys/fs/cgroup")).fold(machine, u64::min))
}

/// What `memory.max` of the unified hierarchy says, from the process's own group upward.
fn limits_of<'a>(groups: &'a str, root: &'a Path) -> impl Iterator<Item = u64> + 'a {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = own.map(Path::new).into_iter().flat_map(Path::ancestors);
    own.filter_map(move |group| {
        let text = fs::read_to_string(root.join(group).join("memory.max")).ok()?;
        text.trim().parse().ok()
    })
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib.saturating_mul(KIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_some_memory_and_not_all_of_it() {
        let (used, total) = (used_bytes().expect("Linux"), total_bytes().expect("Linux"));

        assert!(used > 0 && used < total, "{used} of {total}");
    }

    #[test]
    fn what_has_been_allocated_is_seen() {
        let before = used_bytes().expect("Linux");
        let held = vec![1_u8; 64 * 1024 * 1024];

        let after = used_bytes().expect("Linux");

        assert!(after > before + 32 * 1024 * 1024, "{before}, then {after}");
        drop(held);
    }

    #[test]
    fn the_tightest_group_around_the_process_counts() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let own = root.path().join("system.slice/fulmar.service");
        fs::create_dir_all(&own).expect("made");
        fs::write(own.join("memory.max"), "max\n").expect("written");
        fs::write(root.path().join("system.slice/memory.max"), "1000\n").expect("written");

        let limits: Vec<u64> =
            limits_of("1:name=x:/y\n0::/system.slice/fulmar.service\n", root.path()).collect();

        assert_eq!(limits, [1000]);
    }
}
