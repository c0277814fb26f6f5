use std::hint::black_box;
use std::io::Write;
use std::process::Command;

use crate::path::{BURST, Path};

/// For a message of each QoS in bursts of 64, from the publisher's bytes to the subscriber's and the
/// answers of both; unoptimized, as tests are built. The figures of today and a twentieth.
const BOUNDS: [f64; 3] = [7_300.0, 15_100.0, 32_800.0];

#[test]
fn a_message_costs_no_more_instructions_than_it_did() {
    for (qos, bound) in BOUNDS.into_iter().enumerate() {
        let Some(each) = instructions_each(qos, 0) else { return skip() };
        assert!(each <= bound, "QoS {qos}: {each:.0} instructions for each message");
    }
}

#[test]
fn a_tenth_more_instructions_for_each_message_are_found_out() {
    for (qos, bound) in BOUNDS.into_iter().enumerate() {
        let Some(each) = instructions_each(qos, bound as usize / 10) else { return skip() };
        assert!(each > bound, "QoS {qos}: {each:.0} with a tenth too many");
    }
}

/// Not a test: what valgrind looks at.
#[test]
#[ignore = "the other tests here run it"]
fn rounds() {
    let given = |name| std::env::var(name).ok()?.parse::<usize>().ok();
    let [Some(qos), Some(rounds), Some(wasted)] = [QOS, ROUNDS, WASTED].map(given) else { return };
    let mut path = Path::new(qos as u8);
    for _ in 0..rounds {
        path.round();
        waste(wasted * BURST);
    }
}

const QOS: &str = "WORK_QOS";
const ROUNDS: &str = "WORK_ROUNDS";
const WASTED: &str = "WORK_WASTED";
const FEW: usize = 20;
const MANY: usize = 60;

/// What more rounds cost more, without what comes before the first.
fn instructions_each(qos: usize, wasted: usize) -> Option<f64> {
    let (few, many) = (count(qos, FEW, wasted)?, count(qos, MANY, wasted)?);
    Some((many - few) as f64 / ((MANY - FEW) * BURST) as f64)
}

/// Instructions of a whole process; `None` where nobody can count them.
fn count(qos: usize, rounds: usize, wasted: usize) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("a path"))
        .args(["--exact", "instructions::rounds", "--ignored", "--test-threads=1"])
        .env(QOS, qos.to_string())
        .env(ROUNDS, rounds.to_string())
        .env(WASTED, wasted.to_string())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let (_, counted) = said.split_once("Collected : ").expect("callgrind says what it counted");
    Some(counted.split_whitespace().next()?.parse().expect("a number"))
}

/// At least so many instructions.
fn waste(instructions: usize) {
    (0..instructions / 4).for_each(|n| _ = black_box(n));
}

fn skip() {
    let said = "SKIPPED: nobody has counted instructions, valgrind is not installed\n";
    let _ = std::io::stderr().write_all(said.as_bytes());
}
