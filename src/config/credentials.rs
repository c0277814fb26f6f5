use std::path::{Path, PathBuf};

use super::{Config, Loaded, Mistake, Mistakes};

/// What a path of the configuration begins with that names a credential: a file that the service
/// manager has put where only this service reads it (systemd.exec(5), LoadCredential).
const PREFIX: &str = "credential:";

/// A file that is only read.
struct ReadFile<'a> {
    /// The listener that it is for, by its place among them.
    listener: Option<usize>,
    key: &'static str,
    path: &'a mut PathBuf,
}

/// Has the credentials that the configuration names read from `directory`: what
/// `CREDENTIALS_DIRECTORY` says.
///
/// # Errors
///
/// Every one that there cannot be. Without a directory there is none.
pub fn place_credentials(loaded: &mut Loaded, directory: Option<&Path>) -> Result<(), Mistakes> {
    let mut mistakes = Vec::new();
    for ReadFile { listener, key, path } in files(&mut loaded.config) {
        let Some(name) = path.to_str().and_then(|path| path.strip_prefix(PREFIX)) else { continue };
        let text = match (directory, is_file_name(name)) {
            (Some(directory), true) => {
                *path = directory.join(name);
                continue;
            }
            (_, false) => format!("{path:?} must end with the name of a credential"),
            (None, true) => format!(
                "{path:?} is for a service with LoadCredential={name}:FILE, and there is no \
                 CREDENTIALS_DIRECTORY"
            ),
        };
        let origin = match listener {
            Some(index) => loaded.origins.of_listener(index),
            None => loaded.origins.of(key),
        };
        mistakes.push(Mistake { origin: origin.clone(), key: key.into(), text });
    }
    if mistakes.is_empty() { Ok(()) } else { Err(Mistakes(mistakes)) }
}

fn files(config: &mut Config) -> impl Iterator<Item = ReadFile<'_>> {
    let auth = &mut config.auth;
    let common = [
        ("auth.password_file", auth.password_file.as_mut_slice()),
        ("auth.http_ca_file", auth.http_ca_file.as_mut_slice()),
        ("auth.jwt_key_files", &mut auth.jwt_key_files),
        ("auth.jwt_secret_files", &mut auth.jwt_secret_files),
        ("auth.jwt_jwks_files", &mut auth.jwt_jwks_files),
        ("acl.file", config.acl.file.as_mut_slice()),
    ];
    let common = common.into_iter().map(|(key, files)| (None, key, files));
    let listeners = config.listeners.iter_mut().enumerate();
    let tls = listeners.filter_map(|(index, listener)| Some((index, listener.tls.as_mut()?)));
    let tls = tls.flat_map(|(index, tls)| {
        let index = Some(index);
        [
            (index, "listeners.tls.cert", tls.cert.as_mut_slice()),
            (index, "listeners.tls.key", &mut tls.key),
            (index, "listeners.tls.ca", &mut tls.ca),
            (index, "listeners.tls.crl", &mut tls.crl),
        ]
    });
    common.chain(tls).flat_map(|(listener, key, files)| {
        files.iter_mut().map(move |path| ReadFile { listener, key, path })
    })
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Listener, Sources, Tls, load};

    #[test]
    fn every_file_that_is_read_may_be_a_credential() {
        let named = || PathBuf::from("credential:name");
        let mut loaded = defaults();
        let config = &mut loaded.config;
        let tls = Tls {
            cert: vec![named(), "/etc/cert.pem".into()],
            key: vec![named()],
            ca: vec![named()],
            crl: vec![named()],
            ..Tls::default()
        };
        config.listeners.push(Listener { tls: Some(tls), ..Listener::default() });
        config.auth.password_file = Some(named());
        config.auth.http_ca_file = Some(named());
        config.acl.file = Some(named());
        config.auth.jwt_key_files = vec![named()];
        config.auth.jwt_secret_files = vec![named()];
        config.auth.jwt_jwks_files = vec![named()];

        place_credentials(&mut loaded, Some(Path::new("/run/c"))).expect("each is possible");

        let (placed, others): (Vec<_>, Vec<_>) = files(&mut loaded.config)
            .map(|file| file.path)
            .partition(|path| *path == Path::new("/run/c/name"));
        assert_eq!(placed.len(), 10);
        assert_eq!(others, [Path::new("/etc/cert.pem")]);
    }

    #[test]
    fn without_a_service_manager_there_are_none() {
        let mut loaded = with_password_file("credential:passwords");

        let wrong = place_credentials(&mut loaded, None).expect_err("there is no directory");

        let wrong = wrong.to_string();
        assert!(wrong.contains("FULMAR_AUTH__PASSWORD_FILE"), "{wrong}");
        assert!(wrong.contains("LoadCredential=passwords:FILE"), "{wrong}");
        place_credentials(&mut with_password_file("/etc/passwords"), None).expect("none is named");
    }

    #[test]
    fn a_credential_is_a_name_and_no_way_out_of_its_directory() {
        for name in ["", ".", "..", "../passwd", "/etc/passwd", "a/b"] {
            let mut loaded = with_password_file(&format!("credential:{name}"));
            assert!(place_credentials(&mut loaded, Some(Path::new("/run/c"))).is_err(), "{name}");
        }
    }

    fn with_password_file(path: &str) -> Loaded {
        let environment = vec![("FULMAR_AUTH__PASSWORD_FILE".into(), path.into())];
        load(&Sources { environment, ..Sources::default() }).expect("a path")
    }

    fn defaults() -> Loaded {
        load(&Sources::default()).expect("defaults")
    }
}
