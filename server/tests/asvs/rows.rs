//! The table, in the order of the requirements.

/// What proves a requirement.
#[derive(Clone, Copy)]
pub enum Proof {
    /// Files below the product's root, and tests in them.
    Tests(&'static [(&'static str, &'static str)]),
    /// Why there is nothing to prove.
    None(&'static str),
}

/// Requirements that the same tests prove.
pub struct Row {
    pub ids: &'static [&'static str],
    pub proof: Proof,
}

const ACCOUNT: &str = "server/tests/process/account.rs";
const AUDITED: &str = "server/tests/matrix/audited.rs";
const ASSIGNED: &str = "server/tests/matrix/assigned.rs";
const HOSTILE: &str = "server/tests/hostile.rs";
const MARKUP: &str = "server/tests/hostile/markup.rs";
const MATRIX: &str = "server/tests/matrix.rs";
const PLANE_ACCOUNT: &str = "server/control/tests/plane/account.rs";
const PEOPLE: &str = "server/control/tests/plane/people.rs";
const PROCESS: &str = "server/tests/process.rs";
const SESSIONS: &str = "server/tests/process/sessions.rs";
const SIGN_IN: &str = "server/control/tests/plane/sign_in.rs";

const HEADERS: (&str, &str) = (PROCESS, "every_answer_carries_the_headers_that_protect_it");
const TLS_COOKIE: (&str, &str) = (PROCESS, "with_tls_the_cookie_is_bound_to_it_and_nothing_else_is_spoken");
const FOREIGN: (&str, &str) = (PROCESS, "what_another_site_asks_is_refused_and_recorded");

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    [INPUT, BROWSER, FILES, GUESSES, LASTING, RIGHTS, SECRETS, SERVED].into_iter().flatten()
}

const fn line(ids: &'static [&'static str], proof: Proof) -> Row {
    Row { ids, proof }
}

/// What comes in: texts, addresses, steps.
const INPUT: &[Row] = &[
    line(
        &["1.2.1"],
        Proof::Tests(&[
            (MARKUP, "v1_2_1_two_hundred_strings_in_every_text_stay_text"),
            (MARKUP, "what_is_written_as_it_is_would_be_found"),
            ("app/src/chart/tests.rs", "nothing_from_outside_becomes_markup"),
            ("server/src/http/refusal.rs", "markup_in_a_value_stays_text"),
            ("server/xtask/src/tidy/text.rs", "markup_that_pages_must_not_have"),
            ("server/xtask/src/tidy/text.rs", "text_areas_have_no_content"),
        ]),
    ),
    line(
        &["1.2.2"],
        Proof::Tests(&[
            ("app/src/session.rs", "links_that_run_code_are_cut"),
            ("app/src/session.rs", "only_own_paths_lead_on"),
            ("server/xtask/src/tidy/text.rs", "addresses_out_of_data_are_made_safe"),
        ]),
    ),
    line(&["1.2.4"], Proof::Tests(&[("server/xtask/src/tidy/rust.rs", "queries_from_text")])),
    line(&["1.2.5"], Proof::Tests(&[("server/tests/asvs.rs", "v1_2_5_the_portal_starts_no_program")])),
    line(
        &["1.2.10"],
        Proof::Tests(&[
            ("server/src/http/exports.rs", "u16_no_cell_is_a_formula"),
            ("server/control/src/audit/csv.rs", "whatever_stands_in_a_cell_stays_text_in_its_cell"),
        ]),
    ),
    line(
        &["1.3.6"],
        Proof::Tests(&[
            ("server/agents/src/address.rs", "v1_3_6_addresses_that_are_never_called"),
            ("server/agents/src/address.rs", "loopback_is_allowed_only_by_option_and_nothing_else_with_it"),
        ]),
    ),
    line(
        &["1.5.2"],
        Proof::Tests(&[
            (MATRIX, "malformed_input_is_refused_by_every_server_function"),
            (ASSIGNED, "v15_3_3_fields_that_nobody_asked_for_change_nothing"),
        ]),
    ),
    line(
        &["2.2.1", "2.2.2"],
        Proof::Tests(&[
            ("app/src/pages/chain_new/draft.rs", "limits_of_the_domain_hold_here_too"),
            ("server/domain/src/host/tests.rs", "each_wrong_value_is_named_on_its_field"),
            (
                "server/control/src/host/tests.rs",
                "wrong_values_are_refused_on_their_field_and_change_nothing",
            ),
        ]),
    ),
    line(
        &["2.3.1"],
        Proof::Tests(&[
            ("server/domain/src/chain.rs", "a_stopped_chain_can_be_started_or_deleted_only"),
            ("server/control/tests/calls.rs", "a_deployment_can_be_made_step_by_step"),
            (ACCOUNT, "a_code_follows_the_password_in_a_session_that_answers_nothing_else"),
        ]),
    ),
    line(
        &["2.3.3"],
        Proof::Tests(&[
            ("server/control/tests/operations.rs", "every_registered_operation_is_played"),
            ("server/workflow/tests/kit.rs", "planted_bugs_are_caught"),
            ("server/tests/crash.rs", "a_creation_outlives_kills_at_three_points"),
        ]),
    ),
    line(
        &["2.4.1"],
        Proof::Tests(&[
            ("server/store/src/tests/tenure.rs", "claims_of_one_person_never_pass_the_quota_together"),
            (
                "server/control/tests/plane/pool.rs",
                "whoever_has_made_the_calls_of_a_minute_is_told_when_the_next_one_is",
            ),
            (HOSTILE, "hostile_image_archives_are_refused_and_leave_nothing_but_their_rows_in_the_audit"),
        ]),
    ),
];

/// What a browser is told.
const BROWSER: &[Row] = &[
    line(&["3.2.1"], Proof::Tests(&[HEADERS])),
    line(&["3.3.1", "3.3.3"], Proof::Tests(&[TLS_COOKIE, (PROCESS, "without_tls_neither_is_claimed")])),
    line(&["3.3.2", "3.3.4"], Proof::Tests(&[TLS_COOKIE, HEADERS])),
    line(&["3.4.1"], Proof::Tests(&[TLS_COOKIE])),
    line(&["3.4.2", "3.4.4", "3.4.5", "3.4.8"], Proof::Tests(&[HEADERS])),
    line(&["3.4.3", "3.4.6"], Proof::Tests(&[HEADERS, (PROCESS, "answers_do_not_mix")])),
    line(&["3.5.1", "3.5.2"], Proof::Tests(&[FOREIGN, (PROCESS, "a_foreign_name_or_page_is_refused")])),
    line(&["3.5.3"], Proof::Tests(&[(ASSIGNED, "v3_5_3_no_server_function_is_asked_by_an_address")])),
    line(
        &["3.5.8"],
        Proof::Tests(&[
            FOREIGN,
            ("server/src/http/foreign.rs", "another_site_leads_to_pages_and_reads_nothing"),
        ]),
    ),
    line(&["4.1.1"], Proof::Tests(&[(MARKUP, "v1_2_1_two_hundred_strings_in_every_text_stay_text")])),
    line(
        &["4.1.3", "15.3.4"],
        Proof::Tests(&[(
            "server/src/http/caller.rs",
            "forwarded_addresses_are_believed_from_trusted_peers_only",
        )]),
    ),
    line(
        &["4.4.1", "4.4.2"],
        Proof::None(
            "There is no WebSocket; what is live comes as a stream of events, which another site does not get (3.5.1).",
        ),
    ),
];

/// Archives, and what stands in them.
const FILES: &[Row] = &[
    line(
        &["5.2.1", "5.2.3"],
        Proof::Tests(&[
            (HOSTILE, "hostile_packages_are_refused_and_leave_nothing"),
            ("server/agents/src/archive/tests.rs", "bombs_are_refused"),
        ]),
    ),
    line(
        &["5.2.5", "5.3.2", "5.3.3"],
        Proof::Tests(&[
            (HOSTILE, "hostile_packages_are_refused_and_leave_nothing"),
            (HOSTILE, "hostile_image_archives_are_refused_and_leave_nothing_but_their_rows_in_the_audit"),
            ("server/agents/src/archive/tests.rs", "links_devices_and_ways_out_are_refused"),
        ]),
    ),
];

/// Passwords, codes and guesses.
const GUESSES: &[Row] = &[
    line(
        &["6.1.1"],
        Proof::Tests(&[
            (SIGN_IN, "a_stranger_does_not_keep_somebody_out"),
            (SIGN_IN, "a_neighbour_who_guesses_keeps_nobody_out_who_was_in_before"),
            (PEOPLE, "a_wait_is_ended_by_an_admin"),
        ]),
    ),
    line(
        &["6.2.1", "6.2.5", "6.2.6", "6.2.7", "6.2.8", "6.2.9"],
        Proof::Tests(&[("server/domain/src/user.rs", "length_is_counted_in_characters")]),
    ),
    line(
        &["6.2.2", "6.2.3"],
        Proof::Tests(&[
            (PLANE_ACCOUNT, "sessions_are_their_owners_and_a_new_password_ends_the_others"),
            (ACCOUNT, "every_step_up_gives_a_session_another_id"),
        ]),
    ),
    line(
        &["6.2.4", "6.2.12"],
        Proof::Tests(&[("server/control/src/password.rs", "common_passwords_are_refused")]),
    ),
    line(
        &["6.3.1"],
        Proof::Tests(&[
            (SIGN_IN, "v6_3_1_of_a_thousand_guesses_a_few_in_a_minute_are_looked_at"),
            (SIGN_IN, "a_hundred_guesses_at_once_are_no_more_than_a_few"),
            (PLANE_ACCOUNT, "guesses_of_codes_are_slowed_down"),
        ]),
    ),
    line(
        &["6.3.2"],
        Proof::Tests(&[
            (PROCESS, "there_is_one_set_up_and_a_new_session_for_each_sign_in"),
            ("server/control/src/setup.rs", "only_the_token_fits"),
        ]),
    ),
    line(
        &["6.3.3"],
        Proof::Tests(&[(ACCOUNT, "a_role_that_needs_a_second_factor_gets_nothing_else_without_one")]),
    ),
    line(
        &["6.3.4"],
        Proof::None(
            "There is one way to sign in, by form; neither tokens nor sign-ins elsewhere are accepted.",
        ),
    ),
    line(
        &["6.3.8"],
        Proof::Tests(&[
            ("server/control/src/user/tests.rs", "v6_3_8_every_sign_in_compares_one_password"),
            ("server/control/src/password.rs", "v6_3_8_the_hash_of_nobody_costs_what_those_of_people_cost"),
            (PROCESS, "a_wrong_password_says_nothing_and_soon_waits"),
        ]),
    ),
    line(
        &["6.4.1"],
        Proof::Tests(&[
            (PEOPLE, "a_generated_password_is_to_be_replaced_within_a_day"),
            ("server/control/src/user/link.rs", "generated_passwords_are_long_enough_and_never_the_same"),
        ]),
    ),
    line(&["6.4.6"], Proof::Tests(&[(PEOPLE, "a_link_is_good_once_and_for_a_day")])),
    line(
        &["6.5.1"],
        Proof::Tests(&[
            (PLANE_ACCOUNT, "a_code_counts_once_and_beside_its_own_half_minute"),
            ("server/store/src/second_factor.rs", "a_step_counts_once_and_no_earlier_one_after_it"),
        ]),
    ),
    line(
        &["6.5.2"],
        Proof::Tests(&[(
            "server/store/src/second_factor.rs",
            "a_recovery_code_counts_once_among_many_who_use_it",
        )]),
    ),
];

/// Sessions, and what ends them.
const LASTING: &[Row] = &[
    line(
        &["7.2.1", "7.2.3", "7.2.4"],
        Proof::Tests(&[
            (SESSIONS, "v7_2_4_an_id_that_somebody_chose_before_signs_nobody_in"),
            (PROCESS, "there_is_one_set_up_and_a_new_session_for_each_sign_in"),
            (ACCOUNT, "every_step_up_gives_a_session_another_id"),
        ]),
    ),
    line(
        &["7.3.1", "7.3.2"],
        Proof::Tests(&[
            (PROCESS, "a_session_ends_when_it_idles_and_when_it_is_old"),
            (PROCESS, "how_long_a_session_lasts_is_an_option"),
        ]),
    ),
    line(
        &["7.4.1"],
        Proof::Tests(&[
            (SESSIONS, "v7_4_1_a_cookie_is_worth_nothing_after_the_sign_out_also_in_a_stream"),
            ("server/store/src/tests.rs", "an_ended_session_does_not_come_back"),
        ]),
    ),
    line(&["7.4.2"], Proof::Tests(&[(PEOPLE, "whoever_is_disabled_is_signed_out_and_stays_out")])),
    line(
        &["7.4.3", "7.4.5", "7.5.2"],
        Proof::Tests(&[
            (SESSIONS, "signing_out_everywhere_ends_every_session_and_stream"),
            (ACCOUNT, "one_session_of_several_is_ended_with_its_streams"),
        ]),
    ),
    line(&["7.5.1", "7.5.3"], Proof::Tests(&[(PLANE_ACCOUNT, "a_proof_counts_for_five_minutes")])),
];

/// Who may do what, and see what.
const RIGHTS: &[Row] = &[
    line(
        &["8.2.1", "8.2.2"],
        Proof::Tests(&[
            (MATRIX, "every_server_function_answers_each_role_as_the_table_says"),
            (MATRIX, "every_route_answers_each_role_as_the_table_says"),
            (MATRIX, "what_exists_is_hidden_from_strangers_and_shown_to_who_may_see_it"),
        ]),
    ),
    line(
        &["8.2.3", "15.3.1"],
        Proof::Tests(&[
            ("server/control/tests/plane/rights.rs", "nobody_hears_of_what_they_cannot_read"),
            ("server/control/tests/plane/overview.rs", "figures_hold_nothing_out_of_reach"),
            ("server/control/src/host/tests.rs", "credentials_are_sealed_used_and_never_shown"),
        ]),
    ),
    line(
        &["8.3.1", "8.3.2"],
        Proof::Tests(&[
            ("server/control/tests/access.rs", "each_level_allows_what_it_says_until_it_is_taken_away"),
            ("server/control/tests/calls.rs", "a_call_is_allowed_by_what_holds_at_that_moment"),
        ]),
    ),
    line(
        &["8.4.1"],
        Proof::Tests(&[
            ("server/control/tests/plane/lists.rs", "a_page_of_chains_holds_what_the_caller_may_read"),
            ("server/control/tests/plane/search.rs", "u8_only_what_is_in_reach_is_found"),
            (MATRIX, "the_stream_of_events_names_no_foreign_chain"),
        ]),
    ),
];

/// Keys, and what is sealed and said with them.
const SECRETS: &[Row] = &[
    line(
        &["11.3.2", "11.3.3"],
        Proof::Tests(&[
            ("server/control/src/secrets.rs", "any_changed_byte_is_noticed"),
            ("server/control/src/secrets.rs", "a_secret_opens_only_in_its_place_with_its_key"),
        ]),
    ),
    line(
        &["11.4.2"],
        Proof::Tests(&[("server/control/src/password.rs", "v11_4_2_a_hash_costs_what_it_has_to")]),
    ),
    line(
        &["11.5.1"],
        Proof::Tests(&[("server/tests/asvs.rs", "v11_5_1_nothing_is_drawn_from_a_weak_source")]),
    ),
    line(
        &["12.1.1", "12.3.2"],
        Proof::Tests(&[
            ("server/src/serve/tests.rs", "tls_with_http_2_and_certificates_that_change"),
            (
                "server/agents/src/kubernetes/probe/tests.rs",
                "a_foreign_authority_or_another_name_fails_at_tls",
            ),
        ]),
    ),
    line(
        &["13.2.4"],
        Proof::Tests(&[
            ("server/src/compose.rs", "engines_are_called_in_the_named_networks_only"),
            ("server/src/compose.rs", "clusters_are_called_in_the_named_networks_only"),
        ]),
    ),
    line(
        &["13.3.1"],
        Proof::Tests(&[
            ("server/control/tests/calls/further.rs", "the_data_folder_holds_nothing_private_in_the_clear"),
            ("server/control/src/host/tests.rs", "credentials_are_sealed_used_and_never_shown"),
        ]),
    ),
];

/// What is served and built, how it fails, and what is recorded of it.
const SERVED: &[Row] = &[
    // Neither figures nor documents nor pages for debugging: what is served stands in one table.
    line(&["13.4.2", "13.4.5"], Proof::Tests(&[(MATRIX, "every_page_and_route_has_a_row")])),
    line(
        &["14.2.1", "14.3.2"],
        Proof::Tests(&[
            HEADERS,
            (PROCESS, "signing_out_clears_what_the_browser_kept"),
            (
                "end2end/specs/inputs.spec.ts",
                "a form that is sent before its script is there keeps its secrets out of the address",
            ),
        ]),
    ),
    line(
        &["15.1.2"],
        Proof::Tests(&[
            ("server/xtask/src/licences.rs", "crates_of_others_are_listed"),
            ("server/xtask/src/tidy/dependencies.rs", "a_new_crate_needs_a_row"),
        ]),
    ),
    line(
        &["15.3.2"],
        Proof::None(
            "No client of the portal follows redirects: they speak HTTP on one connection, which was dialled before.",
        ),
    ),
    line(
        &["15.3.3"],
        Proof::Tests(&[
            (ASSIGNED, "v15_3_3_fields_that_nobody_asked_for_change_nothing"),
            (ASSIGNED, "v15_3_3_forms_are_of_who_sends_them_whatever_they_name"),
        ]),
    ),
    line(
        &["15.4.2"],
        Proof::Tests(&[
            ("server/control/tests/plane/keys.rs", "fifty_creations_of_one_name_are_one_chain"),
            ("server/control/tests/plane/reconcile.rs", "a_chain_that_is_deleted_meanwhile_leaves_no_node"),
            ("server/store/src/tests/people.rs", "two_admins_do_not_take_the_rights_of_each_other_at_once"),
        ]),
    ),
    line(
        &["16.2.1", "16.3.1", "16.3.2"],
        Proof::Tests(&[
            (AUDITED, "every_server_function_that_changes_something_leaves_a_row"),
            (AUDITED, "every_route_that_changes_something_or_gives_it_away_leaves_a_row"),
            (PROCESS, "refusals_stand_in_the_audit_once_each"),
        ]),
    ),
    line(
        &["16.4.1", "16.4.2"],
        Proof::Tests(&[
            ("server/control/src/audit/csv.rs", "whatever_stands_in_a_cell_stays_text_in_its_cell"),
            ("server/control/src/audit/verify.rs", "the_first_flaw_is_named"),
            (PROCESS, "the_audit_is_verified_beside_the_portal"),
        ]),
    ),
    line(
        &["16.5.1", "16.5.3", "16.5.4"],
        Proof::Tests(&[
            ("server/src/http/panics.rs", "a_panic_is_an_answer"),
            ("server/src/http/panics.rs", "a_browser_gets_a_page_in_its_language"),
            ("server/src/http/refusal.rs", "a_failure_is_told_as_it_was_asked"),
        ]),
    ),
];
