//! Some chains as they are listed, each read by its name: for pages that show few of many.

use std::collections::HashMap;

use domain::Error;
use domain::chain::ChainSummary;
use domain::id::HostId;
use domain::name::ChainName;

use super::summary;
use crate::ControlPlane;
use crate::operation::{log_error, subject};

impl ControlPlane {
    /// Chains by name, in this order; whoever asks has made sure that the caller may read them. One that is gone by now is
    /// left out.
    pub(crate) async fn chain_cards(&self, names: &[ChainName]) -> Result<Vec<ChainSummary>, Error> {
        let store = &self.services.store;
        let (mut cards, mut hosts) = (Vec::with_capacity(names.len()), HashMap::<HostId, String>::new());
        for name in names {
            let record = store.chain_read(name).await.map_err(crate::error::store)?;
            let Some(record) = record else { continue };
            let host_name = match hosts.get(&record.host) {
                Some(known) => known.clone(),
                None => {
                    let host = store.host_read(&record.host).await.map_err(crate::error::store)?;
                    host.map(|host| host.spec.name.to_string()).unwrap_or_default()
                }
            };
            hosts.insert(record.host.clone(), host_name.clone());
            let holder = store.holder(&subject(name)).await.map_err(log_error)?;
            cards.push(summary(&record, host_name, holder.as_ref()));
        }
        Ok(cards)
    }
}
