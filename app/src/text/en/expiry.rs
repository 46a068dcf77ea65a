//! English, of the end of a session.

use crate::text::table::ExpiryText;

/// The texts.
pub static TEXT: ExpiryText = ExpiryText {
    soon: "You will be signed out soon",
    left: "{time} left",
    stay: "Stay signed in",
    no_more: "This session cannot be made longer. Save what you are doing, and sign in again.",
    ended: "Your session has ended",
    ended_hint: "Sign in again to go on. What you typed on this page is still there.",
    elsewhere: "Sign in as somebody else",
};
