/// The name that somebody who wrote `written` most likely meant.
pub(super) fn nearest<'a>(written: &str, known: &'a [String]) -> Option<&'a str> {
    let misplaced = |name: &&String| last_part(name) == last_part(written);
    let close = |name: &&String| distance(written, name) <= (written.len() / 4).max(2);
    let by_distance = |name: &&String| distance(written, name);
    let nearest = || known.iter().filter(close).min_by_key(by_distance);
    known.iter().find(misplaced).or_else(nearest).map(String::as_str)
}

/// The key without its section.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Levenshtein's distance: characters to insert, remove or replace.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_finds_its_name() {
        assert_eq!(near("session.queue_mesages_max"), Some("session.queue_messages_max"));
        assert_eq!(near("session.queue_byte_max"), Some("session.queue_bytes_max"));
    }

    #[test]
    fn a_key_in_the_wrong_section_finds_its_place() {
        assert_eq!(near("limits.queue_messages_max"), Some("session.queue_messages_max"));
        assert_eq!(near("queue_messages_max"), Some("session.queue_messages_max"));
    }

    #[test]
    fn a_word_from_elsewhere_finds_nothing() {
        assert_eq!(near("session.persistence_location"), None);
    }

    #[test]
    fn the_distance_counts_single_changes() {
        for (from, to, changes) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ä", "a", 1)]
        {
            assert_eq!(distance(from, to), changes, "{from} to {to}");
        }
    }

    fn near(written: &str) -> Option<&'static str> {
        let known =
            ["session.queue_bytes_max", "session.queue_messages_max"].map(String::from).to_vec();
        nearest(written, Vec::leak(known))
    }
}
