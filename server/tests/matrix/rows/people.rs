//! Of people who may sign in.

use serde_json::json;

use super::{ADMIN, Row};
use crate::bed::PASSWORD;

/// One row a server function.
pub fn rows() -> Vec<Row> {
    let made = [401, 403, 403, 200];
    let invited = |name: &str| json!({ "invitation": { "name": name, "role": "user", "email": null } });
    let edit = json!({ "role": "operator", "email": "none@example.org", "quota": null });
    let id = json!({ "id": "none" });
    vec![
        ("mail_read", json!({}), made),
        // No mail is sent.
        ("mail_test", json!({}), ADMIN),
        ("registration_read", json!({}), [200; 4]),
        ("registration_set", json!({ "open": false }), made),
        ("user_create", json!({ "user": { "name": "mona", "role": "user", "password": PASSWORD } }), made),
        ("user_delete", id.clone(), ADMIN),
        ("user_disable", id.clone(), ADMIN),
        ("user_edit", json!({ "id": "none", "edit": edit }), ADMIN),
        ("user_enable", id.clone(), ADMIN),
        ("user_generate", invited("gina"), made),
        ("user_invite", invited("ivy"), made),
        ("user_page", json!({ "query": { "filters": { "role": "user" }, "sort": "created" } }), made),
        ("user_read", id.clone(), ADMIN),
        ("user_reset_password", id.clone(), ADMIN),
        ("user_unlock", id, ADMIN),
    ]
}
