//! Images of a host: which are there, which are on their way, and which users may run as chaincode.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use agents::{ImageFacts, ImageProgress, is_local_only_name};
use domain::chain::FabricVersion;
use domain::host::{HostSpec, ImageState, ImageUse, ImageView};
use domain::id::{HostId, OperationId};
use domain::permission::{Action, Noun};
use domain::{Code, Error, ErrorKind};
use store::HostRecord;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::operations::host_prepare::HostPrepare;
use crate::policy::{self, Resource};
use crate::topology;

mod approvals;

pub(crate) use approvals::is_approved;

/// Every version of nodes that a host may be asked for.
const VERSIONS: [FabricVersion; 2] = [FabricVersion::V2_5, FabricVersion::V3_1];

/// Bytes done and bytes in all.
type Progress = (u64, u64);
type UnderWay = Arc<Mutex<HashMap<(HostId, String), Progress>>>;

/// Pulls under way, by host and image. Only for showing: the operation that pulls holds the truth.
#[derive(Clone, Default)]
pub struct Pulls(UnderWay);

/// One pull; dropping it takes it off the page.
pub(crate) struct Pull {
    all: UnderWay,
    key: (HostId, String),
}

impl Pulls {
    /// Shows a pull from now on.
    pub(crate) fn begin(&self, host: &HostId, reference: &str) -> Pull {
        let pull = Pull { all: Arc::clone(&self.0), key: (host.clone(), reference.to_owned()) };
        pull.at(0, 0);
        pull
    }

    fn of(&self, host: &HostId, reference: &str) -> Option<Progress> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(host.clone(), reference.to_owned())).copied()
    }
}

impl Pull {
    /// Tells how far it is.
    pub(crate) fn at(&self, done: u64, total: u64) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(self.key.clone(), (done, total));
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Adds the progress of an image's layers up. A layer is downloaded and then unpacked: only the first counts, because
/// the engine begins at zero again for the second.
#[derive(Default)]
pub(crate) struct LayerSum(HashMap<String, Progress>);

impl LayerSum {
    /// Takes one message in and returns bytes done and bytes in all, as far as they are known.
    pub(crate) fn add(&mut self, step: ImageProgress) -> Progress {
        if let Some(layer) = step.layer {
            let known = self.0.entry(layer).or_default();
            match (step.current, step.total) {
                (Some(current), Some(total)) if step.status == "Downloading" => {
                    *known = (current.min(total), total);
                }
                _ if step.status.ends_with("complete") => known.0 = known.1,
                _ => {}
            }
        }
        self.0.values().fold((0, 0), |(done, total), (d, t)| (done + d, total + t))
    }
}

/// Images of all kinds, first choice first.
pub(crate) fn wanted_images(spec: &HostSpec, versions: &[FabricVersion]) -> Vec<(String, ImageUse)> {
    let mut wanted = Vec::new();
    for version in versions {
        for (names, purpose) in
            [(&spec.images.peer, ImageUse::Peer), (&spec.images.orderer, ImageUse::Orderer)]
        {
            wanted.extend(topology::images(names, *version).into_iter().map(|name| (name, purpose)));
        }
    }
    wanted.extend(spec.images.sample.iter().map(|name| (name.clone(), ImageUse::Sample)));
    let mut seen = std::collections::HashSet::new();
    wanted.retain(|entry| seen.insert(entry.clone()));
    wanted
}

impl ControlPlane {
    /// The images that chains on this host need and those approved for chaincode, and how far each is.
    pub async fn host_images(&self, caller: &Caller, id: &HostId) -> Result<Vec<ImageView>, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        let agent = self.services.agent(id).await?;
        let mut wanted = wanted_images(&record.spec, &VERSIONS);
        let approved = self.services.approved(id).await?;
        for image in &approved {
            // One name may stand for several approved contents, one after the other.
            let entry = (image.reference.clone(), ImageUse::Chaincode);
            if !wanted.contains(&entry) {
                wanted.push(entry);
            }
        }
        let built = self.services.being_built(&record.spec).await;
        let mut views = Vec::new();
        for (reference, purpose) in wanted {
            let state = match agent.image(&reference).await.map_err(crate::error::agent)? {
                // Under the approved name there may be something that nobody approved.
                Some(facts) if purpose == ImageUse::Chaincode && !is_approved(&approved, &facts.id) => {
                    ImageState::Replaced { id: facts.id }
                }
                Some(facts) => ImageState::Present { id: facts.id, local_only: facts.local_only },
                None => match self.services.pulls.of(id, &reference) {
                    Some((done, total)) => ImageState::Preparing { done, total },
                    None if built.contains(&reference) => ImageState::Preparing { done: 0, total: 0 },
                    None if is_local_only_name(&reference) => ImageState::MissingLocal,
                    None => ImageState::Missing,
                },
            };
            views.push(ImageView { reference, purpose, state });
        }
        Ok(views)
    }

    /// Pulls an image, or whatever the first chain needs, ahead of time. One such operation runs per host; a second
    /// wish while it runs leads to it.
    pub async fn host_prepare(
        &self,
        caller: &Caller,
        id: &HostId,
        image: Option<String>,
    ) -> Result<OperationId, Error> {
        let result = self.host_prepare_checked(caller, id, image).await;
        self.audit.record(caller, "host-prepare", &format!("host/{id}"), &result).await;
        result
    }

    async fn host_prepare_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        image: Option<String>,
    ) -> Result<OperationId, Error> {
        policy::authorize(caller, Action::Prepare, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        if let Some(image) = &image {
            // Only what the host's page lists: nobody makes a host pull whatever they like.
            let wanted = wanted_images(&record.spec, &VERSIONS).into_iter().any(|(name, _)| name == *image);
            let approved = self.services.approved(id).await?;
            if !wanted && !approved.iter().any(|known| known.reference == *image) {
                return Err(Error::not_found_as(Code::ImageOutsideRules));
            }
        }
        let params = HostPrepare { host: id.clone(), image };
        match self.start_operation(caller, Some(format!("host/{id}")), None, params).await {
            Err(busy) if busy.code == Code::ChainBusy => {
                busy.values.get("operation").map(OperationId::new).ok_or(busy)
            }
            other => other,
        }
    }

    /// Refuses early what the caller could not run as chaincode on a host. It approves nothing: that is decided on the
    /// content that the name stands for when it is deployed.
    ///
    /// # Errors
    /// `ImageOutsideRules` when neither rule nor approval covers it; `ImageHasVolumes` for everybody.
    pub(crate) async fn chaincode_image_check(
        &self,
        caller: &Caller,
        host: &HostRecord,
        reference: &str,
    ) -> Result<(), Error> {
        let agent = self.services.agent(&host.id).await?;
        let present = agent.image(reference).await.map_err(crate::error::agent)?;
        if let Some(facts) = &present {
            no_volumes(facts)?;
        }
        if host.spec.allows_image(reference) || policy::approves_images(caller.role()) {
            return Ok(());
        }
        let approved = self.services.approved(&host.id).await?;
        let runs = present.is_some_and(|facts| is_approved(&approved, &facts.id));
        if runs { Ok(()) } else { Err(outside_rules(reference)) }
    }
}

/// An image that neither rule nor approval covers.
pub(crate) fn outside_rules(reference: &str) -> Error {
    Error::new(ErrorKind::Forbidden, Code::ImageOutsideRules).with("image", reference).on("image")
}

/// Refuses an image that declares volumes: chaincode must not keep data that nobody removes.
pub(crate) fn no_volumes(facts: &ImageFacts) -> Result<(), Error> {
    if facts.volumes.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(Code::ImageHasVolumes).with("volumes", facts.volumes.join(", ")).on("image"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(layer: &str, status: &str, bytes: Option<Progress>) -> ImageProgress {
        ImageProgress {
            layer: Some(layer.to_owned()),
            status: status.to_owned(),
            current: bytes.map(|(current, _)| current),
            total: bytes.map(|(_, total)| total),
        }
    }

    #[test]
    fn layers_add_up_and_never_go_back() {
        let mut sum = LayerSum::default();
        assert_eq!(sum.add(step("a", "Pulling fs layer", None)), (0, 0));
        assert_eq!(sum.add(step("a", "Downloading", Some((10, 100)))), (10, 100));
        assert_eq!(sum.add(step("b", "Downloading", Some((5, 50)))), (15, 150));
        assert_eq!(sum.add(step("a", "Download complete", None)), (105, 150));
        assert_eq!(sum.add(step("a", "Extracting", Some((1, 100)))), (105, 150));
        assert_eq!(sum.add(step("a", "Pull complete", None)), (105, 150));
        assert_eq!(sum.add(step("b", "Download complete", None)), (150, 150));
    }

    #[test]
    fn a_pull_is_shown_while_it_runs() {
        let (pulls, host) = (Pulls::default(), HostId::new("h"));
        let pull = pulls.begin(&host, "a:1");
        pull.at(1, 2);
        assert_eq!(pulls.of(&host, "a:1"), Some((1, 2)));
        assert_eq!(pulls.of(&HostId::new("i"), "a:1"), None);
        drop(pull);
        assert_eq!(pulls.of(&host, "a:1"), None);
    }
}
