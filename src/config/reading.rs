use std::collections::BTreeMap;
use std::path::PathBuf;

use super::value::{Value, Written};
use super::{
    Config, Key, Listener, Mistake, Mistakes, Origin, combinations, environment, file, keys,
};
use crate::auth::rules::Rule;

/// Everything that has a say in the configuration, weakest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file of `--config` or `FULMAR_CONFIG`.
    pub file: Option<PathBuf>,
    /// Environment variables; only those that begin with `FULMAR_` are looked at.
    pub environment: Vec<(String, String)>,
    /// `--listen`: replaces all listeners, unless it is empty.
    pub listen: Vec<String>,
    /// `--allow-anonymous`: for every listener.
    pub allow_anonymous: bool,
    /// `--data-dir`.
    pub data_dir: Option<String>,
    /// `--log`.
    pub log: Option<String>,
}

/// A configuration without a mistake.
#[derive(Debug)]
pub struct Loaded {
    /// The checked values.
    pub config: Config,
    /// Where those that are not defaults come from.
    pub origins: Origins,
    /// What can be meant, but probably is not.
    pub warnings: Vec<Mistake>,
}

/// Where values come from.
#[derive(Debug, Default)]
pub struct Origins {
    keys: BTreeMap<String, Origin>,
    listeners: Vec<ListenerOrigin>,
}

/// Where a listener comes from.
#[derive(Debug)]
pub(super) struct ListenerOrigin {
    /// As a whole.
    pub place: Origin,
    /// Those of its keys that are written.
    pub keys: Vec<(&'static str, Origin)>,
}

/// Reads all sources and checks the outcome.
///
/// # Errors
/// Every mistake in any of the sources.
pub fn load(sources: &Sources) -> Result<Loaded, Mistakes> {
    let mut reading = Reading::default();
    if let Some(path) = &sources.file {
        file::open(path, &mut reading);
    }
    environment::read(&sources.environment, &mut reading);
    reading.flags(sources);
    reading.finish()
}

/// The configuration as far as it has been read.
#[derive(Default)]
pub(super) struct Reading {
    config: Config,
    origins: Origins,
    mistakes: Vec<Mistake>,
}

impl Reading {
    pub(super) fn apply(&mut self, key: &Key<Config>, written: &Written<'_>, origin: Origin) {
        match key.set(&mut self.config, written) {
            Ok(()) => drop(self.origins.keys.insert(key.path(), origin)),
            Err(text) => self.mistake(origin, &key.path(), text),
        }
    }

    pub(super) fn mistake(&mut self, origin: Origin, key: &str, text: impl Into<String>) {
        self.mistakes.push(Mistake { origin, key: key.into(), text: text.into() });
    }

    pub(super) fn add_rule(&mut self, rule: Rule) {
        self.config.acl_rules.push(rule);
    }

    /// One mistake in them leaves the listeners as they were: nothing follows from half a list.
    pub(super) fn replace_listeners(&mut self, listeners: Vec<(Option<Listener>, ListenerOrigin)>) {
        if listeners.iter().all(|(listener, _)| listener.is_some()) {
            let whole = listeners.into_iter().filter_map(|(listener, at)| Some((listener?, at)));
            (self.config.listeners, self.origins.listeners) = whole.unzip();
        }
    }

    pub(super) fn replace_addresses<'a>(
        &mut self,
        addresses: impl Iterator<Item = &'a str>,
        origin: &Origin,
    ) {
        let whole = || ListenerOrigin { place: origin.clone(), keys: Vec::new() };
        let read = addresses.map(|text| (self.address(text, origin), whole()));
        let listeners = read.collect();
        self.replace_listeners(listeners);
    }

    fn address(&mut self, text: &str, origin: &Origin) -> Option<Listener> {
        let address = Value::read(&Written::Bare(text), &None);
        address.map_err(|text| self.mistake(origin.clone(), "", text)).ok().map(Listener::at)
    }

    pub(super) fn allow_anonymous(&mut self, allowed: bool) {
        self.config.listeners.iter_mut().for_each(|listener| listener.allow_anonymous = allowed);
    }

    fn flags(&mut self, sources: &Sources) {
        if !sources.listen.is_empty() {
            let addresses = sources.listen.iter().map(String::as_str);
            self.replace_addresses(addresses, &Origin::Flag("--listen"));
        }
        if sources.allow_anonymous {
            self.allow_anonymous(true);
        }
        if let Some(data_dir) = &sources.data_dir {
            self.flag("store.data_dir", data_dir, Origin::Flag("--data-dir"));
        }
        if let Some(filter) = &sources.log {
            self.flag("log.filter", filter, Origin::Flag("--log"));
        }
    }

    pub(super) fn flag(&mut self, path: &str, value: &str, origin: Origin) {
        let key = keys().find(|key| key.path() == path).expect("flags stand for keys that exist");
        self.apply(key, &Written::Bare(value), origin);
    }

    fn finish(mut self) -> Result<Loaded, Mistakes> {
        self.mistakes.extend(combinations::mistakes(&self.config, &self.origins));
        if !self.mistakes.is_empty() {
            self.mistakes.sort_by(|a, b| a.origin.cmp(&b.origin));
            return Err(Mistakes(self.mistakes));
        }
        let warnings = combinations::warnings(&self.config, &self.origins);
        Ok(Loaded { config: self.config, origins: self.origins, warnings })
    }
}

impl Origins {
    /// Where the value of the key at `path`, such as `session.queue_full`, comes from.
    pub fn of(&self, path: &str) -> &Origin {
        self.keys.get(path).unwrap_or(&Origin::Default)
    }

    /// Where the listener with this index comes from.
    pub fn of_listener(&self, index: usize) -> &Origin {
        self.listeners.get(index).map_or(&Origin::Default, |listener| &listener.place)
    }

    /// Where this key of that listener stands, such as `limits.connections_max`; the listener, if it is
    /// not written.
    pub fn of_listener_key(&self, index: usize, key: &str) -> &Origin {
        let keys = self.listeners.get(index).into_iter().flat_map(|listener| &listener.keys);
        let written = keys.into_iter().find(|(name, _)| *name == key).map(|(_, origin)| origin);
        written.unwrap_or_else(|| self.of_listener(index))
    }
}
