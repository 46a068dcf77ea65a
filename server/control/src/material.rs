//! Keys and certificates of a chain: made once, kept sealed, handed out as identities or as the files of a node.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use agents::NodeFile;
use domain::Error;
use domain::id::UserId;
use domain::name::{ChainName, UserName};
use domain::node::NodeKind;
use fabric::identity::SigningIdentity;
use fabric::material::{Authority, COMMON_NAME_CHARS_MAX, Issued, Leaf, LeafKind, Role, Validity};
use fabric::msp::{MaterialFile, Msp};
use serde::{Deserialize, Serialize};
use store::{SealedSecret, StoreError};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::internal;
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::{ChainPlan, PlannedNode, PlannedOrganization};

mod handed_out;

pub(crate) use handed_out::Revoked;

/// Validity of everything that is issued, in days: ten years, as cryptogen has it.
const VALIDITY_DAYS: u32 = 3_650;

/// A certificate with its key, as it is sealed.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct CertifiedKey {
    #[zeroize(skip)]
    pub cert_pem: String,
    pub key_pem: String,
}

impl From<Issued> for CertifiedKey {
    fn from(issued: Issued) -> Self {
        Self { cert_pem: issued.cert_pem.clone(), key_pem: issued.key_pem.to_string() }
    }
}

/// What the portal holds to speak with a chain's nodes.
pub struct Trust {
    /// Signing certificates of the authorities, by MSP ID.
    pub msps: BTreeMap<String, Msp>,
    /// Admins of the organizations, by MSP ID.
    pub admins: BTreeMap<String, SigningIdentity>,
    /// The portal's own client certificate for administration and operations endpoints.
    pub portal: CertifiedKey,
    /// The authority that issued it, made for nothing else.
    pub portal_ca_pem: String,
    /// Lists of revoked certificates, PEM by MSP ID; an organization of which nothing is revoked has none.
    pub revocations: BTreeMap<String, String>,
    /// Identities of people that were opened lately, by MSP ID and person.
    users: Mutex<HashMap<(String, UserId), SigningIdentity>>,
}

impl Trust {
    fn users(&self) -> MutexGuard<'_, HashMap<(String, UserId), SigningIdentity>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names of a chain's secrets.
pub struct Places<'a>(pub &'a ChainName);

impl Places<'_> {
    /// Everything of the chain.
    pub fn all(&self) -> String {
        format!("chain/{}/", self.0)
    }

    fn authority(&self, msp_id: &str) -> String {
        format!("chain/{}/{msp_id}/ca", self.0)
    }

    fn tls_authority(&self, msp_id: &str) -> String {
        format!("chain/{}/{msp_id}/tlsca", self.0)
    }

    fn admin(&self, msp_id: &str) -> String {
        format!("chain/{}/{msp_id}/admin", self.0)
    }

    fn users(&self, msp_id: &str) -> String {
        format!("chain/{}/{msp_id}/user/", self.0)
    }

    fn user(&self, msp_id: &str, user: &UserId) -> String {
        format!("{}{user}", self.users(msp_id))
    }

    fn node_sign(&self, node: &PlannedNode) -> String {
        format!("chain/{}/node/{}/sign", self.0, node.name)
    }

    fn node_tls(&self, node: &PlannedNode) -> String {
        format!("chain/{}/node/{}/tls", self.0, node.name)
    }

    fn portal_ca(&self) -> String {
        format!("chain/{}/portal/ca", self.0)
    }

    fn portal(&self) -> String {
        format!("chain/{}/portal/client", self.0)
    }
}

fn validity(now_ms: i64) -> Validity {
    Validity::from_unix(now_ms / 1_000, VALIDITY_DAYS)
}

/// Issues everything a new chain needs. Pure but for the random keys; about 50 signatures for 26 peers.
fn issue_all(plan: &ChainPlan, now_ms: i64) -> Result<Vec<(String, CertifiedKey)>, Error> {
    let places = Places(&plan.chain);
    let validity = validity(now_ms);
    let fail = |error: fabric::material::MaterialError| internal("issue identities", error);
    let mut made = Vec::new();
    for organization in &plan.organizations {
        let (msp_id, domain) = (&organization.msp_id, &organization.domain_name);
        let ca = Authority::generate(&format!("ca.{domain}"), domain, &validity).map_err(fail)?;
        let tls_ca = Authority::generate(&format!("tlsca.{domain}"), domain, &validity).map_err(fail)?;
        let admin = ca.issue(&person(&format!("Admin@{domain}"), Role::Admin, validity)).map_err(fail)?;
        made.push((places.admin(msp_id), admin.into()));
        for node in plan.nodes.iter().filter(|node| node.msp_id == *msp_id) {
            let (sign, tls) = node_leaves(plan, node, validity);
            made.push((places.node_sign(node), ca.issue(&sign).map_err(fail)?.into()));
            made.push((places.node_tls(node), tls_ca.issue(&tls).map_err(fail)?.into()));
        }
        made.push((places.authority(msp_id), authority_key(&ca)));
        made.push((places.tls_authority(msp_id), authority_key(&tls_ca)));
    }
    let portal_ca = Authority::generate(&format!("portal.{}", plan.chain), plan.chain.as_str(), &validity)
        .map_err(fail)?;
    let client = Leaf {
        common_name: "portal".to_owned(),
        kind: LeafKind::Tls,
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        validity,
    };
    made.push((places.portal(), portal_ca.issue(&client).map_err(fail)?.into()));
    made.push((places.portal_ca(), authority_key(&portal_ca)));
    Ok(made)
}

fn authority_key(authority: &Authority) -> CertifiedKey {
    CertifiedKey { cert_pem: authority.cert_pem().to_owned(), key_pem: authority.key_pem().to_string() }
}

fn person(common_name: &str, role: Role, validity: Validity) -> Leaf {
    Leaf {
        common_name: common_name.to_owned(),
        kind: LeafKind::Sign(role),
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        validity,
    }
}

/// The two certificates of a node: its names are those by which other nodes, clients and the portal reach it.
fn node_leaves(plan: &ChainPlan, node: &PlannedNode, validity: Validity) -> (Leaf, Leaf) {
    let mut dns_names = vec![node.domain_name.clone(), node.name.to_string(), "localhost".to_owned()];
    let mut ip_addresses = vec![IpAddr::from([127, 0, 0, 1])];
    match plan.client_address.parse::<IpAddr>() {
        Ok(address) if !ip_addresses.contains(&address) => ip_addresses.push(address),
        Ok(_) => {}
        Err(_) if dns_names.contains(&plan.client_address) => {}
        Err(_) => dns_names.push(plan.client_address.clone()),
    }
    let role = if node.kind == NodeKind::Orderer { Role::Orderer } else { Role::Peer };
    let common_name = node.domain_name.clone();
    let names = dns_names.clone();
    let sign = Leaf {
        common_name: common_name.clone(),
        kind: LeafKind::Sign(role),
        dns_names: names,
        ip_addresses: Vec::new(),
        validity,
    };
    let tls = Leaf { common_name, kind: LeafKind::Tls, dns_names, ip_addresses, validity };
    (sign, tls)
}

impl Services {
    /// Issues and seals a chain's keys, unless an earlier try has done so.
    pub async fn issue_chain(&self, plan: &ChainPlan) -> Result<(), Error> {
        let places = Places(&plan.chain);
        // The portal's authority is written with all the others in one transaction: it is there, or nothing is.
        if self.secret::<CertifiedKey>(&places.portal_ca()).await?.is_some() {
            return Ok(());
        }
        let (work, now_ms) = (plan.clone(), self.clock.now_ms());
        let made = tokio::task::spawn_blocking(move || issue_all(&work, now_ms))
            .await
            .map_err(|error| internal("issue identities", error))??;
        let mut sealed = Vec::with_capacity(made.len());
        for (place, key) in &made {
            sealed.push(self.seal(place, key)?);
        }
        // What an earlier chain of this name may have left is of another authority.
        self.store.secret_replace_prefix(&places.all(), &sealed).await.map_err(crate::error::store)
    }

    async fn key(&self, place: &str) -> Result<CertifiedKey, Error> {
        self.secret(place).await?.ok_or_else(|| internal("read a chain's key", place))
    }

    /// What the portal needs to speak with a chain.
    pub async fn trust(&self, plan: &ChainPlan) -> Result<Trust, Error> {
        let places = Places(&plan.chain);
        let mut msps = BTreeMap::new();
        let mut admins = BTreeMap::new();
        for PlannedOrganization { msp_id, .. } in &plan.organizations {
            let ca = self.key(&places.authority(msp_id)).await?;
            let tls_ca = self.key(&places.tls_authority(msp_id)).await?;
            let admin = self.key(&places.admin(msp_id)).await?;
            let msp = Msp {
                msp_id: msp_id.clone(),
                ca_cert_pem: ca.cert_pem.clone(),
                tls_ca_cert_pem: tls_ca.cert_pem.clone(),
            };
            msps.insert(msp_id.clone(), msp);
            let identity = SigningIdentity::new(msp_id, &admin.cert_pem, &admin.key_pem)
                .map_err(|error| internal("read an admin identity", error))?;
            admins.insert(msp_id.clone(), identity);
        }
        let portal = self.key(&places.portal()).await?;
        let portal_ca_pem = self.key(&places.portal_ca()).await?.cert_pem.clone();
        let revocations = self.revoked(&plan.chain).await?.lists;
        Ok(Trust { msps, admins, portal, portal_ca_pem, revocations, users: Mutex::default() })
    }

    /// The client identity of a portal user in an organization, made when first needed, so that the ledger's
    /// creator tells who acted.
    pub async fn user_identity(
        &self,
        link: &ChainLink,
        msp_id: &str,
        user: &crate::caller::CallerUser,
    ) -> Result<SigningIdentity, Error> {
        let place = (msp_id.to_owned(), user.id.clone());
        if let Some(identity) = link.trust.users().get(&place) {
            return Ok(identity.clone());
        }
        let key = self.user_key(&link.plan, msp_id, user).await?;
        let identity = SigningIdentity::new(msp_id, &key.cert_pem, &key.key_pem)
            .map_err(|error| internal("read a user identity", error))?;
        link.trust.users().insert(place, identity.clone());
        Ok(identity)
    }

    /// The same as certificate and key.
    pub async fn user_key(
        &self,
        plan: &ChainPlan,
        msp_id: &str,
        user: &crate::caller::CallerUser,
    ) -> Result<CertifiedKey, Error> {
        let places = Places(&plan.chain);
        let place = places.user(msp_id, &user.id);
        if let Some(key) = self.secret::<CertifiedKey>(&place).await? {
            return Ok(key);
        }
        let domain = plan
            .organizations
            .iter()
            .find(|organization| organization.msp_id == msp_id)
            .map(|organization| organization.domain_name.as_str())
            .ok_or_else(Error::not_found)?;
        let authority = self.sign_authority(plan, msp_id).await?;
        let leaf = person(&common_name(&user.name, domain), Role::Client, validity(self.clock.now_ms()));
        let issued = authority.issue(&leaf).map_err(|error| internal("issue a user identity", error))?;
        let key = CertifiedKey::from(issued);
        let sealed: SealedSecret = self.seal(&place, &key)?;
        // The chain may be removed meanwhile: then its authority is gone, and no key stays behind.
        match self.store.secret_create(&sealed, &places.authority(msp_id)).await {
            Ok(()) => Ok(key),
            // Somebody else was first: a person has one identity in an organization.
            Err(StoreError::Taken { .. }) => self.key(&place).await,
            Err(error) => Err(crate::error::store(error)),
        }
    }

    /// The authority of an organization's signing certificates.
    pub async fn sign_authority(&self, plan: &ChainPlan, msp_id: &str) -> Result<Authority, Error> {
        let key = self.key(&Places(&plan.chain).authority(msp_id)).await?;
        Authority::from_pem(&key.cert_pem, &key.key_pem)
            .map_err(|error| internal("read a signing authority", error))
    }

    /// The authority of those who may administer the orderers.
    pub async fn portal_authority(&self, plan: &ChainPlan) -> Result<Authority, Error> {
        let key = self.key(&Places(&plan.chain).portal_ca()).await?;
        Authority::from_pem(&key.cert_pem, &key.key_pem)
            .map_err(|error| internal("read the portal's authority", error))
    }

    /// Certificate and key of an organization's admin.
    pub async fn admin_key(&self, plan: &ChainPlan, msp_id: &str) -> Result<CertifiedKey, Error> {
        self.key(&Places(&plan.chain).admin(msp_id)).await
    }

    /// The TLS certificate of a node, for the channel configuration.
    pub async fn node_tls(&self, plan: &ChainPlan, node: &PlannedNode) -> Result<CertifiedKey, Error> {
        self.key(&Places(&plan.chain).node_tls(node)).await
    }

    /// The signing certificate of a node, for the channel configuration of BFT.
    pub async fn node_sign(&self, plan: &ChainPlan, node: &PlannedNode) -> Result<CertifiedKey, Error> {
        self.key(&Places(&plan.chain).node_sign(node)).await
    }

    /// The TLS authority of an organization, which also issues for its chaincode.
    pub async fn tls_authority(&self, plan: &ChainPlan, msp_id: &str) -> Result<Authority, Error> {
        let key = self.key(&Places(&plan.chain).tls_authority(msp_id)).await?;
        Authority::from_pem(&key.cert_pem, &key.key_pem)
            .map_err(|error| internal("read a TLS authority", error))
    }

    /// Everything below a node's configuration folder that is made of keys and certificates.
    pub async fn node_files(
        &self,
        plan: &ChainPlan,
        trust: &Trust,
        node: &PlannedNode,
    ) -> Result<Vec<NodeFile>, Error> {
        let sign = self.node_sign(plan, node).await?;
        let tls = self.node_tls(plan, node).await?;
        let msp = trust.msps.get(&node.msp_id).ok_or_else(|| internal("node files", &node.msp_id))?;
        let issued = |key: &CertifiedKey| Issued {
            cert_pem: key.cert_pem.clone(),
            key_pem: Zeroizing::new(key.key_pem.clone()),
        };
        let mut files: Vec<NodeFile> = msp.node_files(&issued(&sign)).into_iter().map(node_file).collect();
        files.extend(msp.tls_files(&issued(&tls), &[]).into_iter().map(node_file));
        files.push(plain_file(fabric::node_config::ADMIN_CA_FILE, trust.portal_ca_pem.as_bytes()));
        // Who administers a peer is told by its own folder, not by a channel. An orderer asks the portal's authority.
        if node.kind == NodeKind::Peer
            && let Some(list) = trust.revocations.get(&node.msp_id)
        {
            files.push(plain_file(fabric::msp::REVOCATION_FILE, list.as_bytes()));
        }
        Ok(files)
    }
}

/// Under which name somebody stands on the ledger: with the organization's domain name, which a chain with a long name
/// cuts at its end.
pub(crate) fn common_name(user: &UserName, domain: &str) -> String {
    format!("{user}@{domain}").chars().take(COMMON_NAME_CHARS_MAX).collect()
}

fn node_file(file: MaterialFile) -> NodeFile {
    NodeFile {
        path: file.path,
        mode: if file.secret { 0o600 } else { 0o644 },
        secret: file.secret,
        content: Zeroizing::new(file.content),
    }
}

/// A file without secrets.
pub(crate) fn plain_file(path: &str, content: &[u8]) -> NodeFile {
    NodeFile { path: path.to_owned(), content: Zeroizing::new(content.to_vec()), mode: 0o644, secret: false }
}

#[cfg(test)]
mod tests {
    use domain::chain::{ChainSpec, Consensus, FabricVersion, NodeResources, OrganizationSpec};
    use domain::host::HostSpec;
    use domain::id::HostId;
    use domain::name::{ChannelName, HostName, OrganizationName};

    use super::*;

    fn plan_at(client_address: &str) -> ChainPlan {
        let organization = OrganizationSpec { name: OrganizationName::parse("org1").unwrap(), peers: 1 };
        let spec = ChainSpec {
            name: ChainName::parse("first").unwrap(),
            host: HostId::new("h1"),
            version: FabricVersion::V2_5,
            consensus: Consensus::Raft,
            orderers: 1,
            organizations: vec![organization],
            channel: ChannelName::parse("mychannel").unwrap(),
            batch_timeout_ms: 200,
            resources: NodeResources { cpu_milli: 1_000, memory_mib: 512 },
        };
        let host = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
        let plan = crate::topology::plan(&spec, &host, 31_000).unwrap();
        ChainPlan { client_address: client_address.to_owned(), ..plan }
    }

    /// Other nodes, clients and the portal reach a node under names of their own; each must stand in its certificate.
    #[test]
    fn certificates_of_nodes_name_every_way_to_them() {
        let cases = [
            ("127.0.0.1", None, None),
            ("localhost", None, None),
            ("node.example", Some("node.example"), None),
            ("203.0.113.9", None, Some("203.0.113.9")),
            ("2001:db8::9", None, Some("2001:db8::9")),
        ];
        for (client_address, name, ip) in cases {
            let plan = plan_at(client_address);
            for node in &plan.nodes {
                let (sign, tls) = node_leaves(&plan, node, validity(1_700_000_000_000));
                let own = [node.domain_name.as_str(), node.name.as_str(), "localhost"];
                let names: Vec<&str> = own.into_iter().chain(name).collect();
                assert_eq!(tls.dns_names, names, "{client_address}");
                let ips = ["127.0.0.1"].into_iter().chain(ip).map(|ip| ip.parse::<IpAddr>().unwrap());
                assert_eq!(tls.ip_addresses, ips.collect::<Vec<IpAddr>>(), "{client_address}");
                let role = if node.kind == NodeKind::Orderer { Role::Orderer } else { Role::Peer };
                assert_eq!((sign.kind, tls.kind), (LeafKind::Sign(role), LeafKind::Tls));
                assert_eq!((sign.common_name.as_str(), tls.common_name.as_str()), (own[0], own[0]));
            }
        }
    }

    #[test]
    fn everybody_has_a_name_on_every_ledger() {
        let user = |length: usize| UserName::parse(&"u".repeat(length)).unwrap();
        assert_eq!(common_name(&user(3), "org1.demo"), "uuu@org1.demo");
        let longest = format!("{}.{}", "o".repeat(20), "c".repeat(24));
        let now = validity(1_700_000_000_000);
        let authority = Authority::generate("ca", &longest, &now).unwrap();
        for length in 1..=domain::name::NAME_MAX {
            let name = common_name(&user(length), &longest);
            assert!(name.starts_with(&format!("{}@", user(length))), "{name}");
            authority.issue(&person(&name, Role::Client, now)).unwrap();
        }
    }
}
