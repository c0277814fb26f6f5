//! Any bytes as a password file, as a message of SCRAM and as a token: an answer, never a panic; and a
//! file that can be read is read the same once it is changed by our own command.
#![no_main]

use fulmar::auth::password::{PasswordFile, Record, ScramRecord, with_user, without_user};
use fulmar::auth::scram;
use fulmar::auth::token::{ClaimNames, Key, TokenRules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read_file(bytes);
    exchange(bytes);
    check_token(bytes);
});

fn read_file(bytes: &[u8]) {
    let Ok(file) = PasswordFile::parse(bytes) else { return };
    let text = str::from_utf8(bytes).expect("a file that can be read is text");
    let record = ScramRecord::new(b"x", b"saltsalt", 4096);
    let changed = with_user(text, "added", &Record::Scram(record.clone()));
    let read = PasswordFile::parse(changed.as_bytes()).expect("it stays readable");
    assert_eq!(read.record("added").and_then(Record::scram), Some(&record));
    let known = usize::from(file.record("added").is_some());
    assert_eq!(read.len(), file.len() + 1 - known);
    let back = without_user(&changed, "added").expect("it was added");
    let back = PasswordFile::parse(back.as_bytes()).expect("it stays readable");
    assert_eq!(back.len(), file.len() - known);
    let _ = (file.decoy(7), file.scram_decoy(7));
}

fn exchange(bytes: &[u8]) {
    let (message, rest) = bytes.split_at(bytes.len() / 2);
    if let Ok(first) = scram::begin(message, "nonce", |_| ([1; 16].into(), 4096)) {
        assert!(scram::finish(rest, &first.state, |_| None).is_err());
    }
    assert!(scram::finish(message, rest, |_| None).is_err());
}

fn check_token(bytes: &[u8]) {
    let rules = TokenRules {
        keys: vec![Key::from_secret(&[7; 64]).expect("long enough")],
        issuer: String::new(),
        audience: String::new(),
        names: ClaimNames {
            username: "sub".into(),
            groups: "groups".into(),
            publish: "publish".into(),
            subscribe: "subscribe".into(),
        },
        leeway_secs: 0,
        expiry_required: false,
    };
    let _ = (TokenRules::is_token(bytes), Key::from_jwks(bytes), Key::from_pem(bytes));
    assert!(rules.check(bytes, None, 1).is_err(), "nobody can guess a signature");
}
