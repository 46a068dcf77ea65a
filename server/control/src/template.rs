//! Templates: what chains of the pool are made from. Everybody may read them, for people ask for a chain by one; admins
//! write them.

use domain::audit::{FieldChange, Public};
use domain::id::HostId;
use domain::name::{ChainName, HostName, TemplateName, check_address};
use domain::permission::{Action, Noun};
use domain::template::Template;
use domain::{Code, Error};
use serde_json::Value;
use store::StoreError;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::operations::demo_create::default_spec;
use crate::policy::{self, Resource};

mod text;

impl ControlPlane {
    /// Every template, by name.
    pub async fn template_list(&self, caller: &Caller) -> Result<Vec<Template>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Template))?;
        self.services.store.template_list().await.map_err(crate::error::store)
    }

    /// One template.
    pub async fn template_read(&self, caller: &Caller, name: &TemplateName) -> Result<Template, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Template))?;
        self.template(name).await
    }

    pub(crate) async fn template(&self, name: &TemplateName) -> Result<Template, Error> {
        let found = self.services.store.template_read(name).await.map_err(crate::error::store)?;
        found.ok_or_else(Error::not_found)
    }

    /// What a new template begins with, for whoever may make one.
    pub fn template_draft(&self, caller: &Caller) -> Result<Template, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Template))?;
        // The form leaves the name open.
        let name = TemplateName::parse("draft")?;
        let spec = default_spec(ChainName::parse(name.as_str())?, HostId::new(""))?;
        Ok(Template {
            name,
            title: String::new(),
            description: String::new(),
            version: spec.version,
            consensus: spec.consensus,
            orderers: spec.orderers,
            organizations: spec.organizations,
            channel: spec.channel,
            batch_timeout_ms: spec.batch_timeout_ms,
            resources: spec.resources,
            chaincode: None,
        })
    }

    /// A template as YAML, which [`ControlPlane::template_import`] reads.
    pub async fn template_export(&self, caller: &Caller, name: &TemplateName) -> Result<String, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Template))?;
        text::write(&self.template(name).await?)
    }

    /// Adds a template.
    pub async fn template_create(&self, caller: &Caller, template: Template) -> Result<Template, Error> {
        let object = object(&template.name);
        let result = self.template_create_checked(caller, template, "template-create").await;
        self.audit.record(caller, "template-create", &object, &result).await;
        result
    }

    /// Adds a template that is given as YAML. A refusal names its line, or its field.
    pub async fn template_import(&self, caller: &Caller, text: &str) -> Result<Template, Error> {
        let mut object = "template".to_owned();
        let result = self.template_import_checked(caller, text, &mut object).await;
        self.audit.record(caller, "template-import", &object, &result).await;
        result
    }

    async fn template_import_checked(
        &self,
        caller: &Caller,
        text: &str,
        named: &mut String,
    ) -> Result<Template, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Template))?;
        let template = text::read(text)?;
        *named = object(&template.name);
        self.template_create_checked(caller, template, "template-import").await
    }

    async fn template_create_checked(
        &self,
        caller: &Caller,
        template: Template,
        what: &str,
    ) -> Result<Template, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Template))?;
        template.check()?;
        check_address(template.name.as_str())?;
        self.audit.begin(caller, what, &object(&template.name)).await;
        match self.services.store.template_create(&template).await {
            Ok(()) => {}
            Err(StoreError::Taken { .. }) => {
                let name = &template.name;
                return Err(Error::conflict(Code::TemplateNameTaken).with("name", name).on("name"));
            }
            Err(StoreError::Conflict { .. }) => {
                let max = domain::template::TEMPLATES_MAX;
                return Err(Error::conflict(Code::TooManyTemplates).with("max", max));
            }
            Err(error) => return Err(crate::error::store(error)),
        }
        self.services.changed("template", &template.name);
        Ok(template)
    }

    /// Changes a template; its name stays. Chains that were made from it stay as they are.
    pub async fn template_edit(&self, caller: &Caller, template: Template) -> Result<Template, Error> {
        let (object, mut changes) = (object(&template.name), Vec::new());
        let result = self.template_edit_checked(caller, template, &mut changes).await;
        self.audit.record_change(caller, "template-edit", &object, changes, &result).await;
        result
    }

    async fn template_edit_checked(
        &self,
        caller: &Caller,
        template: Template,
        changes: &mut Vec<FieldChange>,
    ) -> Result<Template, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Template))?;
        let before = self.template(&template.name).await?;
        template.check()?;
        *changes = changed(&before, &template);
        self.audit.begin_change(caller, "template-edit", &object(&template.name), changes.clone()).await;
        self.services.store.template_save(&template).await.map_err(crate::error::store)?;
        self.services.changed("template", &template.name);
        Ok(template)
    }

    /// Removes a template; chains that were made from it stay.
    ///
    /// # Errors
    /// [`Code::TemplateInUse`] while hosts are kept full from it.
    pub async fn template_delete(&self, caller: &Caller, name: &TemplateName) -> Result<(), Error> {
        let result = self.template_delete_checked(caller, name).await;
        self.audit.record(caller, "template-delete", &object(name), &result).await;
        result
    }

    async fn template_delete_checked(&self, caller: &Caller, name: &TemplateName) -> Result<(), Error> {
        policy::authorize(caller, Action::Delete, Resource::any(Noun::Template))?;
        self.template(name).await?;
        self.audit.begin(caller, "template-delete", &object(name)).await;
        let deleted = self.services.store.template_delete(name).await.map_err(crate::error::store)?;
        if let Err(hosts) = deleted {
            let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
            return Err(Error::conflict(Code::TemplateInUse).with("hosts", names.join(", ")));
        }
        self.services.changed("template", name);
        Ok(())
    }
}

/// What is different, field by field. No field of a template holds a secret.
fn changed(before: &Template, after: &Template) -> Vec<FieldChange> {
    let fields = |template: &Template| match serde_json::to_value(template) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let word = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let (was, is) = (fields(before), fields(after));
    let change = |field: &String| {
        let (was, is) = (word(was.get(field)), word(is.get(field)));
        FieldChange::between(field, &Public(&was), &Public(&is))
    };
    is.keys().filter_map(change).collect()
}

fn object(name: &TemplateName) -> String {
    format!("template/{name}")
}
