//! `fulmar passwd`.

use crate::broker::{Files, passwd};

#[test]
fn a_user_is_added_checked_changed_and_deleted() {
    let files = Files::new();
    let path = files.path("passwords");

    assert_eq!(code(&["add"], &files, "ann", "secret\n"), 0);
    assert_eq!(code(&["check"], &files, "ann", "secret"), 0);
    assert_eq!(code(&["check"], &files, "ann", "Secret"), 1);
    assert_eq!(code(&["check"], &files, "eve", "secret"), 1);
    let text = std::fs::read_to_string(&path).expect("made");
    assert!(text.starts_with("ann:$argon2id$v=19$") && !text.contains("secret"), "{text}");

    assert_eq!(code(&["add", "--scram"], &files, "ann", "other"), 0);
    assert_eq!(code(&["check"], &files, "ann", "other"), 0);
    let text = std::fs::read_to_string(&path).expect("made");
    assert!(text.starts_with("ann:SCRAM-SHA-256$15000:") && text.lines().count() == 1, "{text}");

    assert_eq!(code(&["delete"], &files, "ann", ""), 0);
    assert_eq!(std::fs::read_to_string(&path).expect("made"), "");
    assert_eq!(code(&["delete"], &files, "ann", ""), 2);
}

#[test]
fn what_cannot_be_is_said_and_changes_nothing() {
    let files = Files::new();
    files.write("passwords", "# ours\nann:hunter2\n");

    for (user, password) in [("a:b", "x"), ("", "x"), ("bob", ""), ("bob", "\n"), ("bob", "x")] {
        let done = passwd(&["add"], &files.path("passwords"), user, password);
        assert_eq!(done.status.code(), Some(2), "{user:?} {password:?}");
        assert!(!String::from_utf8_lossy(&done.stderr).contains("hunter2"));
    }

    let text = std::fs::read_to_string(files.path("passwords")).expect("there");
    assert_eq!(text, "# ours\nann:hunter2\n");
    assert_eq!(code(&["check"], &Files::new(), "ann", "x"), 2, "no file");
}

fn code(arguments: &[&str], files: &Files, user: &str, typed: &str) -> i32 {
    let done = passwd(arguments, &files.path("passwords"), user, typed);
    done.status.code().expect("an exit code")
}
