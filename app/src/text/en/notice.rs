//! English, of notices.

use crate::text::table::NoticeText;

/// The texts.
pub static TEXT: NoticeText = NoticeText {
    read_all: "Mark all as read",
    no_notices: "No notices",
    no_notices_hint: "When an operation that you started ends, or a chain of yours is not well, it is told here.",
    notice_done: "Done",
    notice_undone: "Taken back",
    notice_failed: "Failed: it waits for you to resume or undo it",
    notice_unwell: "The chain is not well any more",
    notice_ending: "The chain is released soon: save what you need",
    notice_mail_failed: "A mail could not be sent: look at the person’s page",
    notice_unread: "New",
};
