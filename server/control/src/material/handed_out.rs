//! Identities that people hold: whose they are, and how they come to an end when a chain gets another owner without being
//! made anew.

use domain::Error;
use domain::name::ChainName;
use fabric::material::Role;

use super::{CertifiedKey, Places, person, validity};
use crate::chain::plan_of;
use crate::error::internal;
use crate::services::Services;
use crate::topology::{ChainPlan, PlannedOrganization};

impl Services {
    /// The certificates of everybody who has an identity in an organization.
    pub(crate) async fn user_certificates(
        &self,
        plan: &ChainPlan,
        msp_id: &str,
    ) -> Result<Vec<String>, Error> {
        let prefix = Places(&plan.chain).users(msp_id);
        let mut certificates = Vec::new();
        for sealed in self.store.secret_list_prefix(&prefix).await.map_err(crate::error::store)? {
            // Somebody may remove it meanwhile.
            let key = self.secret::<CertifiedKey>(&sealed.key).await?;
            certificates.extend(key.map(|key| key.cert_pem.clone()));
        }
        Ok(certificates)
    }

    /// Removes the identities of everybody on a chain; those of the authorities, of nodes and of admins stay.
    pub(crate) async fn discard_user_keys(&self, chain: &ChainName) -> Result<(), Error> {
        let record = self.store.chain_read(chain).await.map_err(crate::error::store)?;
        let Some(plan) = record.as_ref().map(plan_of).transpose()?.flatten() else { return Ok(()) };
        for PlannedOrganization { msp_id, .. } in &plan.organizations {
            let prefix = Places(chain).users(msp_id);
            self.store.secret_delete_prefix(&prefix).await.map_err(crate::error::store)?;
        }
        // What was opened lately is one of them.
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
