//! Of somebody's own account.

use serde_json::json;

use super::{ADMIN, ALL, Row};

/// One row a server function.
pub fn rows() -> Vec<Row> {
    vec![
        ("look_save", json!({ "language": "en", "theme": "dark" }), ALL),
        ("profile_read", json!({}), ALL),
        ("second_factor_read", json!({}), ALL),
        ("second_factor_roles_save", json!({ "roles": [] }), [401, 403, 403, 200]),
        ("session_list", json!({}), ALL),
        ("user_reset_second_factor", json!({ "user": "nobody" }), ADMIN),
    ]
}
