//! What is kept of passwords, and whether one is right.

mod argon;
mod encoding;
mod file;
mod record;
mod scram;

pub use argon::{ARGON_LANES_MAX, ARGON_MEMORY_KIB_MAX, ARGON_PASSES_MAX, Argon2id};
pub use file::{
    FILE_BYTES_MAX, FileMistake, LINE_BYTES_MAX, PasswordFile, USER_BYTES_MAX, USERS_MAX,
    check_user, with_user, without_user,
};
pub use record::{PBKDF2_ITERATIONS_MAX, Record, SALT_BYTES};
pub use scram::keyed_hash;
pub use scram::{SCRAM_ITERATIONS, SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN, ScramRecord};
