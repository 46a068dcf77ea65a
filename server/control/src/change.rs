//! Who hears of a change: whoever may read the object, and of a change of who has access whoever may give it. The name
//! of a chain is told to nobody else, since the chain does not exist for them.

use domain::Error;
use domain::id::OperationId;
use domain::name::ChainName;
use domain::permission::{Action, Noun};
use workflow::Log;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::operation::log_error;
use crate::policy::{self, Resource};
use crate::services::Changed;

impl ControlPlane {
    /// Whether the caller may hear of a change. Nothing is looked up for those who reach everything.
    pub async fn change_allowed(&self, caller: &Caller, change: &Changed) -> Result<bool, Error> {
        // A notice is for one person, whose id the change carries.
        if change.noun == "notice" {
            return Ok(caller.user.as_ref().is_some_and(|user| user.id.as_str() == change.id));
        }
        let (noun, action) = match change.noun {
            "chain" => (Noun::Chain, Action::Read),
            "access" => (Noun::Chain, Action::Grant),
            "operation" => (Noun::Operation, Action::Read),
            "host" => (Noun::Host, Action::Read),
            "user" => (Noun::User, Action::Read),
            "template" => (Noun::Template, Action::Read),
            _ => return Ok(false),
        };
        if policy::authorize(caller, action, Resource::any(noun)).is_ok() {
            return Ok(true);
        }
        match noun {
            Noun::Chain => {
                let Ok(chain) = ChainName::parse(&change.id) else { return Ok(false) };
                let grant = self.grant(caller, &chain).await?;
                Ok(policy::authorize(caller, action, Resource::of_chain(noun, grant)).is_ok())
            }
            Noun::Operation => {
                let id = OperationId::new(&change.id);
                let Some(stored) = self.services.store.load(id.as_str()).await.map_err(log_error)? else {
                    return Ok(false);
                };
                Ok(self.operation_allows(caller, action, &stored.operation).await.is_ok())
            }
            _ => Ok(false),
        }
    }
}
