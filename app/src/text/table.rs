//! The shape of the table of texts. The macro only saves writing each name twice: once as a field, once for the
//! tests that walk through all of them.

use super::Lang;

/// Every text of a table with its name.
pub type Entries = Vec<(&'static str, &'static str)>;

macro_rules! texts {
    ($(#[$about:meta])* $table:ident { $($of:ident: $what:ty),* } $($name:ident),* $(,)?) => {
        $(#[$about])*
        pub struct $table {
            $(pub $of: $what,)*
            $(pub $name: &'static str,)*
        }

        impl $table {
            /// Every text with its name.
            pub fn entries(&self) -> Entries {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

/// Writes the match of every code to its sentence: a code without one does not compile.
macro_rules! sentences {
    ($($code:ident => $sentence:literal),* $(,)?) => {
        /// The sentence of a code, with place-holders for its values.
        pub fn code(code: domain::Code) -> &'static str {
            match code {
                $(domain::Code::$code => $sentence,)*
            }
        }
    };
}
pub(crate) use sentences;

mod audit;

pub use audit::AuditText;
mod deploying;
mod expiry;
mod history;
mod hosting;
mod keys;
mod list;

pub use deploying::DeployingText;
pub use expiry::ExpiryText;
pub use history::HistoryText;
pub use hosting::HostingText;
pub use keys::KeyText;
pub use list::ListText;

texts! {
    /// The texts of one language that no part of its own has.
    Text { lang: Lang }
    // Frame
    brand, skip, navigation, crumbs, chain_pages, overview, chains, hosts, operations, users,
    audit, account, account_page, sign_out, sign_out_everywhere, language, theme, theme_system, theme_light, theme_dark,
    nothing_running, one_running, many_running, notices, unread_notices, loading, copy, copied, close, cancel, back, next, go_back,
    remove, advanced, to_overview, request, help,
    // Problems
    not_found_title, forbidden_title, unavailable_title, error_title, stale, lost, malformed,
    unknown_cause, only_while_running, needs_script,
    // Sign-in and set-up
    sign_in, sign_in_first, sign_in_new_tab, user_name, password, password_hint, name_hint, setup_title, setup_hint,
    setup_token, setup_token_hint, setup_button,
    // Overview
    recent_operations, demo_title, demo_hint, demo_button, create_chain, no_chains, no_chains_hint,
    no_chains_user_hint, chain_size, last_operation, see_operation,
    // Words for columns and facts
    name, state, health, host, version, kind, organization, organizations, peers, orderers,
    created, endpoint, height, cpu, memory, image, images, ports, domain_name, time, who, what,
    object, result, newest, older, started, duration,
    // States
    state_creating, state_running, state_stopping, state_stopped, state_starting, state_updating,
    state_deleting, state_failed, state_active, state_inactive, state_unknown, state_created,
    state_restarting, state_missing, state_pending, state_waiting, state_undoing, state_done,
    state_undone, state_skipped, state_valid, state_invalid, state_refused, health_ok,
    health_degraded, health_unreachable, health_unknown, verdict_pass, verdict_warn, verdict_fail,
    kind_orderer, kind_peer, kind_ca, kind_chaincode,
    // Chain
    access, access_hint, access_none, access_take, access_give, access_level, level_read, level_use,
    level_manage, level_owner,
    topology, topology_hint, nodes, checked, chain_is_busy, operation_failed, since, fabric_version, consensus,
    state_database, first_channel, batch_timeout, profiles, profiles_hint, start, stop, restart, delete,
    profile, material, material_hint, material_own, material_admin, material_admin_warning, password_again,
    stop_impact, restart_impact, delete_impact_nodes, delete_impact_data, delete_impact_keys,
    type_the_name,
    // Channels and nodes
    create_channel, joining_peers, joining_peers_hint, joined, not_joined,
    join, anchor_peer, set_anchors, anchor_peers, configuration, sequence,
    channel, channels, no_channels, no_channels_hint, last_block, logs, tail, filter, follow, wrap,
    lines,
    pause, go_on, earlier, later, waiting_lines, download, stream_lost,
    // Hosts
    add_host, no_hosts, no_hosts_hint, no_hosts_operator_hint, engine, last_seen, api_version,
    capacity,
    image_local,
    address,
    save, saved,
    // Wizard
    step_name, review, chain_name, organizations_hint, organization_n, add_organization,
    remove_organization_n, consensus_hint, batch_timeout_ms, batch_timeout_hint, resources,
    cpu_milli, memory_mib, preflight, check_again, check_engine, check_disk, check_clock,
    check_names, plan, port_block, plan_files, plan_files_hint,
    // Operations
    operation, no_operations, no_operations_hint, steps, n_of_m, attempt_n, record, resume,
    resume_impact, undo, undo_impact, cancel_operation, cancel_impact, open_chain, failed_at,
    left_behind, evidence, copy_report,
    // Chaincode
    chaincode, no_chaincode, no_chaincode_hint, deploy_chaincode,
    policy, policy_hint,
    init_required,
    approve,
    // Calls
    invoke, identity, identity_hint, function, arguments, arguments_as, arguments_list,
    arguments_list_hint, arguments_json, arguments_json_hint, sample_calls, query, query_hint,
    submit, submit_hint, query_or_submit, query_answer, submit_outcome, answer, hexadecimal,
    transact_not_now, call, transaction, transactions, open_transaction, no_transactions,
    no_transactions_hint, endorse_time, commit_time,
    order_time, is_init, transient, transient_hint, endorsing, endorsing_hint,
    // Ledger
    block, block_n, previous_block, next_block, hash, previous_hash, data_hash, hash_verified,
    hash_differs, validation, creator, endorsers, event, read_write_set, reads, writes, namespace,
    key, value, deleted,
    // People and audit
    role, role_admin, role_operator, role_user, last_sign_in, create_user,
    user_made, no_audit, no_audit_hint,
}

texts! {
    /// What only hosts that are clusters have.
    ClusterText {}
    engine_cluster, server, server_hint, sign_in, sign_in_token, sign_in_certificate,
    sign_in_kubeconfig, sign_in_own, no_own_hint, token, token_hint, trust, trust_ca, trust_pinned,
    pinned, pinned_hint, kubeconfig, kubeconfig_hint, kubeconfig_file, kubeconfig_read, context,
    contexts_refused, client_address_hint, port_first_hint, namespace_prefix, namespace_prefix_hint,
    storage, storage_default, storage_named, storage_nfs, storage_local, storage_class, nfs_server,
    nfs_path, kube_node, local_path, volume_gib, exposure, exposure_node_port, exposure_load_balancer,
    exposure_cluster_ip, image_missing_local, annotations, entries_hint, registry_prefix, registry_prefix_hint,
    node_selector, tolerations, tolerations_hint, settings, keep_hint, connection_fine,
    keep_folders, keep_folders_hint, keep_impact_data, check_permissions, check_quota, permissions_missing,
    rights, rights_hint, rights_show,
}

texts! {
    /// Where nodes run, and why one does not.
    NodeText {}
    restarts, last_exit, exit_code_n, machine, which_process, process_now, process_before,
    no_earlier_lines, image_not_on_host, image_not_in_registry, image_denied, registry_unreachable,
    image_not_pulled, image_name_malformed, no_machine, machine_out_of_sight, machine_closed, out_of_memory,
    ends_again, not_well, moved_away, cannot_be_made, cannot_start, not_allowed, not_mounted, no_volume,
    no_network, data_going, paused, other_reason,
    limits, limits_value, resize, resize_hint, resize_cpu, resize_cpu_hint, resize_memory, resize_memory_hint,
}

texts! {
    /// People as an admin keeps them, and how somebody gets in for the first time.
    PeopleText {}
    email, email_hint, email_optional, first_sign_in, way_link, way_generated, way_hint, password_given_hint, copy_now,
    link_title, link_hint, generated_title, generated_hint, good_until,
    state_active, state_invited, state_waiting, state_disabled, no_users, no_users_hint,
    quota, quota_source, quota_of_role, quota_own, quota_chains, quota_hours, quota_hours_hint, quota_calls,
    quota_calls_hint, chains_n, hours_n, calls_n, chains_owned, second_factor, second_factor_on, second_factor_off, never,
    locked_until, edit, role_hint, role_own, actions, enable, enable_hint, approve, approve_hint, disable, disable_impact,
    unlock, unlock_hint, reset, reset_link, reset_impact, reset_link_impact, reset_factor, reset_factor_impact, delete,
    delete_impact, delete_impact_grants, refuse, refuse_impact, why_own, why_own_factor, why_no_factor, why_last_admin, why_owns_chains, why_not_locked, why_cannot_sign_in,
    welcome_title, welcome_hint, welcome_button, new_password, new_password_hint, to_sign_in,
    register_hint, register_button, register_sent, register_sent_hint,
    registration, registration_on, registration_off, registration_open, registration_close,
    mail, mail_on, mail_off, mail_try, mail_try_sent, mail_try_no_address, mail_try_failed, mailed_to,
    mail_invite, mail_reset, mail_ending, mail_waiting, mail_again, mail_sent, mail_failed,
}

texts! {
    /// Templates of chains, the pools that are filled from them, and what a host says of new chains.
    TemplateText {}
    templates, templates_hint, no_templates, no_templates_hint, new_template, import, import_hint,
    import_text, export, edit_template, save, saved, delete, delete_impact, title, description,
    name_hint, size, size_value, organizations_hint, with_chaincode, chaincode_version,
    chaincode_image, chaincode_image_hint, pool, pool_hint, free, owned, held_of, not_schedulable,
    no_pooled, template, owner, in_pool_free, in_pool_owned, fill, fill_hint, count, count_hint,
    autofill, autofill_on, autofill_off, autofill_start, autofill_stop, autofill_pause, clean,
    clean_impact, clean_impact_owned, reset, reset_impact, reset_impact_foreign, last_run,
    row_done, row_waiting, row_running, row_failed, schedulable, log_level, log_level_hint,
    level_debug, level_info, level_warning, level_error,
}

texts! {
    /// Getting a chain from the pool.
    PoolText {}
    apply, apply_hint, quota, chains_used, chains, lifetime, lifetime_hours, lifetime_none,
    calls, calls_minute, calls_none, by_template, by_template_hint, free_n, take, no_templates,
    by_name, by_name_hint, none_free, chain, by_size, by_size_hint, any, consensus, peers,
    another, queue, submit, waiting, waiting_hint, position, wish, since, leave, own, own_none,
}

texts! {
    /// Whose a chain is, and giving it back.
    HolderText {}
    holder, owner, nobody, nobody_free, you, template, not_pooled, claimed, expires, no_end,
    ends_soon, inherited, dismiss, release, release_impact_owner, release_impact_anew,
    release_impact_delete, free, free_impact_owner, free_impact_ledger, free_impact_keys, extend,
    extend_hint, hours, give, give_hint, user, give_button, delete_claimed,
}

texts! {
    /// What other pages say of the pool and of what somebody may have.
    AllowanceText {}
    get_chain, get_chain_hint, until, calls_left,
}

texts! {
    /// Where a sign-in asks for its second factor, and the way to an account.
    CodeText {}
    title, code, hint, again, register_title,
}

mod account;

pub use account::AccountText;

mod stats;

pub use stats::{NoticeText, StatsText};
