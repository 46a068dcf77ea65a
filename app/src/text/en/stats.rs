//! English, of figures.

use crate::text::table::StatsText;

/// The texts.
pub static TEXT: StatsText = StatsText {
    range: "Time range",
    days_7: "7 days",
    days_30: "30 days",
    wall_open: "Show on a big screen",
    numbers: "Show the numbers",
    kind: "Kind",
    count: "Number",
    share: "Share",
    day: "Day (UTC)",
    of_them_failed: "Of them failed",
    not_counted: "not counted yet",
    nothing_yet: "Nothing to show yet.",
    transactions_daily: "Transactions per day",
    chains_daily: "Chains by the day of their creation",
    chain_states: "Chains by state",
    chain_healths: "Running chains by health",
    chain_consensus: "Chains by consensus",
    chain_versions: "Chains by Fabric version",
    chain_hosts: "Fullest hosts",
    host_states: "Hosts by state",
    host_kinds: "Hosts by kind",
    people_roles: "People by role",
    places: "Room for chains",
    places_used: "In use",
    places_free: "Free",
    running_now: "Operations running: {n}",
    all_chains: "Chains in all: {n}",
    chains_more: "All chains",
    my_transactions: "My last transactions",
};
