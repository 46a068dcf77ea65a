//! What somebody says of themselves and how the pages look for them. The record id is the person's.

use domain::id::UserId;
use domain::profile::Profile;
use serde::Deserialize;
use serde_json::json;

use crate::database::Query;
use crate::{Store, StoreError};

/// How the pages look for somebody: words of the pages' own, which nobody here reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Look {
    /// Tag of a language; none was chosen.
    pub language: Option<String>,
    /// Word of a theme; none was chosen.
    pub theme: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    display_name: String,
    organization: String,
    location: String,
    bio: String,
    time_zone: String,
    shortcuts: bool,
}

impl From<Row> for Profile {
    fn from(row: Row) -> Self {
        Self {
            display_name: row.display_name,
            organization: row.organization,
            location: row.location,
            bio: row.bio,
            time_zone: row.time_zone,
            shortcuts: row.shortcuts,
        }
    }
}

const SAVE: &str = "UPSERT type::record('profile', $user) SET user = $user, display_name = $display_name,
    organization = $organization, location = $location, bio = $bio, time_zone = $time_zone,
    shortcuts = $shortcuts";

impl Store {
    /// A person's profile, if they ever wrote one.
    pub async fn profile_read(&self, user: &UserId) -> Result<Option<Profile>, StoreError> {
        let text = "SELECT * OMIT id FROM type::record('profile', $user)";
        let query = Query::new(text, json!({ "user": user.as_str() }));
        Ok(self.read_one::<Row>(query).await?.map(Profile::from))
    }

    /// Creates or replaces a profile.
    pub async fn profile_save(&self, user: &UserId, profile: &Profile) -> Result<(), StoreError> {
        let bindings = json!({
            "user": user.as_str(),
            "display_name": profile.display_name,
            "organization": profile.organization,
            "location": profile.location,
            "bio": profile.bio,
            "time_zone": profile.time_zone,
            "shortcuts": profile.shortcuts,
        });
        self.write(Query::new(SAVE, bindings)).await
    }

    /// How the pages look for somebody.
    pub async fn look_read(&self, user: &UserId) -> Result<Look, StoreError> {
        let text = "SELECT * OMIT id FROM type::record('look', $user)";
        let query = Query::new(text, json!({ "user": user.as_str() }));
        Ok(self.read_one(query).await?.unwrap_or_default())
    }

    /// Notes what somebody chose; what they did not choose now stays as it was.
    pub async fn look_save(&self, user: &UserId, look: &Look) -> Result<(), StoreError> {
        let text = "UPSERT type::record('look', $user) SET language = $language ?? language,
            theme = $theme ?? theme";
        let bindings = json!({ "user": user.as_str(), "language": look.language, "theme": look.theme });
        self.write(Query::new(text, bindings)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_profile_is_replaced_and_a_look_is_completed() {
        let store = Store::open("mem://").await.unwrap();
        let user = UserId::new("u1");
        assert_eq!(store.profile_read(&user).await.unwrap(), None);
        let profile = Profile { bio: "weaves".to_owned(), shortcuts: false, ..Profile::default() };
        for profile in [Profile::default(), profile] {
            store.profile_save(&user, &profile).await.unwrap();
            assert_eq!(store.profile_read(&user).await.unwrap(), Some(profile));
        }
        assert_eq!(store.profile_read(&UserId::new("u2")).await.unwrap(), None);
        assert_eq!(store.look_read(&user).await.unwrap(), Look::default());
        let look = |language: Option<&str>, theme: Option<&str>| Look {
            language: language.map(str::to_owned),
            theme: theme.map(str::to_owned),
        };
        store.look_save(&user, &look(Some("en"), None)).await.unwrap();
        assert_eq!(store.look_read(&user).await.unwrap(), look(Some("en"), None));
        store.look_save(&user, &look(None, Some("dark"))).await.unwrap();
        assert_eq!(store.look_read(&user).await.unwrap(), look(Some("en"), Some("dark")));
    }
}
