//! Definitions on their way: installed or approved by some, not committed yet. One document per chain; a chain has one
//! operation at a time, so nobody writes it at once with somebody else.

use std::collections::BTreeMap;

use domain::Error;
use domain::chaincode::DeploySpec;
use domain::name::ChainName;
use store::ChaincodeRecord;
use workflow::StepError;

use crate::error::internal;
use crate::operations::step_error;
use crate::services::Services;

/// Name of the document.
const DRAFTS: &str = "drafts";

/// By channel and name.
pub(crate) type Drafts = BTreeMap<String, ChaincodeRecord>;

fn key(spec: &DeploySpec) -> String {
    format!("{}/{}", spec.channel, spec.name)
}

/// Every draft of a chain.
pub(crate) async fn read(services: &Services, chain: &ChainName) -> Result<Drafts, Error> {
    match services.store.document_read(chain, DRAFTS).await.map_err(crate::error::store)? {
        None => Ok(Drafts::new()),
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| internal("read drafts", error)),
    }
}

async fn write(services: &Services, chain: &ChainName, drafts: &Drafts) -> Result<(), Error> {
    if drafts.is_empty() {
        return services.store.document_delete(chain, DRAFTS).await.map_err(crate::error::store);
    }
    let bytes = serde_json::to_vec(drafts).map_err(|error| internal("keep drafts", error))?;
    services.store.document_put(chain, DRAFTS, &bytes).await.map_err(crate::error::store)
}

/// The draft of a chaincode.
pub(crate) async fn find(
    services: &Services,
    spec: &DeploySpec,
) -> Result<Option<ChaincodeRecord>, StepError> {
    Ok(read(services, &spec.chain).await.map_err(step_error)?.remove(&key(spec)))
}

/// The draft that a sequence belongs to: what is there of it was begun before, and is not for another operation to take
/// away.
pub(crate) async fn of_sequence(
    services: &Services,
    spec: &DeploySpec,
    sequence: i64,
) -> Result<Option<ChaincodeRecord>, StepError> {
    Ok(find(services, spec).await?.filter(|draft| draft.sequence == sequence))
}

/// Keeps a draft instead of the one before.
pub(crate) async fn put(
    services: &Services,
    spec: &DeploySpec,
    record: ChaincodeRecord,
) -> Result<(), StepError> {
    let mut drafts = read(services, &spec.chain).await.map_err(step_error)?;
    drafts.insert(key(spec), record);
    write(services, &spec.chain, &drafts).await.map_err(step_error)
}

/// Forgets a draft; none is none.
pub(crate) async fn remove(services: &Services, spec: &DeploySpec) -> Result<(), StepError> {
    let mut drafts = read(services, &spec.chain).await.map_err(step_error)?;
    if drafts.remove(&key(spec)).is_none() {
        return Ok(());
    }
    write(services, &spec.chain, &drafts).await.map_err(step_error)
}
