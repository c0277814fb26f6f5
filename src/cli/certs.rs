//! `fulmar certs`: certificates to try TLS with.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

#[derive(Subcommand)]
pub(super) enum Certs {
    /// Make an authority, and with it certificates for a server and for a client; for development.
    Dev {
        /// The directory for them.
        #[arg(long, value_name = "DIR", default_value = "certs")]
        dir: PathBuf,
        /// Names and addresses of the server beside those of this machine; may be repeated.
        #[arg(long, value_name = "NAME")]
        host: Vec<String>,
        /// Common name of the client.
        #[arg(long, value_name = "NAME", default_value = "device-1")]
        client: String,
        /// Replace what is there.
        #[arg(long)]
        force: bool,
    },
}

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long the authority is trusted, and what it signed.
const AUTHORITY_DAYS: u32 = 3_650;
const CERTIFICATE_DAYS: u32 = 365;
/// What the server is called whatever else it is called.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Does what was asked. What is wrong goes to standard error.
pub(super) fn run(command: Certs) -> ExitCode {
    let Certs::Dev { dir, host, client, force } = command;
    match make(&host, &client).map_err(io::Error::other).and_then(|made| keep(&dir, &made, force)) {
        Ok(()) => {
            let _ = writeln!(io::stdout(), "{}", advice(&dir));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

/// A file: its name, what is in it, and whether it is for its owner alone.
struct Made {
    name: &'static str,
    pem: String,
    secret: bool,
}

fn make(hosts: &[String], client: &str) -> Result<Vec<Made>, rcgen::Error> {
    let authority = CertifiedIssuer::self_signed(authority_params()?, KeyPair::generate()?)?;
    let mut made = vec![public("ca.crt", authority.pem())];
    made.push(secret("ca.key", authority.key().serialize_pem()));

    let mut names: Vec<String> = LOCAL_NAMES.map(String::from).to_vec();
    names.extend(hosts.iter().filter(|host| !LOCAL_NAMES.contains(&host.as_str())).cloned());
    let name = hosts.first().map_or("localhost", String::as_str).to_owned();
    let server = params(&name, names, ExtendedKeyUsagePurpose::ServerAuth)?;
    made.extend(signed(server, &authority, ["server.crt", "server.key"])?);

    let client = params(client, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)?;
    made.extend(signed(client, &authority, ["client.crt", "client.key"])?);
    Ok(made)
}

fn signed(
    params: CertificateParams,
    authority: &CertifiedIssuer<'_, KeyPair>,
    [certificate, key]: [&'static str; 2],
) -> Result<[Made; 2], rcgen::Error> {
    let pair = KeyPair::generate()?;
    let pem = params.signed_by(&pair, authority)?.pem();
    Ok([public(certificate, pem), secret(key, pair.serialize_pem())])
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(CertificateParams::new(Vec::new())?, AUTHORITY_DAYS);
    params.distinguished_name.push(DnType::CommonName, "Fulmar development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn params(
    common_name: &str,
    names: Vec<String>,
    usage: ExtendedKeyUsagePurpose,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(CertificateParams::new(names)?, CERTIFICATE_DAYS);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Valid from yesterday, so that a clock that is a little late does no harm.
#[expect(clippy::disallowed_methods, reason = "a command that makes certificates needs the date")]
fn dated(mut params: CertificateParams, days: u32) -> CertificateParams {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now = date_time_ymd(1970, 1, 1) + since_epoch;
    params.not_before = now - DAY;
    params.not_after = now + DAY * days;
    params
}

/// Writes all files or, where one is in the way, none.
fn keep(dir: &Path, made: &[Made], force: bool) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    if let Some(there) = made.iter().find(|file| !force && dir.join(file.name).exists()) {
        let text = format!("{} is there already; --force replaces everything", there.name);
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    made.iter().try_for_each(|file| write(&dir.join(file.name), file))
}

/// Under another name first: no reader finds half a file, and a secret never has another mode.
fn write(path: &Path, file: &Made) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let _ = fs::remove_file(&unfinished);
    let mode = if file.secret { 0o600 } else { 0o644 };
    let mut options = OpenOptions::new();
    let mut target = options.write(true).create_new(true).mode(mode).open(&unfinished)?;
    target.write_all(file.pem.as_bytes())?;
    fs::rename(&unfinished, path)
}

fn public(name: &'static str, pem: String) -> Made {
    Made { name, pem, secret: false }
}

fn secret(name: &'static str, pem: String) -> Made {
    Made { name, pem, secret: true }
}

fn advice(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "{dir}/ca.crt and ca.key: the authority\n\
         {dir}/server.crt and server.key: for the broker\n\
         {dir}/client.crt and client.key: for a client\n\
         \n\
         In the configuration:\n\
         \n\
         [[listeners]]\n\
         address = \"127.0.0.1:8883\"\n\
         protocol = \"mqtts\"\n\
         tls.cert = \"{dir}/server.crt\"\n\
         tls.key = \"{dir}/server.key\"\n\
         \n\
         mosquitto_pub --cafile {dir}/ca.crt -p 8883 -t hello -m world"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_for_their_owner_alone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let made = make(&["broker.test".into()], "sensor").expect("certificates");

        keep(directory.path(), &made, false).expect("written");

        for file in &made {
            let found = fs::metadata(directory.path().join(file.name)).expect("it is there");
            let expected = if file.name.ends_with(".key") { 0o600 } else { 0o644 };
            assert_eq!(found.permissions().mode() & 0o777, expected, "{}", file.name);
        }
    }

    #[test]
    fn nothing_is_replaced_unless_told() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let key = directory.path().join("client.key");
        fs::write(&key, "precious").expect("written");
        let made = make(&[], "sensor").expect("certificates");

        assert!(keep(directory.path(), &made, false).is_err());
        assert_eq!(fs::read(&key).expect("there"), b"precious");
        assert!(!directory.path().join("ca.crt").exists(), "all or nothing");

        keep(directory.path(), &made, true).expect("replaced");
        assert_ne!(fs::read(&key).expect("there"), b"precious");
    }
}
