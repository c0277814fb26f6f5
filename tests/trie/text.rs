//! Few and short levels, so that filters and topics meet often.

use fulmar::types::Filter;
use proptest::prelude::*;

const LEVELS: [&str; 9] =
    ["", "a", "b", "aa", "ü", "$", "$SYS", "\u{1}", "longer-than-is-kept-inline"];

/// A topic name of one to four levels.
pub fn topic() -> impl Strategy<Value = String> {
    let level = prop_oneof![4 => Just("a"), 1 => proptest::sample::select(&LEVELS[..])];
    proptest::collection::vec(level, 1..=4)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a topic is not empty", |topic| !topic.is_empty())
}

/// A topic filter, exact or with wildcards, shared or not.
pub fn filter() -> impl Strategy<Value = Filter> {
    let share = prop_oneof![6 => Just(""), 1 => Just("$share/g/"), 1 => Just("$share/h/")];
    (share, topic_filter()).prop_map(|(share, filter)| {
        Filter::parse(&format!("{share}{filter}"), true).expect("made valid")
    })
}

/// A topic filter that is not shared.
pub fn topic_filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![
        3 => Just("a"),
        3 => Just("+"),
        2 => proptest::sample::select(&LEVELS[..]),
    ];
    (proptest::collection::vec(level, 0..=4), any::<bool>())
        .prop_map(|(mut levels, below)| {
            levels.extend(below.then_some("#"));
            levels.join("/")
        })
        .prop_filter("a filter is not empty", |filter| !filter.is_empty())
}
