//! Chains that were spoken with lately: their plans and opened keys stay in memory, so that a call of a chaincode does
//! not ask the database for every key of every organization, and unseal it, again. What is kept belongs to one creation
//! of one chain with one plan: a chain that was made again under the same name, by whatever replica, is another one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::Error;
use domain::id::OperationId;
use domain::name::ChainName;
use serde_json::Value;
use store::ChainRecord;

use crate::chain::plan_of;
use crate::material::Trust;
use crate::services::Services;
use crate::topology::ChainPlan;

/// Chains that are kept; beyond it all are dropped and read again when needed.
const CHAINS_MAX: usize = 512;

/// A chain's plan with what the portal needs to speak with its nodes.
#[derive(Clone)]
pub struct Opened {
    pub plan: Arc<ChainPlan>,
    pub trust: Arc<Trust>,
}

/// One kept chain, and of which creation it is.
struct Kept {
    created_ms: i64,
    operation: Option<OperationId>,
    /// As it stands in the record: to be compared without being read.
    plan: Arc<Value>,
    opened: Opened,
}

/// The chains that are kept.
#[derive(Default)]
pub struct Keyring {
    chains: Mutex<HashMap<ChainName, Kept>>,
}

impl Keyring {
    fn find(&self, record: &ChainRecord) -> Option<Opened> {
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = chains.get_mut(&record.name)?;
        if kept.created_ms != record.created_ms || kept.operation != record.operation {
            return None;
        }
        if !Arc::ptr_eq(&kept.plan, &record.plan) {
            if kept.plan != record.plan {
                return None;
            }
            // Records that are read from now on share it: it need not be compared again.
            kept.plan = Arc::clone(&record.plan);
        }
        Some(kept.opened.clone())
    }

    fn keep(&self, record: &ChainRecord, opened: &Opened) {
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if chains.len() >= CHAINS_MAX {
            chains.clear();
        }
        let kept = Kept {
            created_ms: record.created_ms,
            operation: record.operation.clone(),
            plan: Arc::clone(&record.plan),
            opened: opened.clone(),
        };
        chains.insert(record.name.clone(), kept);
    }

    /// Lets go of a chain's keys.
    pub(crate) fn forget(&self, chain: &ChainName) {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner).remove(chain);
    }
}

impl Services {
    /// A chain's plan and keys, from memory where they are those of this record.
    pub async fn opened(&self, record: &ChainRecord) -> Result<Opened, Error> {
        if let Some(opened) = self.keyring.find(record) {
            return Ok(opened);
        }
        let plan = plan_of(record)?.ok_or_else(Error::not_found)?;
        let trust = Arc::new(self.trust(&plan).await?);
        let opened = Opened { plan: Arc::new(plan), trust };
        self.keyring.keep(record, &opened);
        Ok(opened)
    }
}
