use super::acl::RuleDraft;
use super::listener::Draft;
use super::{Config, Key, Loaded, Origin, SECTIONS};
use crate::auth::rules::Rule;

/// The file with every key, its default and a comment: what `config/fulmar.toml` is.
pub fn reference() -> String {
    let config = Config::default();
    let mut text = String::from(
        "# Every key of Fulmar's configuration with its default. Write only what you change.\n\
         # The variable of a key overrides the file: FULMAR_SESSION__QUEUE_FULL=drop_oldest\n\
         # is session.queue_full. FULMAR_LISTENERS=0.0.0.0:1883,[::]:1883 replaces the listeners,\n\
         # FULMAR_ALLOW_ANONYMOUS=true opens them all. `fulmar check` shows what comes of it.\n\
         \n# Where clients are accepted. Repeat the table for each address.\n",
    );
    let listener = Draft::default_as_written();
    text.push_str("[[listeners]]\n");
    Draft::KEYS.iter().for_each(|key| text.push_str(&explained(key, &listener)));
    for section in SECTIONS {
        text.push_str(&format!("\n# {}\n[{}]\n", section.about, section.name));
        section.keys.iter().for_each(|key| text.push_str(&explained(key, &config)));
        if section.name == "acl" {
            text.push_str(&example_of_a_rule());
        }
    }
    text
}

/// The values in effect as a file, each that is not a default with the place it comes from.
pub fn effective(loaded: &Loaded) -> String {
    let mut text = String::new();
    for (index, listener) in loaded.config.listeners.iter().enumerate() {
        let origin = noted(loaded.origins.of_listener(index));
        text.push_str(&format!("[[listeners]]{origin}\n"));
        let listener = Draft::from(listener);
        Draft::KEYS
            .iter()
            .for_each(|key| text.push_str(&format!("{}\n", assigned(key, &listener))));
        text.push('\n');
    }
    for section in SECTIONS {
        text.push_str(&format!("[{}]\n", section.name));
        for key in section.keys {
            let origin = noted(loaded.origins.of(&key.path()));
            text.push_str(&format!("{}{origin}\n", assigned(key, &loaded.config)));
        }
        if section.name == "acl" {
            loaded.config.acl_rules.iter().for_each(|rule| text.push_str(&shown(rule)));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len() + 1);
    text
}

/// The keys of a rule, as comments: there is none unless it is written.
fn example_of_a_rule() -> String {
    let rule = RuleDraft::default();
    let mut text = String::from(
        "\n# Rules, the first that fits decides; once there is one, what none fits is denied.\n\
         # Repeat the table for each rule.\n#[[acl.rules]]\n",
    );
    for key in RuleDraft::KEYS {
        text.push_str(&format!("# {}\n#{}\n", key.about, assigned(key, &rule)));
    }
    text
}

/// A rule with what is written of it.
fn shown(rule: &Rule) -> String {
    let (rule, place, default) = (RuleDraft::from(rule), &rule.place, RuleDraft::default());
    let mut text = format!("\n[[acl.rules]] # {place}\n");
    for key in RuleDraft::KEYS.iter().filter(|key| key.show(&rule) != key.show(&default)) {
        text.push_str(&format!("{}\n", assigned(key, &rule)));
    }
    text
}

fn explained<T>(key: &Key<T>, values: &T) -> String {
    let comment = match key.allowed() {
        allowed if allowed.is_empty() => format!("# {}", key.about),
        allowed => format!("# {} ({allowed}).", key.about.trim_end_matches('.')),
    };
    format!("{comment}\n{}\n", assigned(key, values))
}

fn assigned<T>(key: &Key<T>, values: &T) -> String {
    format!("{} = {}", key.name, key.show(values))
}

fn noted(origin: &Origin) -> String {
    match origin {
        Origin::Default => String::new(),
        origin => format!(" # {origin}"),
    }
}
