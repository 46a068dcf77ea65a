//! English, around the sign-in.

use crate::text::table::CodeText;

/// The texts.
pub static TEXT: CodeText = CodeText {
    title: "Second factor",
    code: "Code",
    hint: "The six digits that your app shows now, or one of your recovery codes.",
    again: "Begin again with the password",
    register_title: "Ask for an account",
};
