//! Chaincode containers of a chain that starts. They are not part of its plan: which ones there shall be is told by the
//! definitions in force and by those on their way. They hold no data, so that each can be made again from what is kept.

use std::collections::BTreeSet;

use agents::NodeStatus;
use domain::name::ChainName;
use domain::node::NodeKind;
use store::ChaincodeRecord;
use workflow::{Context, Operation, StepError};

use super::nodes::needs_making;
use crate::network::ChainLink;
use crate::operations::chaincode_deploy::{INSTALL_AGAIN, drafts, kept_server, servers_of};
use crate::operations::{agent_error, given_up, step_error, store_error};
use crate::services::Services;

/// Starts what serves chaincode, or makes it again. What cannot be brought back is noted, and holds nothing else up:
/// the running chain shows it. No image is pulled here, since a registry may take its time or never answer: the chain
/// runs meanwhile, and brings back what is in force.
pub(crate) async fn start_servers<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    present: &[NodeStatus],
) -> Result<(), StepError> {
    let mut known = BTreeSet::new();
    for (record, is_draft) in served(ctx.env(), &link.plan.chain).await? {
        for (msp_id, server) in servers_of(&link.plan, &record) {
            let shall_be_made = needs_making(present.iter().find(|status| status.node.node == server));
            if shall_be_made && has_image(link, &record).await? {
                let made = make_again(ctx, link, &record, &msp_id, &server).await;
                note_given_up(ctx, &server, made).await?;
            } else if shall_be_made {
                let image = &record.image;
                let then = if is_draft { INSTALL_AGAIN } else { "the running chain waits for it" };
                let text = format!("{server} cannot be brought back: {image} is not on the host; {then}");
                ctx.note(text).await;
            }
            known.insert(server);
        }
    }
    for status in present.iter().filter(|status| status.kind == NodeKind::Chaincode.as_str()) {
        let server = &status.node.node;
        if !needs_making(Some(status)) {
            let started = link.agent.start(&status.node).await.map_err(agent_error);
            note_given_up(ctx, server, started).await?;
        } else if !known.contains(server) {
            ctx.note(format!("{server} serves no definition and has no container that ran: it is left"))
                .await;
        }
    }
    Ok(())
}

/// What has containers: the definitions in force, and those on their way of which containers were started; whether it
/// is on its way.
async fn served(services: &Services, chain: &ChainName) -> Result<Vec<(ChaincodeRecord, bool)>, StepError> {
    let records = services.store.chaincode_list(chain).await.map_err(store_error)?;
    let drafts = drafts::read(services, chain).await.map_err(step_error)?;
    let drafts = drafts.into_values().filter(|draft| draft.is_served).map(|draft| (draft, true));
    Ok(records.into_iter().map(|record| (record, false)).chain(drafts).collect())
}

/// Whether the image of a definition is on the host, by its id or as its registry gave it.
async fn has_image(link: &ChainLink, record: &ChaincodeRecord) -> Result<bool, StepError> {
    for name in [Some(&record.image_id), record.image_digest.as_ref()].into_iter().flatten() {
        if link.agent.image(name).await.map_err(agent_error)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn make_again<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    record: &ChaincodeRecord,
    msp_id: &str,
    server: &str,
) -> Result<(), StepError> {
    let spec = kept_server(ctx.env(), link, record, msp_id, server, ctx.operation_id()).await;
    let spec = spec.map_err(step_error)?;
    ctx.note(format!("{server} has no container that ran: it is made again")).await;
    link.agent.ensure_node(&spec).await.map(drop).map_err(agent_error)
}

async fn note_given_up<P: Operation>(
    ctx: &Context<P>,
    server: &str,
    result: Result<(), StepError>,
) -> Result<(), StepError> {
    if let Err(error) = result {
        let why = given_up(error)?;
        ctx.note(format!("{server} cannot be brought back: {why}")).await;
    }
    Ok(())
}
