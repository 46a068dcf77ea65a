//! The images of a simulated host, and what its registry would give.

use super::world::World;
use crate::{AgentError, CheckedArchive, ImageFacts, MissingWhy, is_local_only_name};

impl World {
    pub(crate) fn ensure_image(&mut self, reference: &str) -> Result<ImageFacts, AgentError> {
        if let Some(found) = self.images.get(reference) {
            return Ok(found.clone());
        }
        let by_digest = |offered: &&ImageFacts| offered.digest.as_deref() == Some(reference);
        let offered = self.offered.get(reference).or_else(|| self.offered.values().find(by_digest)).cloned();
        let why = if is_local_only_name(reference) {
            MissingWhy::LocalOnly
        } else if let Some(offered) = offered {
            self.images.insert(reference.to_owned(), offered.clone());
            return Ok(offered);
        } else {
            MissingWhy::NotInRegistry("simulated".to_owned())
        };
        Err(AgentError::ImageMissing { reference: reference.to_owned(), why })
    }

    pub(crate) fn ask_registry(&self, reference: &str) -> Result<(), AgentError> {
        let why = if is_local_only_name(reference) {
            MissingWhy::LocalOnly
        } else if self.offered.contains_key(reference) {
            return Ok(());
        } else {
            MissingWhy::NotInRegistry("simulated".to_owned())
        };
        Err(AgentError::ImageMissing { reference: reference.to_owned(), why })
    }

    pub(crate) fn load_image(&mut self, archive: &CheckedArchive) -> Result<Vec<ImageFacts>, AgentError> {
        let mut loaded = Vec::new();
        for image in archive.images() {
            for name in &image.names {
                if self.images.get(name).is_some_and(|found| found.id != image.config_id) {
                    return Err(AgentError::Conflict(format!("another image is called {name}")));
                }
            }
            let names =
                if image.names.is_empty() { vec![image.config_id.clone()] } else { image.names.clone() };
            for name in names {
                let facts = ImageFacts {
                    reference: name.clone(),
                    id: image.config_id.clone(),
                    digest: None,
                    local_only: true,
                    architecture: image.architecture.clone(),
                    created: None,
                    size_bytes: None,
                    volumes: image.volumes.clone(),
                };
                self.images.insert(name, facts.clone());
                loaded.push(facts);
            }
        }
        Ok(loaded)
    }

    pub(crate) fn image(&self, reference: &str) -> Option<&ImageFacts> {
        let by_name = self.images.get(reference);
        by_name.or_else(|| {
            self.images
                .values()
                .find(|image| image.id == reference || image.digest.as_deref() == Some(reference))
        })
    }
}
