//! The table of one's own account.

use super::Entries;

texts! {
    /// What only the page of one's own account has.
    AccountText {}
    must_change, needs_factor,
    profile, picture_of, display_name, location, bio, time_zone, time_zone_hint, shortcuts, shortcuts_on, shortcuts_off,
    password, password_old, password_new, password_change, password_changed, password_ends,
    factor, factor_hint, factor_none, factor_since, recovery_left, prove_hint, prove, begin, remove, remove_hint,
    scan, secret, recovery, recovery_hint, first_code, confirm,
    sessions, sessions_hint, device, device_of, device_unknown, address, last_seen, this_one, end,
    required, required_hint,
}
