//! Puts the images of a checked archive on an engine.

use std::time::Duration;

use bollard::query_parameters::ImportImageOptions;
use futures::StreamExt;
use tokio::io::AsyncSeekExt;
use tokio_util::io::ReaderStream;

use super::client::Client;
use super::failure::failure;
use super::images;
use crate::{AgentError, CheckedArchive, ImageFacts};

/// An engine that says nothing for so long while it unpacks has failed.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// Loads an archive and tells what the engine made of it.
pub(crate) async fn load(client: &Client, archive: &CheckedArchive) -> Result<Vec<ImageFacts>, AgentError> {
    for name in archive.images().iter().flat_map(|image| &image.names) {
        let present = images::find(client, name).await?;
        let same = |found: &ImageFacts| archive.images().iter().any(|image| image.is(&found.id));
        if present.is_some_and(|found| !same(&found)) {
            return Err(AgentError::Conflict(name.clone()));
        }
    }
    let what = "load of an image archive";
    let unreadable = |error: std::io::Error| AgentError::Refused(format!("{what}: {error}"));
    let mut file = tokio::fs::File::from_std(archive.file().map_err(unreadable)?);
    file.rewind().await.map_err(unreadable)?;
    let docker = client.docker().await?.with_timeout(IDLE_MAX);
    let options = ImportImageOptions { quiet: true, ..ImportImageOptions::default() };
    let body = ReaderStream::with_capacity(file, CHUNK);
    let mut messages = Box::pin(docker.import_image_stream(options, body, None));
    let mut loaded = Vec::new();
    loop {
        match tokio::time::timeout(IDLE_MAX, messages.next()).await {
            Ok(None) => break,
            Ok(Some(message)) => {
                let message = message.map_err(|error| failure(what, error))?;
                if let Some(error) = message.error_detail.and_then(|detail| detail.message) {
                    return Err(AgentError::Refused(format!("{what}: {error}")));
                }
                loaded.extend(message.stream.as_deref().and_then(loaded_name));
            }
            Err(_) => return Err(AgentError::Timeout { what: what.to_owned(), after: IDLE_MAX }),
        }
    }
    let mut facts = Vec::new();
    for name in loaded {
        facts.extend(images::find(client, &name).await?);
    }
    if facts.is_empty() {
        return Err(AgentError::Refused(format!("{what}: the engine took no image from it")));
    }
    Ok(facts)
}

/// The name or id that the engine says it has loaded.
fn loaded_name(said: &str) -> Option<String> {
    let said = said.trim();
    let name = said.strip_prefix("Loaded image ID: ").or_else(|| said.strip_prefix("Loaded image: "))?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_loaded_is_read() {
        assert_eq!(loaded_name("Loaded image: a/b:1\n").as_deref(), Some("a/b:1"));
        assert_eq!(loaded_name("Loaded image ID: sha256:0f\n").as_deref(), Some("sha256:0f"));
        assert_eq!(loaded_name("The image a:1 already exists"), None);
    }
}
