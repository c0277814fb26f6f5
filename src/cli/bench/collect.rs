use super::clock::nanos;
use super::crowd::{Crowd, SILENCE, Waited};
use super::error::Error;
use super::measure::Meter;
use super::progress::Progress;
use super::report::Phase;
use super::state::Manner;

/// The subscribers connect and take all that waits for them. What is silent for long is lost, and
/// counted so.
pub fn collect(crowd: &mut Crowd, meter: &Meter, name: &'static str) -> Result<Phase, Error> {
    let manner = Manner::of(&crowd.state.settings);
    let now = crowd.state.clock.nanos();
    let mut progress = Progress::new(crowd.state.settings.quiet, name, "message", now);
    let begun = meter.begin(0)?;
    crowd.open(crowd.state.subscribers(), manner)?;
    let waited = crowd.run_until(|crowd| {
        let counts = crowd.state.tally.counts;
        progress.tick(counts.delivered, crowd.state.clock.nanos());
        Ok(counts.lost() == 0)
    })?;
    let mut phase = meter.end(&begun, crowd.state.tally.counts.delivered, name, "message")?;
    if waited == Waited::Silence {
        phase.nanos -= nanos(SILENCE).min(phase.nanos);
    }
    Ok(phase)
}
