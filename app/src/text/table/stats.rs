//! The shapes of the tables about figures and about notices.

use super::Entries;

texts! {
    /// What charts and overviews say; only the server, which draws them, reads it.
    StatsText {}
    range, days_7, days_30, wall_open, numbers, kind, count, share, day, of_them_failed, not_counted, nothing_yet,
    transactions_daily, chains_daily, chain_states, chain_healths, chain_consensus, chain_versions, chain_hosts,
    host_states, host_kinds, people_roles, places, places_used, places_free, running_now, all_chains,
    chains_more, my_transactions,
}

texts! {
    /// About notices.
    NoticeText {}
    read_all, no_notices, no_notices_hint, notice_done, notice_undone, notice_failed, notice_unwell, notice_ending,
    notice_mail_failed, notice_unread,
}
