//! Which images staff let users run as chaincode on a host. What is approved is a content and never a name: what a name
//! stands for tomorrow, nobody has looked at.

use agents::ImageFacts;
use domain::audit::{FieldChange, Public};
use domain::host::ApprovedImage;
use domain::host::image::check_chaincode_image;
use domain::id::HostId;
use domain::permission::{Action, Noun};
use domain::{Code, Error};

use super::no_volumes;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::services::Services;

/// Most images that are approved on one host.
const APPROVED_MAX: usize = 500;

impl ControlPlane {
    /// The images that staff approved for chaincode on a host, newest first.
    pub async fn host_image_approvals(
        &self,
        caller: &Caller,
        id: &HostId,
    ) -> Result<Vec<ApprovedImage>, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        self.services.approved(&record.id).await
    }

    /// Lets users run as chaincode what a name stands for on the host now.
    ///
    /// # Errors
    /// `ImageNotOnHost` when there is no content to approve, `ApprovalsFull` when the host has too many approvals.
    pub async fn host_image_approve(&self, caller: &Caller, id: &HostId, image: &str) -> Result<(), Error> {
        let mut changes = Vec::new();
        let result = self.host_image_approve_checked(caller, id, image, &mut changes).await;
        self.audit.record_change(caller, "host-image-approve", &audited(id, image), changes, &result).await;
        result
    }

    async fn host_image_approve_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        image: &str,
        changes: &mut Vec<FieldChange>,
    ) -> Result<(), Error> {
        policy::authorize(caller, Action::Prepare, Resource::any(Noun::Host))?;
        let user = caller.require_user()?;
        let record = self.host_record(id).await?;
        check_chaincode_image(image)?;
        let agent = self.services.agent(&record.id).await?;
        let facts = agent.image(image).await.map_err(crate::error::agent)?;
        let missing = || Error::not_found_as(Code::ImageNotOnHost).with("image", image).on("image");
        let facts = facts.ok_or_else(missing)?;
        no_volumes(&facts)?;
        // What is approved is a content: the name alone does not tell it.
        changes.extend(FieldChange::between("approved", &Public(""), &Public(&facts.id)));
        let object = audited(id, image);
        self.audit.begin_change(caller, "host-image-approve", &object, changes.clone()).await;
        self.services.approve(&record.id, &facts, user.name.as_str()).await
    }

    /// Takes approvals back: of one content under every name, or of all that was approved under a name. What runs goes
    /// on; only new deployments are refused.
    pub async fn host_image_revoke(&self, caller: &Caller, id: &HostId, image: &str) -> Result<(), Error> {
        let mut changes = Vec::new();
        let result = self.host_image_revoke_checked(caller, id, image, &mut changes).await;
        self.audit.record_change(caller, "host-image-revoke", &audited(id, image), changes, &result).await;
        result
    }

    async fn host_image_revoke_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        image: &str,
        changes: &mut Vec<FieldChange>,
    ) -> Result<(), Error> {
        policy::authorize(caller, Action::Prepare, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        let approved = self.services.approved(&record.id).await?;
        let gone = approved.iter().filter(|known| known.id == image || known.reference == image);
        changes
            .extend(gone.filter_map(|gone| FieldChange::between("approved", &Public(&gone.id), &Public(""))));
        let object = audited(id, image);
        self.audit.begin_change(caller, "host-image-revoke", &object, changes.clone()).await;
        self.services.revoke(&record.id, image).await
    }
}

impl Services {
    /// The images that staff approved on a host, newest first.
    pub(crate) async fn approved(&self, host: &HostId) -> Result<Vec<ApprovedImage>, Error> {
        let stored = self.store.setting_read(&approved_key(host)).await;
        match stored.map_err(crate::error::store)? {
            Some(stored) => serde_json::from_value(stored)
                .map_err(|error| crate::error::internal("read approved images", error)),
            None => Ok(Vec::new()),
        }
    }

    /// Approves exactly this content. A full list is refused: nobody's approval ends because of another one.
    pub(crate) async fn approve(&self, host: &HostId, facts: &ImageFacts, by: &str) -> Result<(), Error> {
        // Two changes at once must not lose one.
        let _one_at_a_time = self.approving.lock().await;
        let mut approved = self.approved(host).await?;
        if approved.iter().any(|image| image.id == facts.id && image.reference == facts.reference) {
            return Ok(());
        }
        if approved.len() >= APPROVED_MAX {
            return Err(full());
        }
        approved.insert(
            0,
            ApprovedImage {
                id: facts.id.clone(),
                reference: facts.reference.clone(),
                by: by.to_owned(),
                at_ms: self.clock.now_ms(),
            },
        );
        self.keep_approved(host, &approved).await
    }

    /// Refuses what could not be approved any more, before a host takes it in.
    pub(crate) async fn check_approvals(&self, host: &HostId, more: usize) -> Result<(), Error> {
        let approved = self.approved(host).await?.len();
        if approved.saturating_add(more) > APPROVED_MAX { Err(full()) } else { Ok(()) }
    }

    async fn revoke(&self, host: &HostId, image: &str) -> Result<(), Error> {
        let _one_at_a_time = self.approving.lock().await;
        let mut approved = self.approved(host).await?;
        let before = approved.len();
        approved.retain(|known| known.id != image && known.reference != image);
        if approved.len() == before {
            return Err(Error::not_found().on("image"));
        }
        self.keep_approved(host, &approved).await
    }

    async fn keep_approved(&self, host: &HostId, approved: &[ApprovedImage]) -> Result<(), Error> {
        let stored = serde_json::to_value(approved)
            .map_err(|error| crate::error::internal("store approved images", error))?;
        self.store.setting_put(&approved_key(host), &stored).await.map_err(crate::error::store)?;
        self.changed("host", host);
        Ok(())
    }
}

/// Whether a content is among those that are approved, under whatever name.
pub(crate) fn is_approved(approved: &[ApprovedImage], id: &str) -> bool {
    approved.iter().any(|image| image.id == id)
}

fn full() -> Error {
    Error::conflict(Code::ApprovalsFull).with("max", APPROVED_MAX).on("image")
}

fn approved_key(host: &HostId) -> String {
    format!("host/{host}/approved-images")
}

/// What the audit names: the host and the image.
fn audited(host: &HostId, image: &str) -> String {
    format!("host/{host}/image/{image}")
}

#[cfg(test)]
mod tests;
