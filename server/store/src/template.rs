//! Templates, by name. Few enough to be read at once.

use domain::name::{HostName, TemplateName};
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
/// A host that is to be kept full from it writes the counter, too: of both one looks again.
const DELETE: &str = "UPSERT type::record('counter', 'templates') SET amount = (amount ?? 0) + 1;
    IF !record::exists(type::record('template', $name)) { THROW 'heddle:absent' };
    IF count(SELECT id FROM host WHERE string::contains(spec, $autofill) LIMIT 1) > 0 { THROW 'heddle:used' };
    DELETE type::record('template', $name)";
/// Hosts that are named of those that are kept full from a template.
const HOSTS_TOLD: u32 = 10;
/// Deletions that hosts kept getting in the way of, and were gone when they were looked for.
const DELETE_TRIES: u32 = 4;

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

    /// Removes a template from which no host is kept full, else it is refused with the names of the first of those; chains
    /// that were made from it stay. `NotFound` if it is gone.
    pub async fn template_delete(
        &self,
        name: &TemplateName,
    ) -> Result<Result<(), Vec<HostName>>, StoreError> {
        // A host's specification is one text. No quote in a value of it stands without a backslash.
        let autofill = format!("\"autofill\":{}", encode(name)?);
        for _ in 0..DELETE_TRIES {
            let bindings = json!({ "name": name.as_str(), "autofill": autofill });
            match self.write(Query::new(DELETE, bindings)).await {
                Err(error) if error.thrown("used") => {}
                other => return absent(other).map(Ok),
            }
            let hosts = self.hosts_filled(&autofill).await?;
            if !hosts.is_empty() {
                return Ok(Err(hosts));
            }
        }
        Err(StoreError::Conflict { reason: "hosts begin and cease to be kept full from it".to_owned() })
    }

    async fn hosts_filled(&self, autofill: &str) -> Result<Vec<HostName>, StoreError> {
        #[derive(Deserialize)]
        struct Named {
            name: HostName,
        }
        let text = "SELECT name FROM host WHERE string::contains(spec, $autofill) ORDER BY name LIMIT $limit";
        let bindings = json!({ "autofill": autofill, "limit": HOSTS_TOLD });
        let rows: Vec<Named> = self.read(Query::new(text, bindings)).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
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
    use domain::host::HostSpec;
    use domain::id::HostId;

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
        store.template_delete(&name("small")).await.unwrap().unwrap();
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_host_is_kept_full_from_what_is_deleted() {
        const HOSTS: usize = 4;
        let store = Store::open("mem://").await.unwrap();
        let mut template = store.template_read(&name("bft")).await.unwrap().unwrap();
        let ids: Vec<HostId> = (0..HOSTS).map(|number| HostId::new(format!("h{number}"))).collect();
        for (number, id) in ids.iter().enumerate() {
            let host_name = HostName::parse(&format!("host{number}")).unwrap();
            let spec = HostSpec::local(host_name, &format!("/{number}.sock"));
            let status = domain::host::HostStatus::default();
            let record = crate::HostRecord { id: id.clone(), spec, status, created_ms: 1 };
            store.host_create(&record, None).await.unwrap();
        }
        for number in 0..HOSTS {
            template.name = name(&format!("t-{number}"));
            store.template_create(&template).await.unwrap();
        }
        store.host_autofill_save(&ids[0], Some(&name("t-0"))).await.unwrap();
        let used = store.template_delete(&name("t-0")).await.unwrap().unwrap_err();
        assert_eq!(used, [HostName::parse("host0").unwrap()]);
        store.host_autofill_save(&ids[0], None).await.unwrap();
        // Each template is deleted while a host is to be kept full from it.
        let mut tries = Vec::new();
        for (number, id) in ids.into_iter().enumerate() {
            let (filling, deleting, one) = (store.clone(), store.clone(), name(&format!("t-{number}")));
            let other = one.clone();
            tries.push((
                tokio::spawn(async move { filling.host_autofill_save(&id, Some(&one)).await.is_ok() }),
                tokio::spawn(async move { deleting.template_delete(&other).await.unwrap().is_ok() }),
            ));
        }
        for (filled, deleted) in tries {
            assert_ne!(filled.await.unwrap(), deleted.await.unwrap());
        }
    }
}
