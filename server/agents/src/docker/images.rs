//! Images on an engine: look, pull, tell how far it is.

use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptions;
use futures::StreamExt;

use super::REQUEST_MAX;
use super::client::Client;
use super::failure::{failure, missing, within};
use crate::image::{check_reference, registry_of};
use crate::{
    AgentError, ImageFacts, ImageProgress, MissingWhy, PullCredentials, is_local_only_name, split_reference,
};

/// A pull that says nothing for so long has failed.
const PULL_IDLE_MAX: Duration = Duration::from_secs(300);
/// A registry that has not answered a question by then is out of reach.
const ASK_MAX: Duration = Duration::from_secs(10);
/// A whole pull that takes longer has failed.
const PULL_MAX: Duration = Duration::from_secs(3600);

/// Tells about an image that is on the engine.
pub(crate) async fn find(client: &Client, reference: &str) -> Result<Option<ImageFacts>, AgentError> {
    check_reference(reference)?;
    let docker = client.docker().await?;
    match within("image", REQUEST_MAX, docker.inspect_image(reference)).await {
        Ok(found) => Ok(Some(facts(reference, found))),
        Err(AgentError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes sure that an image is on the engine.
pub(crate) async fn ensure(
    client: &Client,
    reference: &str,
    credentials: Option<&PullCredentials>,
    progress: &mut (dyn FnMut(ImageProgress) + Send),
) -> Result<ImageFacts, AgentError> {
    if let Some(found) = find(client, reference).await? {
        return Ok(found);
    }
    let absent = |why| AgentError::ImageMissing { reference: reference.to_owned(), why };
    if is_local_only_name(reference) {
        return Err(absent(MissingWhy::LocalOnly));
    }
    let pulled = tokio::time::timeout(PULL_MAX, pull(client, reference, credentials, progress)).await;
    match pulled {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(missing(&error).map_or(error, absent)),
        Err(_) => return Err(AgentError::Timeout { what: format!("pull of {reference}"), after: PULL_MAX }),
    }
    find(client, reference).await?.ok_or_else(|| absent(MissingWhy::NotOnHost))
}

async fn pull(
    client: &Client,
    reference: &str,
    credentials: Option<&PullCredentials>,
    progress: &mut (dyn FnMut(ImageProgress) + Send),
) -> Result<(), AgentError> {
    let (repository, tag) = split_reference(reference);
    let options = CreateImageOptions {
        from_image: Some(repository.to_owned()),
        tag: Some(tag.to_owned()),
        ..CreateImageOptions::default()
    };
    let credentials = credentials.map(|given| engine_credentials(given, repository));
    let docker = client.docker().await?.with_timeout(PULL_IDLE_MAX);
    let what = format!("pull of {reference}");
    let mut messages = Box::pin(docker.create_image(Some(options), None, credentials));
    loop {
        let next = tokio::time::timeout(PULL_IDLE_MAX, messages.next()).await;
        let message = match next {
            Ok(None) => return Ok(()),
            Ok(Some(message)) => message.map_err(|error| failure(&what, error))?,
            Err(_) => return Err(AgentError::Timeout { what, after: PULL_IDLE_MAX }),
        };
        if let Some(error) = message.error_detail.and_then(|detail| detail.message) {
            return Err(AgentError::Engine { status: 0, message: format!("{what}: {error}") });
        }
        let detail = message.progress_detail.unwrap_or_default();
        progress(ImageProgress {
            layer: message.id,
            status: message.status.unwrap_or_default(),
            current: detail.current.and_then(|n| u64::try_from(n).ok()),
            total: detail.total.and_then(|n| u64::try_from(n).ok()),
        });
    }
}

fn engine_credentials(given: &PullCredentials, repository: &str) -> DockerCredentials {
    DockerCredentials {
        username: Some(given.username.clone()),
        password: Some(given.password.to_string()),
        serveraddress: Some(registry_of(repository).to_owned()),
        ..DockerCredentials::default()
    }
}

/// Asks an image's registry whether it has it for us; the engine asks, because it may reach what we do not.
pub(crate) async fn ask_registry(
    client: &Client,
    reference: &str,
    credentials: Option<&PullCredentials>,
) -> Result<(), AgentError> {
    check_reference(reference)?;
    let absent = |why| AgentError::ImageMissing { reference: reference.to_owned(), why };
    if is_local_only_name(reference) {
        return Err(absent(MissingWhy::LocalOnly));
    }
    let (repository, _) = split_reference(reference);
    let credentials = credentials.map(|given| engine_credentials(given, repository));
    let docker = client.docker().await?;
    let asked = docker.inspect_registry_image(reference, credentials);
    match within(&format!("registry of {reference}"), ASK_MAX, asked).await {
        Ok(_) => Ok(()),
        Err(error @ AgentError::Timeout { .. }) => {
            Err(absent(MissingWhy::RegistryUnreachable(error.to_string())))
        }
        Err(error) => Err(missing(&error).map_or(error, absent)),
    }
}

fn facts(reference: &str, found: ImageInspect) -> ImageFacts {
    let digests = found.repo_digests.unwrap_or_default();
    let (repository, _) = split_reference(reference);
    let of_this = digests.iter().find(|digest| digest.split('@').next() == Some(repository));
    let digest = of_this.or(digests.first()).cloned();
    ImageFacts {
        reference: reference.to_owned(),
        id: found.id.unwrap_or_default(),
        local_only: digest.is_none() || reference.starts_with("heddle.local/"),
        digest,
        architecture: found.architecture.unwrap_or_default(),
        created: found.created,
        size_bytes: found.size.and_then(|n| u64::try_from(n).ok()),
        volumes: found.config.and_then(|config| config.volumes).unwrap_or_default(),
    }
}
