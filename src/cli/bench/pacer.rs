use std::io;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::network::TIMER;

/// An open loop: when each message is to be sent, whatever became of those before it.
pub struct Pacer {
    schedule: Schedule,
    /// The event loop's own timeouts are too coarse.
    timer: OwnedFd,
    /// What the timer is set to.
    wake_nanos: u64,
}

/// Message `n` of all publishers is due `n / rate` seconds after the start; they take turns.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub start_nanos: u64,
    pub rate: u32,
    pub publishers: u32,
}

impl Pacer {
    pub fn new(schedule: Schedule, registry: &Registry) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self { schedule, timer, wake_nanos: 0 })
    }

    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Ends the wait for events at `due_nanos`, which is after `now_nanos`.
    pub fn wake_at(&mut self, due_nanos: u64, now_nanos: u64) -> io::Result<()> {
        if self.wake_nanos == due_nanos {
            return Ok(());
        }
        self.wake_nanos = due_nanos;
        let nanos = due_nanos.saturating_sub(now_nanos).max(1);
        let it_value = Timespec::try_from(Duration::from_nanos(nanos))
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

impl Schedule {
    /// When message `number` of publisher `stream` is due, in nanoseconds of the generator's clock.
    pub fn due_nanos(self, stream: u32, number: u64) -> u64 {
        let n = u128::from(number) * u128::from(self.publishers) + u128::from(stream);
        let after = n * 1_000_000_000 / u128::from(self.rate);
        self.start_nanos.saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
    }

    /// The publisher whose turn it is with the `n`th message of all, and when.
    pub fn turn(self, n: u64) -> (u32, u64) {
        let stream = (n % u64::from(self.publishers)) as u32;
        (stream, self.due_nanos(stream, n / u64::from(self.publishers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_take_turns_at_the_rate_of_all() {
        let schedule = Schedule { start_nanos: 100, rate: 1_000_000, publishers: 2 };
        let turns: Vec<(u32, u64)> = (0..4).map(|n| schedule.turn(n)).collect();
        assert_eq!(turns, [(0, 100), (1, 1_100), (0, 2_100), (1, 3_100)]);
        assert_eq!(schedule.due_nanos(1, 1), 3_100);
    }

    #[test]
    fn rounding_does_not_add_up() {
        let schedule = Schedule { start_nanos: 0, rate: 3, publishers: 1 };
        assert_eq!(schedule.due_nanos(0, 3_000_000), 1_000_000_000_000_000);
    }
}
