//! The shape of the texts about the end of a session.

use super::Entries;

texts! {
    /// What is said before a session ends, and when it has.
    ExpiryText {}
    soon, left, stay, no_more, ended, ended_hint, elsewhere,
}
