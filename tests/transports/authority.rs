//! Certificates as the tests need them: good ones and bad ones.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// An authority with a directory for what it makes.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: tempfile::TempDir,
}

/// A certificate and its key, as files.
pub struct Identity {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// What is special about a certificate.
#[derive(Clone)]
pub struct Wish {
    pub name: &'static str,
    /// Days from now.
    pub from: i32,
    pub to: i32,
    pub usage: ExtendedKeyUsagePurpose,
    pub serial: u64,
}

impl Wish {
    pub fn server(name: &'static str) -> Self {
        Self { name, from: -1, to: 365, usage: ExtendedKeyUsagePurpose::ServerAuth, serial: 1 }
    }

    pub fn client(name: &'static str) -> Self {
        Self { usage: ExtendedKeyUsagePurpose::ClientAuth, ..Self::server(name) }
    }
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Two of one name would be taken for one that renewed its key.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("authority {}", NEXT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("ca.crt"), issuer.pem()).expect("written");
        Self { issuer, directory }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn ca(&self) -> PathBuf {
        self.path("ca.crt")
    }

    /// A certificate for a server on this machine.
    pub fn localhost(&self) -> Identity {
        self.make(&Wish::server("localhost"))
    }

    /// A certificate for the names of `wish`, in files that begin with its name.
    pub fn make(&self, wish: &Wish) -> Identity {
        self.replace(wish, wish.name)
    }

    /// The same in files that begin with `file`; what is there is replaced at once.
    pub fn replace(&self, wish: &Wish, file: &str) -> Identity {
        let mut params = CertificateParams::new(vec![wish.name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, wish.name);
        params.not_before = from_now(wish.from);
        params.not_after = from_now(wish.to);
        params.extended_key_usages = vec![wish.usage.clone()];
        params.serial_number = Some(SerialNumber::from(wish.serial));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let identity = Identity {
            cert: self.path(&format!("{file}.crt")),
            key: self.path(&format!("{file}.key")),
        };
        put(&identity.cert, &certificate.pem(), 0o644);
        put(&identity.key, &key.serialize_pem(), 0o600);
        identity
    }

    /// Writes a list that revokes the certificates with these serial numbers.
    pub fn revoke(&self, serials: &[u64]) -> PathBuf {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: from_now(-1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: from_now(-1),
            next_update: from_now(30),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).expect("a list");
        let path = self.path("revoked.crl");
        put(&path, &list.pem().expect("PEM"), 0o644);
        path
    }
}

/// In one step, as careful tools do.
fn put(path: &Path, text: &str, mode: u32) {
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, text).expect("written");
    fs::set_permissions(&unfinished, Permissions::from_mode(mode)).expect("ours");
    fs::rename(&unfinished, path).expect("ours");
}

fn from_now(days: i32) -> time::OffsetDateTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let now = date_time_ymd(1970, 1, 1) + since_epoch;
    let distance = DAY * days.unsigned_abs();
    if days < 0 { now - distance } else { now + distance }
}
