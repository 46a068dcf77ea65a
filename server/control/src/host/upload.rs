//! Images that people bring as an archive: checked as a whole, and only then given to the host.

use agents::{AgentError, ArchiveError, CheckedArchive, ImageFacts, receive_archive};
use domain::chain::FabricVersion;
use domain::host::{HostSpec, ImageState, ImageUse, ImageView};
use domain::id::HostId;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use futures::Stream;

use super::images::wanted_images;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// Archives that are taken in side by side: each takes room on the portal's disk.
pub(crate) const SIDE_BY_SIDE: usize = 2;

impl ControlPlane {
    /// Puts the images of an uploaded archive (`docker save`, or an OCI layout) on a host. Those that are no node
    /// images are approved for chaincode there, and may then declare no volumes.
    pub async fn host_image_upload<S, B>(
        &self,
        caller: &Caller,
        id: &HostId,
        upload: S,
    ) -> Result<Vec<ImageView>, Error>
    where
        S: Stream<Item = std::io::Result<B>> + Unpin + Send,
        B: AsRef<[u8]> + Send + 'static,
    {
        let result = self.host_image_upload_checked(caller, id, upload).await;
        self.audit.record(caller, "host-image-upload", &format!("host/{id}"), &result).await;
        result
    }

    async fn host_image_upload_checked<S, B>(
        &self,
        caller: &Caller,
        id: &HostId,
        upload: S,
    ) -> Result<Vec<ImageView>, Error>
    where
        S: Stream<Item = std::io::Result<B>> + Unpin + Send,
        B: AsRef<[u8]> + Send + 'static,
    {
        policy::authorize(caller, Action::Prepare, Resource::any(Noun::Host))?;
        let user = caller.require_user()?;
        let record = self.host_record(id).await?;
        if record.spec.endpoint.is_cluster() {
            return Err(Error::conflict(Code::ClusterNoUpload).on("archive"));
        }
        let agent = self.services.agent(id).await?;
        let _turn = self.uploads.try_acquire().map_err(|_| Error::unavailable(Code::Overloaded))?;
        let archive = receive_archive(upload).await.map_err(archive_error)?;
        refuse_volumes(&record.spec, &archive)?;
        let names = archive.images().iter().flat_map(|image| &image.names);
        let more = names.filter(|name| node_use(&record.spec, name).is_none()).count();
        self.services.check_approvals(id, more).await.map_err(|error| error.on("archive"))?;
        self.audit.begin(caller, "host-image-upload", &format!("host/{id}")).await;
        let loaded = agent.load_image(&archive).await.map_err(load_error)?;
        let mut views = Vec::new();
        for facts in loaded {
            let purpose = node_use(&record.spec, &facts.reference).unwrap_or(ImageUse::Chaincode);
            if purpose == ImageUse::Chaincode {
                self.services.approve(id, &facts, user.name.as_str()).await?;
            }
            views.push(view(facts, purpose));
        }
        self.services.changed("host", id);
        Ok(views)
    }
}

fn view(facts: ImageFacts, purpose: ImageUse) -> ImageView {
    let state = ImageState::Present { id: facts.id, local_only: facts.local_only };
    ImageView { reference: facts.reference, purpose, state }
}

/// What a host would use a name for by itself.
fn node_use(spec: &HostSpec, name: &str) -> Option<ImageUse> {
    let wanted = wanted_images(spec, &[FabricVersion::V2_5, FabricVersion::V3_1]);
    wanted.into_iter().find(|(wanted, _)| wanted == name).map(|(_, purpose)| purpose)
}

/// Chaincode must not keep data that nobody removes; this is known before an engine sees the archive.
fn refuse_volumes(spec: &HostSpec, archive: &CheckedArchive) -> Result<(), Error> {
    for image in archive.images().iter().filter(|image| !image.volumes.is_empty()) {
        let runs_nodes =
            |name: &String| matches!(node_use(spec, name), Some(ImageUse::Peer | ImageUse::Orderer));
        if image.names.is_empty() || !image.names.iter().all(runs_nodes) {
            let volumes = image.volumes.join(", ");
            return Err(Error::invalid(Code::ImageHasVolumes).with("volumes", volumes).on("archive"));
        }
    }
    Ok(())
}

fn archive_error(error: ArchiveError) -> Error {
    match error {
        ArchiveError::TooLarge(max) => {
            Error::invalid(Code::ImageArchiveTooLarge).with("max", super::probe::mib(max)).on("archive")
        }
        ArchiveError::Broken(why) => Error::invalid(Code::ImageArchiveBroken).with("why", why).on("archive"),
        ArchiveError::Hostile(why) => {
            Error::invalid(Code::ImageArchiveHostile).with("why", why).on("archive")
        }
        // Such as a disk that is full: for the log.
        ArchiveError::Io(error) => crate::error::internal("take in an image archive", error),
    }
}

fn load_error(error: AgentError) -> Error {
    match error {
        AgentError::Conflict(name) => Error::conflict(Code::ImageTagTaken).with("image", name).on("archive"),
        AgentError::Refused(why) => Error::invalid(Code::ImageArchiveBroken).with("why", why).on("archive"),
        other => crate::error::agent(other),
    }
}
