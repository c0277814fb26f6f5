use super::clock::Clock;
use super::error::Error;
use super::process::{Cpu, Process};
use super::report::Phase;

/// The processes that are looked at.
pub struct Meter {
    clock: Clock,
    broker: Option<Process>,
    own: Process,
}

/// What they had used when a phase began.
pub struct Begun {
    at_nanos: u64,
    count: u64,
    broker: Option<Cpu>,
    own: Cpu,
}

impl Meter {
    /// # Errors
    ///
    /// [`Error::Process`] if nothing is known of `pid`.
    pub fn new(clock: Clock, pid: Option<u32>) -> Result<Self, Error> {
        let broker = pid.map(Process::new).transpose()?;
        Ok(Self { clock, broker, own: Process::myself()? })
    }

    /// A phase begins, `count` units being done already.
    pub fn begin(&self, count: u64) -> Result<Begun, Error> {
        let broker = self.broker.as_ref().map(Process::cpu).transpose()?;
        Ok(Begun { at_nanos: self.clock.nanos(), count, broker, own: self.own.cpu()? })
    }

    /// It ends, `count` units being done.
    pub fn end(
        &self,
        begun: &Begun,
        count: u64,
        name: &'static str,
        unit: &'static str,
    ) -> Result<Phase, Error> {
        let now = self.begin(count)?;
        let broker = now.broker.as_ref().zip(begun.broker.as_ref());
        Ok(Phase {
            name,
            unit,
            count: count - begun.count,
            nanos: now.at_nanos - begun.at_nanos,
            broker_cpu_nanos: broker.map(|(now, begun)| now.since(begun)),
            own_cpu_nanos: now.own.since(&begun.own),
            latency: None,
        })
    }

    /// Bytes of the broker in RAM, if it is known which process it is.
    pub fn broker_bytes(&self) -> Result<Option<u64>, Error> {
        self.broker.as_ref().map(Process::resident_bytes).transpose()
    }
}
