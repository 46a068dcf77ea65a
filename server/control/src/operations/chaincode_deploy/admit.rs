//! Whether an image may run as chaincode, decided on the content that its name was resolved to: between the wish and
//! its execution a name can come to stand for something else.

use agents::ImageFacts;
use domain::id::HostId;
use domain::name::UserName;
use domain::permission::Role;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use workflow::{Context, StepError};

use super::DeploysChaincode;
use crate::caller::Caller;
use crate::host::images::{is_approved, no_volumes, outside_rules};
use crate::operations::{step_error, store_error};

/// Who started a deployment, as they were then. Staff approve an image by choosing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starter {
    pub name: UserName,
    pub role: Role,
}

impl Starter {
    /// Whoever asks.
    pub(crate) fn of(caller: &Caller) -> Result<Self, Error> {
        let user = caller.require_user()?;
        Ok(Self { name: user.name.clone(), role: user.role })
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
    let Some(staff) = ctx.params().starter().filter(|starter| starter.role >= Role::Operator) else {
        return Err(step_error(outside_rules(image)));
    };
    services.approve(host, facts, staff.name.as_str()).await.map_err(step_error)?;
    ctx.note(format!("image {image} is approved, for {} chose it: {}", staff.name, facts.id)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::operations::chaincode_deploy::ChaincodeDeploy;

    #[test]
    fn parameters_that_name_no_starter_are_nobodys_choice() {
        let text = r#"{"spec":{"chain":"demo","channel":"mychannel","name":"example02","version":"1","image":"one:1",
            "policy":null,"init_required":false}}"#;
        let read: ChaincodeDeploy = serde_json::from_str(text).unwrap();
        assert_eq!(read.starter, None);
    }
}
