use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificates by the names of the server that they are for.
#[derive(Debug)]
pub struct Names(Vec<Named>);

/// One certificate with its key.
#[derive(Debug)]
pub struct Named {
    /// The DNS names of the certificate; `*.` stands for one label.
    pub names: Vec<String>,
    /// What is shown and proven with.
    pub key: Arc<CertifiedKey>,
}

impl Names {
    /// These certificates. The first one is for whoever names no server or an unknown one.
    pub fn new(certificates: Vec<Named>) -> Self {
        Self(certificates)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let usable =
            |named: &&Named| named.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let certificates: Vec<&Named> = self.0.iter().filter(usable).collect();
        let chosen = choose(&certificates, hello.server_name(), |named| &named.names)?;
        Some(Arc::clone(&chosen.key))
    }
}

/// The one with the very name, else one with a wildcard for it, else the first.
fn choose<'a, T>(
    among: &[&'a T],
    name: Option<&str>,
    names_of: impl Fn(&T) -> &[String],
) -> Option<&'a T> {
    let find = |matches: fn(&str, &str) -> bool| {
        let name = name?;
        among.iter().find(|it| names_of(it).iter().any(|pattern| matches(pattern, name)))
    };
    let very = |pattern: &str, name: &str| pattern.eq_ignore_ascii_case(name);
    find(very).or_else(|| find(covers)).or(among.first()).copied()
}

/// Whether `pattern` is a wildcard for `name`: it stands for one label, and not for the last two.
fn covers(pattern: &str, name: &str) -> bool {
    let rest = pattern.strip_prefix("*.").filter(|rest| rest.contains('.'));
    let parent = name.split_once('.').map(|(_, parent)| parent);
    matches!((rest, parent), (Some(rest), Some(parent)) if rest.eq_ignore_ascii_case(parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_the_client_gives_decides() {
        let certificates = [
            &names(&["mqtt.example.org"]),
            &names(&["*.example.net", "example.net"]),
            &names(&["a.example.net"]),
        ];
        for (name, expected) in [
            (Some("mqtt.example.org"), 0),
            (Some("MQTT.Example.org"), 0),
            (Some("a.example.net"), 2),
            (Some("b.example.net"), 1),
            (Some("example.net"), 1),
            (Some("a.b.example.net"), 0),
            (Some("unknown.test"), 0),
            (None, 0),
        ] {
            let chosen = choose(&certificates, name, |names| names).expect("never none");
            assert_eq!(chosen, certificates[expected], "{name:?}");
        }
    }

    #[test]
    fn a_wildcard_is_not_for_all_that_a_registry_has() {
        assert!(!covers("*.org", "example.org"));
        assert!(!covers("*", "localhost"));
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).into()).collect()
    }
}
