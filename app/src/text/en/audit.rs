//! English, of the record of who did what.

use crate::text::table::AuditText;

/// The texts.
pub static TEXT: AuditText = AuditText {
    what_hint: "An action such as chain-create, all of a sort such as chain, or a beginning such as chain-gr*.",
    object_hint: "An object with what belongs to it, such as chain/demo, or a sort such as chain.",
    result_hint: "ok, refused, failed or begun, or the code of an error such as not-allowed.",
    from: "From (UTC)",
    to: "To (UTC)",
    own: "Only what I did",
    search: "Search",
    show_all: "Show everything",
    nothing_found: "Nothing found",
    nothing_found_hint: "No entry that you may see fits the search. Leave something out of it, or choose another time.",
    searched: "Not every entry was read yet. The search has gone back to",
    go_on: "Search further back",
    details: "Changes",
    field: "Field",
    before: "Before",
    after: "After",
    export: "Export",
    export_hint: "A file with what the search finds, oldest first. The export itself is recorded.",
    format: "Format",
    export_button: "Export",
    keep: "Keeping entries",
    keep_days: "Days until entries move to files",
    keep_hint: "From 7 to 36500; empty: never. Files stand in the folder audit of the data folder, and `heddle audit verify` checks them with the rest. Pages and exports no longer show what is in files.",
    keep_button: "Save",
};
