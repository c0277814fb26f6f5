use std::fs;
use std::io;

use super::error::Error;

/// What the system knows of a process on this machine: `/proc`, so Linux only.
#[derive(Debug)]
pub struct Process {
    pid: u32,
}

/// Processor time used so far.
#[derive(Debug, Clone)]
pub struct Cpu {
    /// By the accounting of the process, which is exact to a tick.
    ticks: u64,
    /// By its threads, to the nanosecond; those that ended are missing.
    threads: Vec<(u32, u64)>,
}

/// The kernel shows processor time in hundredths of a second, whatever it counts in.
const TICK_NANOS: u64 = 10_000_000;

impl Process {
    /// # Errors
    ///
    /// [`Error::Process`] if nothing is known of it.
    pub fn new(pid: u32) -> Result<Self, Error> {
        let process = Self { pid };
        process.cpu()?;
        process.resident_bytes()?;
        Ok(process)
    }

    pub fn myself() -> Result<Self, Error> {
        Self::new(std::process::id())
    }

    /// # Errors
    ///
    /// [`Error::Process`], when it has ended.
    pub fn cpu(&self) -> Result<Cpu, Error> {
        let ticks = self.read("stat", parse_ticks)?;
        let tasks = fs::read_dir(self.path("task")).map_err(|cause| self.error(cause))?;
        let ids = tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok());
        let threads = ids.filter_map(|id| Some((id, self.thread_nanos(id)?))).collect();
        Ok(Cpu { ticks, threads })
    }

    /// Bytes of its memory that are in RAM.
    ///
    /// # Errors
    ///
    /// [`Error::Process`], when it has ended.
    pub fn resident_bytes(&self) -> Result<u64, Error> {
        self.read("status", parse_resident)
    }

    /// A kernel without scheduler statistics has none.
    fn thread_nanos(&self, id: u32) -> Option<u64> {
        let path = self.path(&format!("task/{id}/schedstat"));
        fs::read_to_string(path).ok()?.split(' ').next()?.parse().ok()
    }

    fn read(&self, file: &str, parse: fn(&str) -> Option<u64>) -> Result<u64, Error> {
        let text = fs::read_to_string(self.path(file)).map_err(|cause| self.error(cause))?;
        parse(&text).ok_or_else(|| self.error(io::ErrorKind::InvalidData.into()))
    }

    fn path(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.pid)
    }

    fn error(&self, cause: io::Error) -> Error {
        Error::Process { pid: self.pid, cause }
    }
}

impl Cpu {
    /// Nanoseconds used since `earlier`: by the threads, unless one of them has ended in between.
    pub fn since(&self, earlier: &Self) -> u64 {
        let of = |id: &u32| Some(self.threads.iter().find(|(other, _)| other == id)?.1);
        let all_live = earlier.threads.iter().all(|(id, _)| of(id).is_some());
        if self.threads.is_empty() || !all_live {
            return (self.ticks - earlier.ticks) * TICK_NANOS;
        }
        let sum = |cpu: &Self| cpu.threads.iter().map(|(_, nanos)| nanos).sum::<u64>();
        sum(self).saturating_sub(sum(earlier))
    }
}

/// User and system time, the 14th and 15th field; the 2nd may hold any character.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(field()? + field()?)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_brackets_does_not_mislead() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";
        assert_eq!(parse_ticks(stat), Some(42));
        assert_eq!(parse_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(parse_resident("VmHWM:\t 9 kB\nVmRSS:\t    12 kB\n"), Some(12 * 1024));
        assert_eq!(parse_resident("Name:\tx\n"), None);
    }

    #[test]
    fn a_thread_that_ended_leaves_the_ticks() {
        let earlier = Cpu { ticks: 5, threads: vec![(1, 100), (2, 100)] };
        let all = Cpu { ticks: 6, threads: vec![(1, 150), (2, 100), (3, 7)] };
        assert_eq!(all.since(&earlier), 57);
        let fewer = Cpu { ticks: 6, threads: vec![(1, 150)] };
        assert_eq!(fewer.since(&earlier), TICK_NANOS);
    }

    #[test]
    fn no_process_is_an_error() {
        assert!(matches!(Process::new(u32::MAX), Err(Error::Process { .. })));
    }
}
