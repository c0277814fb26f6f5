use std::fmt::Write;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::settings::Settings;
use super::tally::Counts;

/// What came of a run.
pub struct Report {
    pub workload: &'static str,
    pub version: String,
    pub qos: u8,
    pub payload_bytes: usize,
    pub persistent: bool,
    pub tls: bool,
    pub subscribers: usize,
    pub publishers: usize,
    pub phases: Vec<Phase>,
    /// Of all phases, warming up included; runs without messages have none.
    pub counts: Option<Counts>,
    pub memory: Option<Memory>,
}

/// A stretch of time that was measured.
pub struct Phase {
    pub name: &'static str,
    /// What is counted: messages or connections.
    pub unit: &'static str,
    pub count: u64,
    pub nanos: u64,
    pub broker_cpu_nanos: Option<u64>,
    pub own_cpu_nanos: u64,
    pub latency: Option<Latency>,
}

/// Nanoseconds from when a message was sent, or was to be sent, until it came.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// Bytes of the broker in RAM.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub before: u64,
    /// As far as was looked: when there was most to hold.
    pub most: u64,
    /// Grown by so much for each connection.
    pub per_connection: Option<u64>,
}

impl Latency {
    /// `None` if nothing was recorded.
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| histogram.value_at_quantile(quantile);
        (!histogram.is_empty()).then(|| Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
        })
    }
}

impl Memory {
    /// `None` if it is not known which process the broker is.
    pub fn of(before: Option<u64>, after: Option<u64>) -> Option<Self> {
        let (before, after) = before.zip(after)?;
        Some(Self { before, most: after.max(before), per_connection: None })
    }
}

impl Phase {
    pub fn per_sec(&self) -> f64 {
        self.count as f64 * 1e9 / self.nanos.max(1) as f64
    }

    /// Microseconds of the broker's processor time for each unit.
    pub fn broker_micros(&self) -> Option<f64> {
        self.per_unit(self.broker_cpu_nanos?)
    }

    /// The same of the generator.
    pub fn own_micros(&self) -> Option<f64> {
        self.per_unit(self.own_cpu_nanos)
    }

    fn per_unit(&self, cpu_nanos: u64) -> Option<f64> {
        (self.count > 0).then(|| cpu_nanos as f64 / 1e3 / self.count as f64)
    }

    fn json(&self) -> Value {
        let latency = self.latency.map(|it| {
            json!({ "p50": it.p50, "p90": it.p90, "p99": it.p99, "p99.9": it.p999, "max": it.max })
        });
        json!({
            "name": self.name,
            "unit": self.unit,
            "count": self.count,
            "secs": self.nanos as f64 / 1e9,
            "per_sec": self.per_sec(),
            "broker_cpu_secs": self.broker_cpu_nanos.map(|nanos| nanos as f64 / 1e9),
            "broker_cpu_micros_each": self.broker_micros(),
            "generator_cpu_micros_each": self.own_micros(),
            "latency_nanos": latency,
        })
    }

    fn table(&self, out: &mut String) {
        let Self { name, unit, count, .. } = self;
        let secs = self.nanos as f64 / 1e9;
        line(out, name, format!("{:.0} {unit}s/s ({count} in {secs:.2} s)", self.per_sec()));
        if let Some(Latency { p50, p90, p99, p999, max }) = self.latency {
            let ms = |nanos: u64| nanos as f64 / 1e6;
            let [p50, p90, p99, p999, max] = [p50, p90, p99, p999, max].map(ms);
            let text =
                format!("{p50:.3} ms, p90 {p90:.3}, p99 {p99:.3}, p99.9 {p999:.3}, most {max:.3}");
            line(out, "  latency p50", text);
        }
        if let Some((micros, nanos)) = self.broker_micros().zip(self.broker_cpu_nanos) {
            let share = nanos as f64 * 100.0 / self.nanos.max(1) as f64;
            line(out, "  broker", format!("{micros:.3} µs each ({share:.0} % of a core)"));
        }
        if let Some(micros) = self.own_micros() {
            line(out, "  generator", format!("{micros:.3} µs each"));
        }
    }
}

impl Report {
    /// Without phases, of clients as many as stand in it.
    pub fn new(workload: &'static str, settings: &Settings, clients: (usize, usize)) -> Self {
        Self {
            workload,
            version: settings.version.to_string(),
            qos: settings.qos.bits(),
            payload_bytes: settings.payload_len,
            persistent: settings.persistent,
            tls: settings.tls.is_some(),
            subscribers: clients.0,
            publishers: clients.1,
            phases: Vec::new(),
            counts: None,
            memory: None,
        }
    }

    /// For machines, in one line.
    pub fn json(&self) -> String {
        let counts = self.counts.map(|it| {
            json!({
                "published": it.published,
                "expected": it.expected,
                "delivered": it.delivered,
                "lost": it.lost(),
                "duplicated": it.duplicated,
                "reordered": it.reordered,
                "refused": it.refused,
                "foreign": it.foreign,
            })
        });
        let memory = self.memory.map(|it| {
            json!({
                "before_bytes": it.before,
                "most_bytes": it.most,
                "bytes_per_connection": it.per_connection,
            })
        });
        let report = json!({
            "workload": self.workload,
            "version": self.version,
            "qos": self.qos,
            "payload_bytes": self.payload_bytes,
            "persistent": self.persistent,
            "tls": self.tls,
            "subscribers": self.subscribers,
            "publishers": self.publishers,
            "phases": self.phases.iter().map(Phase::json).collect::<Vec<_>>(),
            "counts": counts,
            "memory": memory,
        });
        format!("{report}\n")
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let sessions = if self.persistent { "persistent" } else { "clean" };
        let Self { version, qos, payload_bytes, .. } = self;
        let tls = if self.tls { ", TLS" } else { "" };
        let what =
            format!("MQTT {version}, QoS {qos}, {payload_bytes} B, {sessions} sessions{tls}");
        line(&mut out, self.workload, what);
        let who = format!("{} subscribers, {} publishers", self.subscribers, self.publishers);
        line(&mut out, "clients", who);
        self.phases.iter().for_each(|phase| phase.table(&mut out));
        if let Some(counts) = self.counts {
            counts_table(counts, &mut out);
        }
        if let Some(memory) = self.memory {
            memory_table(memory, &mut out);
        }
        out
    }
}

fn counts_table(counts: Counts, out: &mut String) {
    let Counts { expected, delivered, duplicated, reordered, refused, foreign, .. } = counts;
    line(out, "delivered", format!("{delivered} of {expected} expected"));
    let faults = format!("{} / {duplicated} / {reordered}", counts.lost());
    line(out, "lost/dup/reordered", faults);
    if refused + foreign > 0 {
        line(out, "refused/foreign", format!("{refused} / {foreign}"));
    }
}

fn memory_table(memory: Memory, out: &mut String) {
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    let text = format!("{:.1} MiB before, {:.1} at most", mib(memory.before), mib(memory.most));
    line(out, "broker memory", text);
    if let Some(bytes) = memory.per_connection {
        line(out, "  per connection", format!("{bytes} bytes"));
    }
}

fn line(out: &mut String, name: &str, text: String) {
    writeln!(out, "{name:<20}{text}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_get_every_figure_by_its_name() {
        let report: Value = serde_json::from_str(&report().json()).expect("JSON");

        assert_eq!(report["phases"][0]["per_sec"], 500.0);
        assert_eq!(report["phases"][0]["broker_cpu_micros_each"], 2.0);
        assert_eq!(report["phases"][0]["latency_nanos"]["p99"], 3);
        assert_eq!(report["counts"]["lost"], 1);
        assert_eq!(report["memory"]["bytes_per_connection"], Value::Null);
    }

    #[test]
    fn people_get_a_table() {
        let table = report().table();
        for expected in [
            "pub-sub             MQTT 5.0, QoS 1, 64 B, clean sessions\n",
            "measured            500 messages/s (1000 in 2.00 s)\n",
            "  broker            2.000 µs each (0 % of a core)\n",
            "lost/dup/reordered  1 / 0 / 2\n",
        ] {
            assert!(table.contains(expected), "{table}");
        }
    }

    fn report() -> Report {
        let counts = Counts { expected: 10, delivered: 9, reordered: 2, ..Counts::default() };
        Report {
            workload: "pub-sub",
            version: "5.0".into(),
            qos: 1,
            payload_bytes: 64,
            persistent: false,
            tls: false,
            subscribers: 1,
            publishers: 1,
            phases: vec![Phase {
                name: "measured",
                unit: "message",
                count: 1000,
                nanos: 2_000_000_000,
                broker_cpu_nanos: Some(2_000_000),
                own_cpu_nanos: 1_000_000,
                latency: Some(Latency { p50: 1, p90: 2, p99: 3, p999: 4, max: 5 }),
            }],
            counts: Some(counts),
            memory: Some(Memory { before: 1, most: 2, per_connection: None }),
        }
    }
}
