use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::acl::RuleDraft;
use super::listener::Draft;
use super::nearest::nearest;
use super::reading::{ListenerOrigin, Reading};
use super::value::Written;
use super::{Key, Listener, Origin, SECTIONS, Section, keys};

/// Most bytes of a configuration file.
pub const FILE_BYTES_MAX: u64 = 1_048_576;

/// The list of rules.
const RULES: &str = "acl.rules";

/// Reads the file at `path` into `reading`; what is wrong with it becomes mistakes.
pub(super) fn open(path: &Path, reading: &mut Reading) {
    let file = path.to_string_lossy();
    match text_of(path) {
        Ok(text) => read(&file, &text, reading),
        Err(text) => reading.mistake(Origin::File { file: file.into(), line: 0 }, "", text),
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    match read.map_err(unreadable)? as u64 {
        ..=FILE_BYTES_MAX => String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".into()),
        _ => Err(format!("is longer than {FILE_BYTES_MAX} bytes")),
    }
}

fn unreadable(error: std::io::Error) -> String {
    format!("cannot be read: {error}")
}

/// Values are read only if the syntax is right: what is left of a broken line would mislead.
fn read(file: &str, text: &str, reading: &mut Reading) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut page = Page { file, text, reading };
    for error in &errors {
        page.mistake(error.span().unwrap_or(0..0), "", error.message().replace('\n', ", "));
    }
    if errors.is_empty() {
        page.root(table.get_ref());
    }
}

/// One listener while it is read.
#[derive(Default)]
struct ListenerEntry {
    draft: Draft,
    /// Where each of its keys stands.
    keys: Vec<(&'static str, Range<usize>)>,
    /// Keys whose values could not be read.
    faulty: Vec<&'static str>,
}

/// One file while it is read.
struct Page<'a> {
    file: &'a str,
    text: &'a str,
    reading: &'a mut Reading,
}

impl Page<'_> {
    fn root(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let section = SECTIONS.iter().find(|section| section.name == name.get_ref());
            match (name.get_ref().as_ref(), section, value.get_ref()) {
                ("listeners", _, DeValue::Array(listeners)) => self.listeners(name, listeners),
                ("listeners", ..) => {
                    self.mistake(name.span(), "listeners", "must be a list, as in [[listeners]]");
                }
                (_, Some(section), DeValue::Table(table)) => self.section(section, table),
                (name_text, Some(_), other) => {
                    let wanted = format!("a section, as in [{name_text}]");
                    self.mistake(name.span(), name_text, written(other).instead_of(&wanted));
                }
                (_, None, value) => self.unknown_at_root(name, value),
            }
        }
    }

    fn section(&mut self, section: &Section, table: &DeTable<'_>) {
        for (name, value) in table {
            let origin = self.origin(name.span());
            if (section.name, name.get_ref().as_ref()) == ("acl", "rules") {
                self.rules(name, value.get_ref());
                continue;
            }
            match section.keys.iter().find(|key| key.name == name.get_ref()) {
                Some(key) => self.reading.apply(key, &written(value.get_ref()), origin),
                None => {
                    let path = format!("{}.{}", section.name, name.get_ref());
                    self.unknown_key(&path, name.span());
                }
            }
        }
    }

    fn rules(&mut self, name: &Spanned<impl AsRef<str>>, value: &DeValue<'_>) {
        let DeValue::Array(rules) = value else {
            return self.mistake(name.span(), RULES, "must be a list, as in [[acl.rules]]");
        };
        for value in rules.iter() {
            match value.get_ref() {
                DeValue::Table(table) => self.rule(value.span(), table),
                other => {
                    let text = written(other).instead_of("a table, as in [[acl.rules]]");
                    self.mistake(value.span(), RULES, text);
                }
            }
        }
    }

    /// One mistake in it leaves the rule out: nothing is served by what is left then.
    fn rule(&mut self, span: Range<usize>, table: &DeTable<'_>) {
        let mut draft = RuleDraft::default();
        let mut is_whole = true;
        for (name, value) in table {
            match RuleDraft::KEYS.iter().find(|key| key.name == name.get_ref().as_ref()) {
                Some(key) => {
                    if let Err(text) = key.set(&mut draft, &written(value.get_ref())) {
                        self.mistake(name.span(), &key.path(), text);
                        is_whole = false;
                    }
                }
                None => self.unknown_key(&format!("{RULES}.{}", name.get_ref()), name.span()),
            }
        }
        let place = self.origin(span.clone()).to_string();
        match draft.finish(place) {
            Ok(rule) => self.reading.add_rule(rule),
            Err(text) if is_whole => self.mistake(span, RULES, text),
            Err(_) => {}
        }
    }

    fn listeners(&mut self, name: &Spanned<impl AsRef<str>>, listeners: &DeArray<'_>) {
        if listeners.is_empty() {
            self.mistake(name.span(), "listeners", "at least one is needed");
            return;
        }
        let read: Vec<_> = listeners.iter().map(|value| self.listener(value)).collect();
        self.reading.replace_listeners(read);
    }

    fn listener(&mut self, value: &Spanned<DeValue<'_>>) -> (Option<Listener>, ListenerOrigin) {
        let place = self.origin(value.span());
        let DeValue::Table(table) = value.get_ref() else {
            let text = written(value.get_ref()).instead_of("a table, as in [[listeners]]");
            self.mistake(value.span(), "listeners", text);
            return (None, ListenerOrigin { place, keys: Vec::new() });
        };
        let mut entry = ListenerEntry::default();
        self.listener_keys("", table, &mut entry);
        let ListenerEntry { draft, keys, faulty } = entry;
        let listener = draft.finish().map_err(|mistakes| {
            // A key that could not be read has been reported, and nothing follows from it.
            for (key, text) in mistakes.into_iter().filter(|(key, _)| !faulty.contains(key)) {
                let place = keys.iter().find(|(name, _)| *name == key);
                let span = place.map_or(value.span(), |(_, span)| span.clone());
                self.mistake(span, &format!("listeners.{key}"), text);
            }
        });
        let keys = keys.into_iter().map(|(key, span)| (key, self.origin(span))).collect();
        (listener.ok().filter(|_| faulty.is_empty()), ListenerOrigin { place, keys })
    }

    /// The keys of a listener, also those that stand in a table of it, as `tls.cert` does.
    fn listener_keys(&mut self, prefix: &str, table: &DeTable<'_>, entry: &mut ListenerEntry) {
        for (name, value) in table {
            let path = format!("{prefix}{}", name.get_ref());
            let is_table = Draft::KEYS.iter().any(|key| key.name.starts_with(&format!("{path}.")));
            match (Draft::KEYS.iter().find(|key| key.name == path), value.get_ref()) {
                (Some(key), value) => {
                    entry.keys.push((key.name, name.span()));
                    if let Err(text) = key.set(&mut entry.draft, &written(value)) {
                        entry.faulty.push(key.name);
                        self.mistake(name.span(), &key.path(), text);
                    }
                }
                (None, DeValue::Table(table)) if is_table => {
                    self.listener_keys(&format!("{path}."), table, entry);
                }
                (None, _) => self.unknown_key(&format!("listeners.{path}"), name.span()),
            }
        }
    }

    fn unknown_at_root(&mut self, name: &Spanned<impl AsRef<str>>, value: &DeValue<'_>) {
        let text = name.get_ref().as_ref();
        let mut sections: Vec<String> =
            SECTIONS.iter().map(|section| section.name.into()).collect();
        sections.push("listeners".into());
        let hint = match value {
            DeValue::Table(_) | DeValue::Array(_) => {
                ("section", nearest(text, &sections).map(|name| format!("[{name}]")))
            }
            _ => ("key", nearest(text, &paths()).map(String::from)),
        };
        self.mistake(name.span(), text, unknown(hint));
    }

    fn unknown_key(&mut self, path: &str, span: Range<usize>) {
        let hint = nearest(path, &paths()).map(String::from);
        self.mistake(span, path, unknown(("key", hint)));
    }

    fn mistake(&mut self, span: Range<usize>, key: &str, text: impl Into<String>) {
        let origin = self.origin(span);
        self.reading.mistake(origin, key, text);
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::File { file: self.file.into(), line }
    }
}

fn unknown((what, hint): (&str, Option<String>)) -> String {
    match hint {
        Some(name) => format!("unknown {what}; did you mean {name}?"),
        None => format!("unknown {what}"),
    }
}

fn paths() -> Vec<String> {
    let listeners = Draft::KEYS.iter().map(Key::path);
    let rules = RuleDraft::KEYS.iter().map(Key::path);
    listeners.chain(rules).chain(keys().map(Key::path)).collect()
}

fn written<'a>(value: &'a DeValue<'_>) -> Written<'a> {
    match value {
        DeValue::String(text) => Written::Text(text),
        DeValue::Integer(number) => Written::Number(number_of(number)),
        DeValue::Boolean(flag) => Written::Flag(*flag),
        DeValue::Float(_) => Written::Other("a number with a point"),
        DeValue::Datetime(_) => Written::Other("a date"),
        DeValue::Array(list) => texts(list).map_or(Written::Other("a list"), Written::Texts),
        DeValue::Table(_) => Written::Other("a table"),
    }
}

/// The texts of a list that has nothing else.
fn texts<'a>(list: &'a DeArray<'_>) -> Option<Vec<&'a str>> {
    list.iter().map(|entry| entry.get_ref().as_str()).collect()
}

/// Numbers that not even 128 bits hold count as the nearest that they do.
fn number_of(number: &DeInteger<'_>) -> i128 {
    let nearest = if number.as_str().starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(nearest)
}
