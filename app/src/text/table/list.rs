//! The shape of the texts of long lists.

use super::Entries;

texts! {
    /// What pages with long lists say around them, and forms when somebody leaves them.
    ListText {}
    search, show, show_all, all, pages, first_page, next_page, nothing_found, nothing_found_hint,
    columns, export, select_row, select_page, selected, clear, results, owner, mine, nobody, free_in_pool, under_way,
    delete_impact, engine_kind, cluster_kind, done_operation, leave,
}
