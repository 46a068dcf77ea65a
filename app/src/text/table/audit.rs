//! What the pages of the record say.

use super::Entries;

texts! {
    /// The record of who did what: searching it, taking it away, and keeping it.
    AuditText {}
    what_hint, object_hint, result_hint, from, to, own, search, show_all,
    nothing_found, nothing_found_hint, searched, go_on,
    details, field, before, after,
    export, export_hint, format, export_button,
    keep, keep_days, keep_hint, keep_button,
}
