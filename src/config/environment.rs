use super::nearest::nearest;
use super::reading::Reading;
use super::value::{Value, Written};
use super::{Config, Key, Origin, keys};

const CONFIG: &str = "FULMAR_CONFIG";
const LISTENERS: &str = "FULMAR_LISTENERS";
const ALLOW_ANONYMOUS: &str = "FULMAR_ALLOW_ANONYMOUS";
const LOG: &str = "FULMAR_LOG";
const TESTS: &str = "FULMAR_TEST_";

/// Applies every `FULMAR_…` variable: those of single keys first, then those that act as flags.
pub(super) fn read(environment: &[(String, String)], reading: &mut Reading) {
    let ours = environment.iter().filter(|(name, _)| name.starts_with("FULMAR_"));
    for (name, value) in ours.filter(|(name, _)| !name.starts_with(TESTS)) {
        match key_of(name) {
            Some(key) => reading.apply(key, &Written::Bare(value), origin(name)),
            None if [CONFIG, LISTENERS, ALLOW_ANONYMOUS, LOG].contains(&name.as_str()) => {}
            None => reading.mistake(origin(name), "", unknown(name)),
        }
    }
    for name in [LISTENERS, ALLOW_ANONYMOUS, LOG] {
        if let Some((_, value)) = environment.iter().find(|(other, _)| other == name) {
            apply_flag(name, value, reading);
        }
    }
}

fn apply_flag(name: &str, value: &str, reading: &mut Reading) {
    match name {
        LISTENERS => reading.replace_addresses(value.split(',').map(str::trim), &origin(name)),
        ALLOW_ANONYMOUS => match bool::read(&Written::Bare(value), &None) {
            Ok(allowed) => reading.allow_anonymous(allowed),
            Err(text) => reading.mistake(origin(name), "", text),
        },
        _ => reading.flag("log.filter", value, origin(name)),
    }
}

fn key_of(variable: &str) -> Option<&'static Key<Config>> {
    keys().find(|key| key.variable() == variable)
}

fn origin(variable: &str) -> Origin {
    Origin::Variable(variable.into())
}

fn unknown(variable: &str) -> String {
    let mut known: Vec<String> = keys().map(Key::variable).collect();
    known.extend([CONFIG, LISTENERS, ALLOW_ANONYMOUS, LOG].map(String::from));
    match nearest(variable, &known) {
        Some(name) => format!("unknown variable; did you mean {name}?"),
        None => "unknown variable".into(),
    }
}
