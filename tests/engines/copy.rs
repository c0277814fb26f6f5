//! The files of an engine, once more.

use std::fs;
use std::path::Path;

/// All files and directories in `from`, to `to`, which is there.
pub fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("made");
            copy_all(&entry.path(), &target);
        } else {
            copy_sparse(&entry.path(), &target);
        }
    }
}

/// Without the zeros at the end, which become a hole.
fn copy_sparse(from: &Path, to: &Path) {
    let content = fs::read(from).expect("read");
    let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    fs::write(to, &content[..end]).expect("written");
    let file = fs::File::options().write(true).open(to).expect("opened");
    file.set_len(content.len() as u64).expect("made as long");
}
