use std::io::Write;

/// Says each second on standard error how far a phase is.
pub struct Progress {
    quiet: bool,
    phase: &'static str,
    unit: &'static str,
    began_nanos: u64,
    told_nanos: u64,
    told_count: u64,
}

const SECOND: u64 = 1_000_000_000;

impl Progress {
    pub fn new(quiet: bool, phase: &'static str, unit: &'static str, now_nanos: u64) -> Self {
        let (began_nanos, told_nanos) = (now_nanos, now_nanos);
        Self { quiet, phase, unit, began_nanos, told_nanos, told_count: 0 }
    }

    /// `count` units were done before.
    pub fn skip_to(&mut self, count: u64) {
        self.told_count = count;
    }

    /// `count` units are done by `now_nanos`.
    pub fn tick(&mut self, count: u64, now_nanos: u64) {
        let passed = now_nanos - self.told_nanos;
        if passed < SECOND {
            return;
        }
        let rate = (count - self.told_count.min(count)) as f64 / (passed as f64 / 1e9);
        self.told_nanos = now_nanos;
        self.told_count = count;
        if !self.quiet {
            let secs = (now_nanos - self.began_nanos) / SECOND;
            let Self { phase, unit, .. } = self;
            // Whoever closed standard error does not want to know.
            let _ = writeln!(std::io::stderr(), "{secs:>5} s  {phase}: {rate:.0} {unit}s/s");
        }
    }
}
