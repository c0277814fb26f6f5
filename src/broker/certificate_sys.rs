use std::collections::BTreeMap;

use super::Broker;
use super::sys::Values;
use crate::types::Timestamp;

impl Broker {
    /// Takes note of what `$SYS/broker/certificates` is to say from now on: when the first certificate
    /// ends of each listener, by its name, that has any.
    pub fn handle_certificates(&mut self, ends: &[(String, Timestamp)], now: Timestamp) {
        self.sys.certificates = values(ends);
        self.sys.hurry(now);
    }
}

/// With topics below `$SYS/broker/`, in seconds since 1970. Listeners whose names are the same as levels
/// of a topic share one, and the end that comes first.
fn values(ends: &[(String, Timestamp)]) -> Values {
    let mut first = BTreeMap::new();
    for (listener, end) in ends {
        let known = first.entry(as_level(listener)).or_insert(*end);
        *known = (*known).min(*end);
    }
    let value = |(level, end): (String, Timestamp)| {
        (format!("certificates/{level}/not_after"), (end.0 / 1000).to_string())
    };
    first.into_iter().map(value).collect()
}

/// The name, with `_` for what cannot stand in one level of a topic name.
fn as_level(name: &str) -> String {
    name.replace(['/', '+', '#', '\0'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_that_comes_first_stands_under_the_name_of_the_listener() {
        let ends = [("mqtts", 9_000), ("unix:/a#b", 7_000), ("mqtts", 5_999)];
        let ends = ends.map(|(name, at)| (name.to_owned(), Timestamp(at)));

        let told = values(&ends);

        let expected =
            [("certificates/mqtts/not_after", "5"), ("certificates/unix:_a_b/not_after", "7")];
        assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
