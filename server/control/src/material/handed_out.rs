//! Identities that people hold: whose they are, and how they come to an end when a chain gets another owner without being
//! made anew.

use std::collections::BTreeMap;

use domain::Error;
use domain::id::UserId;
use domain::name::ChainName;
use fabric::material::Role;
use serde::{Deserialize, Serialize};

use super::{CertifiedKey, Places, person, validity};
use crate::chain::plan_of;
use crate::error::internal;
use crate::services::Services;
use crate::topology::{ChainPlan, PlannedOrganization};

/// Document that names what was revoked.
const REVOKED: &str = "revoked";

/// What is revoked of a chain. Nothing of it is secret.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Revoked {
    /// The operation that revoked last, and the admins (serial number by MSP ID) whom it found.
    pub operation: String,
    pub admins: BTreeMap<String, String>,
    /// Every serial number that is revoked, by MSP ID. A list names all of them.
    pub serials: BTreeMap<String, Vec<String>>,
    /// The lists, PEM by MSP ID. Former versions kept none.
    #[serde(default)]
    pub lists: BTreeMap<String, String>,
}

impl Services {
    /// The certificates of a person in an organization; of nobody in particular: of everybody who has an identity in it.
    pub(crate) async fn user_certificates(
        &self,
        plan: &ChainPlan,
        msp_id: &str,
        whose: Option<&UserId>,
    ) -> Result<Vec<String>, Error> {
        let places = Places(&plan.chain);
        let keys = match whose {
            Some(user) => vec![places.user(msp_id, user)],
            None => {
                let all = self.store.secret_keys_prefix(&places.users(msp_id)).await;
                all.map_err(crate::error::store)?
            }
        };
        let mut certificates = Vec::new();
        for key in keys {
            // Somebody may remove it meanwhile.
            let key = self.secret::<CertifiedKey>(&key).await?;
            certificates.extend(key.map(|key| key.cert_pem.clone()));
        }
        Ok(certificates)
    }

    /// Removes the identities of a person, or of everybody, on a chain; those of the authorities, of nodes and of admins
    /// stay.
    pub(crate) async fn discard_user_keys(
        &self,
        chain: &ChainName,
        whose: Option<&UserId>,
    ) -> Result<(), Error> {
        let record = self.store.chain_read(chain).await.map_err(crate::error::store)?;
        let Some(plan) = record.as_ref().map(plan_of).transpose()?.flatten() else { return Ok(()) };
        let places = Places(chain);
        for PlannedOrganization { msp_id, .. } in &plan.organizations {
            let removed = match whose {
                Some(user) => self.store.secret_delete(&places.user(msp_id, user)).await,
                None => self.store.secret_delete_prefix(&places.users(msp_id)).await,
            };
            removed.map_err(crate::error::store)?;
        }
        // What was opened lately is one of them.
        self.keyring.forget(chain);
        Ok(())
    }

    /// What is revoked of a chain.
    pub(crate) async fn revoked(&self, chain: &ChainName) -> Result<Revoked, Error> {
        let known = self.store.document_read(chain, REVOKED).await.map_err(crate::error::store)?;
        match known {
            Some(text) => {
                serde_json::from_slice(&text).map_err(|error| internal("read what is revoked", error))
            }
            None => Ok(Revoked::default()),
        }
    }

    /// Keeps what is revoked of a chain; whoever speaks with it, or makes a node of it, knows it from then on.
    pub(crate) async fn revoked_save(&self, chain: &ChainName, revoked: &Revoked) -> Result<(), Error> {
        let text = serde_json::to_vec(revoked).map_err(|error| internal("keep what is revoked", error))?;
        self.store.document_put(chain, REVOKED, &text).await.map_err(crate::error::store)?;
        self.keyring.forget(chain);
        Ok(())
    }

    /// Gives an organization another admin, whom the portal uses from then on.
    pub(crate) async fn renew_admin(
        &self,
        plan: &ChainPlan,
        organization: &PlannedOrganization,
    ) -> Result<(), Error> {
        let (msp_id, domain) = (&organization.msp_id, &organization.domain_name);
        let authority = self.sign_authority(plan, msp_id).await?;
        let leaf = person(&format!("Admin@{domain}"), Role::Admin, validity(self.clock.now_ms()));
        let issued = authority.issue(&leaf).map_err(|error| internal("issue an admin identity", error))?;
        let sealed = self.seal(&Places(&plan.chain).admin(msp_id), &CertifiedKey::from(issued))?;
        self.store.secret_put(&sealed).await.map_err(crate::error::store)?;
        self.keyring.forget(&plan.chain);
        Ok(())
    }
}
