//! "Test connection": asks an engine who it is and names the stage at which that stops.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::REQUEST_MAX;
use super::client::Client;
use super::failure::within;
use crate::{EngineFacts, ProbeFailure, ProbeStage, Remedy};

/// Goes through address, TCP, TLS, authentication and API version, and ends with the engine's own facts.
pub(crate) async fn probe(client: &Client) -> Result<EngineFacts, ProbeFailure> {
    let negotiated = client.negotiate().await;
    let (docker, version) = negotiated.map_err(|failure| client.transport.first_failure(failure))?;
    let asked_at = SystemTime::now();
    let info = within("engine facts", REQUEST_MAX, docker.info())
        .await
        .map_err(|error| ProbeFailure::at(ProbeStage::Engine, Remedy::InspectEngine, error.to_string()))?;
    if info.os_type.as_deref().is_some_and(|os| os != "linux") {
        let message = "the engine runs no Linux containers";
        return Err(ProbeFailure::at(ProbeStage::Engine, Remedy::InspectEngine, message));
    }
    let agreed = docker.client_version();
    let memory = info.mem_total.and_then(|n| u64::try_from(n).ok());
    Ok(EngineFacts {
        id: info.id.unwrap_or_default(),
        name: info.name.unwrap_or_default(),
        version: version.version.unwrap_or_default(),
        api_version: format!("{}.{}", agreed.major_version, agreed.minor_version),
        api_version_max: version.api_version.unwrap_or_default(),
        operating_system: info.operating_system.unwrap_or_default(),
        architecture: version.arch.unwrap_or_default(),
        cpus: info.ncpu.and_then(|n| u32::try_from(n).ok()),
        memory_bytes: memory,
        memory_largest_bytes: memory,
        disk_free_bytes: None,
        permissions: None,
        storage: None,
        containers_running: info.containers_running.and_then(|n| u32::try_from(n).ok()),
        clock: info.system_time.as_deref().and_then(parse_time),
        asked_at,
        warnings: info.warnings.unwrap_or_default(),
    })
}

/// Reads a time in the engine's words.
pub(crate) fn parse_time(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}
