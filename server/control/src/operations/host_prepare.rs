//! `host-prepare`: pulls images to a host ahead of time. The pull itself is here too, because every operation that
//! needs an image shows its progress in the same way.

use std::pin::pin;

use agents::{Agent, ImageFacts};
use domain::host::ImageUse;
use domain::id::HostId;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use workflow::{Context, Operation, Plan, StepError, keep};

use super::{agent_error, step_error};
use crate::host::images::{LayerSum, wanted_images};
use crate::network::ChainLink;
use crate::services::Services;

/// Shortest time between two hints to the pages that a pull went on.
const TELL_EVERY_MS: i64 = 400;
/// Pause between two looks at whether an image is built.
const BUILT_PAUSE_MS: u64 = 1_000;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostPrepare {
    pub host: HostId,
    /// Only this image; none: whatever the first chain needs.
    pub image: Option<String>,
}

impl Operation for HostPrepare {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("host-prepare", 1).step("prepare-images", prepare_images, keep).timeout_ms(3_600_000)
    }
}

async fn prepare_images(ctx: Context<HostPrepare>) -> Result<(), StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    let agent = services.agent(&params.host).await.map_err(step_error)?;
    let agent = agent.as_ref();
    if let Some(image) = &params.image {
        return pull(&ctx, &params.host, agent, image).await.map(drop);
    }
    let host = services.store.host_read(&params.host).await.map_err(super::store_error)?;
    let spec = host.ok_or_else(|| step_error(Error::invalid(Code::HostMissing)))?.spec;
    let wanted = wanted_images(&spec, &[domain::chain::FabricVersion::V2_5]);
    for purpose in [ImageUse::Peer, ImageUse::Orderer, ImageUse::Sample] {
        let names = wanted.iter().filter(|(_, of)| *of == purpose).map(|(name, _)| name.clone());
        ensure_first(&ctx, &params.host, agent, names.collect()).await?;
    }
    Ok(())
}

/// The first of some images that is present, else the first that can be pulled.
pub(crate) async fn ensure_first<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    host: &HostId,
    agent: &dyn Agent,
    references: Vec<String>,
) -> Result<Option<ImageFacts>, StepError> {
    wait_built(ctx, host, agent, &references).await?;
    for reference in &references {
        if let Some(facts) = agent.image(reference).await.map_err(agent_error)? {
            note(ctx, &facts).await;
            return Ok(Some(facts));
        }
    }
    let mut last = None;
    for reference in &references {
        match pull(ctx, host, agent, reference).await {
            Ok(facts) => return Ok(Some(facts)),
            // The reason of a name that a registry could serve says more than that of a local one.
            Err(error) if last.is_none() || !agents::is_local_only_name(reference) => last = Some(error),
            Err(_) => {}
        }
    }
    last.map_or(Ok(None), Err)
}

/// Waits while one of some images is built for the host and none of them is there: whoever begins on a fresh machine
/// does not begin in vain.
async fn wait_built<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    host: &HostId,
    agent: &dyn Agent,
    references: &[String],
) -> Result<(), StepError> {
    let Some(record) = ctx.env().store.host_read(host).await.map_err(super::store_error)? else {
        return Ok(());
    };
    let mut is_told = false;
    loop {
        let built = ctx.env().being_built(&record.spec).await;
        let Some(name) = references.iter().find(|name| built.contains(name)) else { return Ok(()) };
        for reference in references {
            if agent.image(reference).await.map_err(agent_error)?.is_some() {
                return Ok(());
            }
        }
        if ctx.cancelled() {
            return Err(step_error(Error::unavailable(Code::ImageBuilding).with("image", name)));
        }
        if !is_told {
            ctx.note(format!("waiting for {name}, which is being built")).await;
            is_told = true;
        }
        ctx.sleep(BUILT_PAUSE_MS).await;
    }
}

/// Makes sure that an image is on a host: pulled with the host's credentials, with its progress on the operation's
/// and on the host's page.
pub(crate) async fn pull<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    host: &HostId,
    agent: &dyn Agent,
    reference: &str,
) -> Result<ImageFacts, StepError> {
    wait_built(ctx, host, agent, &[reference.to_owned()]).await?;
    let services = ctx.env();
    let credentials = services.pull_credentials(host, reference).await.map_err(step_error)?;
    let under_way = services.pulls.begin(host, reference);
    let (tell, mut told) = watch::channel((0_u64, 0_u64));
    let mut layers = LayerSum::default();
    let mut on_progress = move |step| {
        tell.send_replace(layers.add(step));
    };
    let mut pulling = pin!(agent.ensure_image(reference, credentials.as_ref(), &mut on_progress));
    let mut told_ms = None;
    let pulled = loop {
        tokio::select! {
            pulled = &mut pulling => break pulled,
            Ok(()) = told.changed() => {
                let (done, total) = *told.borrow_and_update();
                if told_ms.is_none() {
                    ctx.note(format!("pulling {reference}")).await;
                }
                under_way.at(done, total);
                let now = ctx.now_ms();
                if told_ms.is_none_or(|last| now - last >= TELL_EVERY_MS) {
                    told_ms = Some(now);
                    services.changed("host", host);
                    ctx.progress(done.saturating_mul(100).checked_div(total).unwrap_or(0), 100).await;
                }
            }
        }
    };
    drop(under_way);
    services.changed("host", host);
    let facts = pulled.map_err(agent_error)?;
    note(ctx, &facts).await;
    Ok(facts)
}

/// The image that something was made with, by its id. If its host has lost it, it comes from its registry again, by
/// digest, so that nothing else can come.
pub(crate) async fn kept_image(
    services: &Services,
    link: &ChainLink,
    id: &str,
    digest: Option<&str>,
) -> Result<String, Error> {
    let Some(digest) = digest else { return Ok(id.to_owned()) };
    if link.agent.image(id).await.map_err(crate::error::agent)?.is_some() {
        return Ok(id.to_owned());
    }
    Ok(pull_again(services, link.agent.as_ref(), &link.plan.host, digest).await?.id)
}

/// Brings an image back to a host by its digest.
pub(crate) async fn pull_again(
    services: &Services,
    agent: &dyn Agent,
    host: &HostId,
    digest: &str,
) -> Result<ImageFacts, Error> {
    let credentials = services.pull_credentials(host, digest).await?;
    let _on_the_page = services.pulls.begin(host, digest);
    agent.ensure_image(digest, credentials.as_ref(), &mut |_| ()).await.map_err(crate::error::agent)
}

/// Writes down which content a name stood for: by digest where a registry knows it, else by id.
pub(crate) async fn note<P: Operation<Env = Services>>(ctx: &Context<P>, facts: &ImageFacts) {
    let pinned = match facts.registry_digest() {
        Some(digest) => digest.to_owned(),
        None => format!("{} (built locally)", facts.id),
    };
    ctx.note(format!("image {} is {pinned}", facts.reference)).await;
}
