//! Whether a key that was used before comes with the same call. What the history shows is compared as it stands; private
//! input stands nowhere, so that its digest is kept sealed: whoever reads the database can neither see nor guess it.

use domain::Error;
use domain::id::UserId;
use domain::transaction::CallSpec;
use sha2::{Digest, Sha256};
use store::TransactionRecord;
use zeroize::Zeroizing;

use crate::ControlPlane;
use crate::error::internal;

impl ControlPlane {
    /// What a call brings along beside what its row shows, sealed for that row.
    pub(super) fn sealed_call(&self, user: &UserId, spec: &CallSpec) -> Result<String, Error> {
        let sealed = self.services.vault.seal(&place(user, &spec.idempotency_key), &unshown(spec)?);
        sealed.map(hex::encode).map_err(|error| internal("seal a call", error))
    }

    /// Whether a row is of this very call: by the same organization, with the same input, to the same endorsers.
    pub(super) fn is_same_call(&self, record: &TransactionRecord, spec: &CallSpec) -> Result<bool, Error> {
        let view = &record.view;
        let shown = view.chain == spec.chain
            && view.channel == spec.channel
            && view.chaincode == spec.chaincode
            && view.function == spec.function
            && view.arguments == spec.arguments
            && view.organization.as_ref().is_none_or(|organization| *organization == spec.organization);
        // Rows of older versions hold no more to compare.
        let Some(asked) = &record.asked else { return Ok(shown) };
        let sealed = hex::decode(asked).map_err(|error| internal("read a sealed call", error))?;
        let opened = self.services.vault.open(&place(&record.user, &record.idempotency_key), &sealed);
        let opened = opened.map_err(|error| internal("open a sealed call", error))?;
        Ok(shown && opened.as_slice() == unshown(spec)?)
    }
}

/// The place that a sealed call is bound to: one row.
pub(crate) fn place(user: &UserId, key: &str) -> String {
    format!("transaction/{user}/{key}")
}

/// Digest of what no row shows.
fn unshown(spec: &CallSpec) -> Result<[u8; 32], Error> {
    let text = serde_json::to_vec(&(&spec.transient, &spec.endorsers, spec.is_init));
    let text = text.map(Zeroizing::new).map_err(|error| internal("write a call", error))?;
    Ok(Sha256::digest(text.as_slice()).into())
}
