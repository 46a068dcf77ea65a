//! Whether an image may run as chaincode, decided on the content that its name was resolved to: between the wish and
//! its execution a name can come to stand for something else.

use agents::ImageFacts;
use domain::id::{HostId, UserId};
use domain::name::UserName;
use domain::user::UserState;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use workflow::{Context, StepError};

use super::DeploysChaincode;
use crate::caller::Caller;
use crate::host::images::{is_approved, no_volumes, outside_rules};
use crate::operations::{step_error, store_error};
use crate::policy::approves_images;
use crate::services::Services;

/// Who started a deployment. Staff approve an image by choosing it, if they are staff still when it is admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starter {
    /// None in parameters of older versions: what those chose is approved by nobody.
    #[serde(default)]
    pub id: Option<UserId>,
    pub name: UserName,
}

impl Starter {
    /// Whoever asks.
    pub(crate) fn of(caller: &Caller) -> Result<Self, Error> {
        let user = caller.require_user()?;
        Ok(Self { id: Some(user.id.clone()), name: user.name.clone() })
    }

    /// Whether their choice approves an image: by what they are in the portal now, however long the deployment waited.
    async fn approves(&self, services: &Services) -> Result<bool, StepError> {
        let Some(id) = &self.id else { return Ok(false) };
        let user = services.store.user_read(id).await.map_err(store_error)?;
        Ok(approves_images(user.filter(|user| user.state == UserState::Active).map(|user| user.role)))
    }
}

/// Lets an image pass that the host's rules name, that is approved, or that staff chose; their choice stays approved
/// for users.
pub(super) async fn admit<P: DeploysChaincode>(
    ctx: &Context<P>,
    host: &HostId,
    facts: &ImageFacts,
) -> Result<(), StepError> {
    no_volumes(facts).map_err(step_error)?;
    let services = ctx.env();
    let record = services.store.host_read(host).await.map_err(store_error)?;
    let record = record.ok_or_else(|| step_error(Error::invalid(Code::HostMissing)))?;
    let image = &ctx.params().deploy_spec().image;
    if record.spec.allows_image(image) {
        return Ok(());
    }
    if is_approved(&services.approved(host).await.map_err(step_error)?, &facts.id) {
        return Ok(());
    }
    let refused = || step_error(outside_rules(image));
    let staff = ctx.params().starter().ok_or_else(refused)?;
    if !staff.approves(services).await? {
        return Err(refused());
    }
    services.approve(host, facts, staff.name.as_str()).await.map_err(step_error)?;
    ctx.note(format!("image {image} is approved, for {} chose it: {}", staff.name, facts.id)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::chaincode_deploy::ChaincodeDeploy;

    #[test]
    fn parameters_that_name_no_starter_are_nobodys_choice() {
        let text = r#"{"spec":{"chain":"demo","channel":"mychannel","name":"example02","version":"1","image":"one:1",
            "policy":null,"init_required":false}}"#;
        let read: ChaincodeDeploy = serde_json::from_str(text).unwrap();
        assert_eq!(read.starter, None);
    }

    #[test]
    fn a_starter_of_an_older_version_is_read_and_approves_nothing() {
        let text = r#"{"name":"otto","role":"operator"}"#;
        let read: Starter = serde_json::from_str(text).unwrap();
        assert_eq!((read.name.as_str(), read.id), ("otto", None));
    }
}
