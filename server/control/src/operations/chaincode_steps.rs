//! The steps of a deployment one by one: `chaincode-install` on chosen peers, `chaincode-approve` for one organization,
//! `chaincode-commit`. Between them a draft remembers what is on its way: the image that was approved is the one that
//! is committed, or nothing is. The first two also serve a definition that is in force, for a peer that joined later.

use domain::chaincode::DeploySpec;
use domain::name::{NodeName, OrganizationName};
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use store::ChaincodeRecord;
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::chaincode_deploy::{
    DeploysChaincode, ImageResolved, PackagesMade, Starter, approve_definition, await_definition,
    commit_definition, discard_packages, drafts, former_install_steps, in_force, install_steps,
    keep_committed, list_approved, make_packages, resolve_image,
};
use super::step_error;
use crate::services::Services;

/// Installs on some peers and starts the containers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChaincodeInstall {
    pub spec: DeploySpec,
    pub peers: Vec<NodeName>,
    #[serde(default)]
    pub starter: Option<Starter>,
}

/// Adds the steps that find what is worked on, and make its packages.
fn draft_steps<P: DeploysChaincode>(plan: Plan<P>) -> Plan<P> {
    plan.step("look-for-draft", look_for_draft, keep)
        .step("resolve-image", resolve_image, keep)
        .timeout_ms(1_800_000)
        .step("check-image", check_image, keep)
        .step("make-packages", make_packages, discard_packages)
}

impl Operation for ChaincodeInstall {
    type Env = Services;

    fn plan() -> Plan<Self> {
        let plan = install_steps(draft_steps(Plan::named("chaincode-install", 2)));
        plan.step("keep-draft", keep_draft, forget_draft)
    }
}

impl ChaincodeInstall {
    /// The plan of version 1: what was begun under it is resumed and undone.
    pub fn former_plan() -> Plan<Self> {
        let plan = former_install_steps(draft_steps(Plan::named("chaincode-install", 1)));
        plan.step("keep-draft", keep_draft, forget_draft)
    }
}

impl DeploysChaincode for ChaincodeInstall {
    fn deploy_spec(&self) -> &DeploySpec {
        &self.spec
    }

    fn starter(&self) -> Option<&Starter> {
        self.starter.as_ref()
    }

    fn chosen_peers(&self) -> Option<&[NodeName]> {
        Some(&self.peers)
    }

    fn looks_again(&self) -> bool {
        false
    }

    fn may_be_in_force(&self) -> bool {
        true
    }
}

/// Approves for one organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChaincodeApprove {
    pub spec: DeploySpec,
    pub organization: OrganizationName,
    #[serde(default)]
    pub starter: Option<Starter>,
}

impl Operation for ChaincodeApprove {
    type Env = Services;

    fn plan() -> Plan<Self> {
        draft_steps(Plan::named("chaincode-approve", 1))
            .step("approve-definition", approve_definition, list_approved)
            .timeout_ms(300_000)
            .step("keep-draft", keep_draft, forget_draft)
    }
}

impl DeploysChaincode for ChaincodeApprove {
    fn deploy_spec(&self) -> &DeploySpec {
        &self.spec
    }

    fn starter(&self) -> Option<&Starter> {
        self.starter.as_ref()
    }

    fn chosen_organization(&self) -> Option<&OrganizationName> {
        Some(&self.organization)
    }

    fn starts_servers(&self) -> bool {
        false
    }

    fn may_be_in_force(&self) -> bool {
        true
    }
}

/// Commits what enough organizations have approved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChaincodeCommit {
    pub spec: DeploySpec,
    #[serde(default)]
    pub starter: Option<Starter>,
}

impl Operation for ChaincodeCommit {
    type Env = Services;

    fn plan() -> Plan<Self> {
        draft_steps(Plan::named("chaincode-commit", 1))
            .step("commit-definition", commit_definition, keep_committed)
            .timeout_ms(300_000)
            .step("await-definition", await_definition, keep)
            .timeout_ms(300_000)
    }
}

impl DeploysChaincode for ChaincodeCommit {
    fn deploy_spec(&self) -> &DeploySpec {
        &self.spec
    }

    fn starter(&self) -> Option<&Starter> {
        self.starter.as_ref()
    }

    fn may_be_in_force(&self) -> bool {
        true
    }

    fn approves_for_all(&self) -> bool {
        false
    }
}

/// What an earlier operation has begun of this definition.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct DraftFound {
    draft: Option<ChaincodeRecord>,
}

impl StepOutput for DraftFound {
    const STEP: &'static str = "look-for-draft";
}

async fn look_for_draft<P: DeploysChaincode>(ctx: Context<P>) -> Result<DraftFound, StepError> {
    Ok(DraftFound { draft: drafts::find(ctx.env(), ctx.params().deploy_spec()).await? })
}

/// A draft is worked on with the image that it began with.
async fn check_image<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (found, resolved) = (ctx.output::<DraftFound>()?, ctx.output::<ImageResolved>()?);
    let Some(draft) = found.draft.filter(|draft| draft.sequence == resolved.sequence) else { return Ok(()) };
    if draft.image_id == resolved.image_id {
        return Ok(());
    }
    let image = &ctx.params().deploy_spec().image;
    Err(step_error(Error::conflict(Code::ImageChanged).with("image", image)))
}

async fn keep_draft<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let resolved = ctx.output::<ImageResolved>()?;
    // A further peer or organization of a definition that is in force begins nothing.
    if in_force(ctx.env(), spec, resolved.sequence).await? {
        return Ok(());
    }
    let before = ctx.try_output::<DraftFound>()?.and_then(|found| found.draft);
    let was_served = before.is_some_and(|draft| draft.sequence == resolved.sequence && draft.is_served);
    let record = ChaincodeRecord {
        channel: spec.channel.clone(),
        name: spec.name.clone(),
        version: spec.version.clone(),
        sequence: resolved.sequence,
        image: spec.image.clone(),
        image_id: resolved.image_id,
        image_digest: resolved.image_digest,
        policy: spec.policy.clone(),
        init_required: spec.init_required,
        deployed_ms: ctx.now_ms(),
        package_ids: ctx.output::<PackagesMade>()?.ids,
        is_served: was_served || ctx.params().starts_servers(),
    };
    drafts::put(ctx.env(), spec, record).await?;
    ctx.env().changed("chain", &spec.chain);
    Ok(())
}

async fn forget_draft<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    match ctx.try_output::<DraftFound>()?.and_then(|found| found.draft) {
        Some(before) => drafts::put(ctx.env(), spec, before).await,
        None => drafts::remove(ctx.env(), spec).await,
    }
}
