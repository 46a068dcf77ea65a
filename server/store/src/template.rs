//! Templates, by name. Few enough to be read at once.

use domain::name::TemplateName;
use domain::template::{TEMPLATES_MAX, Template};
use serde::Deserialize;
use serde_json::json;

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

#[derive(Deserialize)]
struct Row {
    record: String,
}

impl TryFrom<Row> for Template {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        decode(&row.record)
    }
}

/// Touching the counter makes parallel creations overtake each other, so that the limit holds.
const CREATE: &str = "UPSERT type::record('counter', 'templates') SET amount = (amount ?? 0) + 1;
    IF count(SELECT name FROM template) >= $max { THROW 'heddle:full' };
    CREATE type::record('template', $name) SET name = $name, record = $record";
const SAVE: &str = "IF !record::exists(type::record('template', $name)) { THROW 'heddle:absent' };
    UPDATE type::record('template', $name) SET record = $record";
const DELETE: &str = "IF !record::exists(type::record('template', $name)) { THROW 'heddle:absent' };
    DELETE type::record('template', $name)";

impl Store {
    /// One template.
    pub async fn template_read(&self, name: &TemplateName) -> Result<Option<Template>, StoreError> {
        let query = Query::new(
            "SELECT record FROM type::record('template', $name)",
            json!({ "name": name.as_str() }),
        );
        self.read_one::<Row>(query).await?.map(Template::try_from).transpose()
    }

    /// Every template, by name.
    pub async fn template_list(&self) -> Result<Vec<Template>, StoreError> {
        let rows: Vec<Row> =
            self.read(Query::new("SELECT record, name FROM template ORDER BY name", json!({}))).await?;
        rows.into_iter().map(Template::try_from).collect()
    }

    /// Adds a template; `Taken` if the name exists, `Conflict` if there are as many as there may be.
    pub async fn template_create(&self, template: &Template) -> Result<(), StoreError> {
        let bindings = json!({
            "name": template.name.as_str(),
            "record": encode(template)?,
            "max": TEMPLATES_MAX,
        });
        match self.write(Query::new(CREATE, bindings)).await {
            Err(error) if error.is_existing() => Err(StoreError::Taken { what: "name" }),
            Err(error) if error.thrown("full") => {
                Err(StoreError::Conflict { reason: "there are as many templates as there may be".to_owned() })
            }
            other => other,
        }
    }

    /// Replaces a template; `NotFound` if it is gone.
    pub async fn template_save(&self, template: &Template) -> Result<(), StoreError> {
        let bindings = json!({ "name": template.name.as_str(), "record": encode(template)? });
        absent(self.write(Query::new(SAVE, bindings)).await)
    }

    /// Removes a template; chains that were made from it stay. `NotFound` if it is gone.
    pub async fn template_delete(&self, name: &TemplateName) -> Result<(), StoreError> {
        absent(self.write(Query::new(DELETE, json!({ "name": name.as_str() }))).await)
    }
}

fn absent(written: Result<(), StoreError>) -> Result<(), StoreError> {
    match written {
        Err(error) if error.thrown("absent") => Err(StoreError::NotFound),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TemplateName {
        TemplateName::parse(text).unwrap()
    }

    #[tokio::test]
    async fn the_first_templates_are_sound_and_one_that_is_deleted_stays_deleted() {
        let store = Store::open("mem://").await.unwrap();
        let first = store.template_list().await.unwrap();
        let names: Vec<&str> = first.iter().map(|template| template.name.as_str()).collect();
        assert_eq!(names, ["bft", "resilient", "small"]);
        for template in &first {
            assert_eq!(template.check(), Ok(()), "{}", template.name);
        }
        store.template_delete(&name("small")).await.unwrap();
        store.inner.migrate().await.unwrap();
        assert_eq!(store.template_read(&name("small")).await.unwrap(), None);
        assert!(matches!(store.template_delete(&name("small")).await, Err(StoreError::NotFound)));
    }

    #[tokio::test]
    async fn a_template_is_made_once_and_changed_as_long_as_it_is_there() {
        let store = Store::open("mem://").await.unwrap();
        let mut template = store.template_read(&name("bft")).await.unwrap().unwrap();
        let again = store.template_create(&template).await;
        assert!(matches!(again, Err(StoreError::Taken { what: "name" })), "{again:?}");
        template.title = "It's \"quoted\"; THROW 'x'".to_owned();
        store.template_save(&template).await.unwrap();
        assert_eq!(store.template_read(&name("bft")).await.unwrap().as_ref(), Some(&template));
        template.name = name("other");
        assert!(matches!(store.template_save(&template).await, Err(StoreError::NotFound)));
        for number in 3..TEMPLATES_MAX {
            template.name = name(&format!("t-{number}"));
            store.template_create(&template).await.unwrap();
        }
        template.name = name("other");
        let over = store.template_create(&template).await;
        assert!(matches!(over, Err(StoreError::Conflict { .. })), "{over:?}");
    }
}
