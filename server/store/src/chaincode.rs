//! Channels and chaincode definitions of a chain, as the portal made them.

use std::collections::BTreeMap;

use domain::name::{ChainName, ChaincodeName, ChannelName, OrganizationName};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ChannelRecord {
    pub name: ChannelName,
    pub organizations: Vec<OrganizationName>,
    pub created_ms: i64,
}

/// A chaincode's newest definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaincodeRecord {
    pub channel: ChannelName,
    pub name: ChaincodeName,
    pub version: String,
    pub sequence: i64,
    pub image: String,
    pub image_id: String,
    /// By what its registry gives it again; none for one that was built or loaded on the host.
    #[serde(default)]
    pub image_digest: Option<String>,
    pub policy: Option<String>,
    pub init_required: bool,
    pub deployed_ms: i64,
    /// Package ids by MSP ID.
    pub package_ids: BTreeMap<String, String>,
    /// Whether its containers were started; one on its way may have none yet.
    #[serde(default)]
    pub is_served: bool,
}

#[derive(Deserialize)]
struct Recorded {
    record: String,
}

impl Store {
    /// Creates or replaces a channel.
    pub async fn channel_put(&self, chain: &ChainName, channel: &ChannelRecord) -> Result<(), StoreError> {
        let text = "UPSERT type::record('channel', $key) SET chain = $chain, name = $name,
            organizations = $organizations, created_ms = $created_ms";
        let bindings = json!({
            "key": format!("{chain}/{}", channel.name),
            "chain": chain.as_str(),
            "name": channel.name.as_str(),
            "organizations": channel.organizations,
            "created_ms": channel.created_ms,
        });
        self.write(Query::new(text, bindings)).await
    }

    /// Forgets a channel; one that is not there is no error.
    pub async fn channel_delete(&self, chain: &ChainName, name: &ChannelName) -> Result<(), StoreError> {
        let bindings = json!({ "key": format!("{chain}/{name}") });
        self.write(Query::new("DELETE type::record('channel', $key)", bindings)).await
    }

    /// Every channel of a chain, oldest first.
    pub async fn channel_list(&self, chain: &ChainName) -> Result<Vec<ChannelRecord>, StoreError> {
        let text = "SELECT name, organizations, created_ms FROM channel WHERE chain = $chain ORDER BY created_ms, name";
        self.read(Query::new(text, json!({ "chain": chain.as_str() }))).await
    }

    /// Creates or replaces a chaincode's newest definition.
    pub async fn chaincode_put(
        &self,
        chain: &ChainName,
        chaincode: &ChaincodeRecord,
    ) -> Result<(), StoreError> {
        let text = "UPSERT type::record('chaincode', $key) SET chain = $chain, record = $record";
        let bindings = json!({
            "key": format!("{chain}/{}/{}", chaincode.channel, chaincode.name),
            "chain": chain.as_str(),
            "record": encode(chaincode)?,
        });
        self.write(Query::new(text, bindings)).await
    }

    /// Every chaincode of a chain, by channel and name.
    pub async fn chaincode_list(&self, chain: &ChainName) -> Result<Vec<ChaincodeRecord>, StoreError> {
        let text = "SELECT record FROM chaincode WHERE chain = $chain";
        let rows: Vec<Recorded> = self.read(Query::new(text, json!({ "chain": chain.as_str() }))).await?;
        let mut records: Vec<ChaincodeRecord> =
            rows.iter().map(|row| decode(&row.record)).collect::<Result<_, _>>()?;
        records.sort_by(|a, b| (&a.channel, &a.name).cmp(&(&b.channel, &b.name)));
        Ok(records)
    }
}
