//! An organization's material for people who go on with the official tools: a tar in cryptogen's layout. Keys of
//! authorities and of nodes never leave the portal; an admin's key leaves it only when it is asked for by name, by
//! somebody who has just typed their password, and every export is audited.

use agents::NodeStatus;
use domain::name::{ChainName, OrganizationName};
use domain::node::NodeKind;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use fabric::material::{Authority, Issued, Leaf, LeafKind, Validity};
use fabric::msp::{CryptogenOrganization, MaterialFile, Member, OrganizationKind, archive, cryptogen_tree};
use store::ChainRecord;
use zeroize::Zeroizing;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::error::internal;
use crate::material::common_name;
use crate::network::ChainLink;
use crate::node::listed;
use crate::operation::subject;
use crate::operations::selector;
use crate::topology::{ADMIN_PORT, PlannedNode, PlannedOrganization};

/// Name under which the ordering organization is exported; no member may have it.
pub const ORDERING: &str = "orderer";
/// Validity of the TLS client certificates that are made for an export.
const CLIENT_DAYS: u32 = 365;

/// A signing certificate and a TLS certificate.
struct Pair {
    name: String,
    sign: Issued,
    tls: Issued,
}

impl Pair {
    fn member(&self) -> Member<'_> {
        Member { name: &self.name, sign: &self.sign, tls: &self.tls }
    }
}

impl ControlPlane {
    /// The material of an organization with the caller's own identity in it, and no other key.
    pub async fn material_export(
        &self,
        caller: &Caller,
        chain: &ChainName,
        organization: &OrganizationName,
    ) -> Result<Vec<u8>, Error> {
        let object = format!("{}/organization/{organization}", subject(chain));
        let result = async {
            let record = self.chain_for(caller, Action::Export, Noun::Identity, chain).await?;
            self.exported(caller, &record, organization, false).await
        }
        .await;
        self.audit.record(caller, "material-export", &object, &result).await;
        result
    }

    /// The same with the admin's keys. The password is asked for again: whoever holds these keys is the organization. The
    /// form may bring it; an empty one stands for a session that proved it lately.
    pub async fn admin_key_export(
        &self,
        caller: &Caller,
        chain: &ChainName,
        organization: &OrganizationName,
        password: String,
    ) -> Result<Vec<u8>, Error> {
        let object = format!("{}/organization/{organization}", subject(chain));
        let result = async {
            let record = self.chain_for(caller, Action::Export, Noun::AdminKey, chain).await?;
            self.stepped_up_by(caller, password).await?;
            self.exported(caller, &record, organization, true).await
        }
        .await;
        self.audit.record(caller, "admin-key-export", &object, &result).await;
        result
    }

    async fn exported(
        &self,
        caller: &Caller,
        record: &ChainRecord,
        organization: &OrganizationName,
        with_admin: bool,
    ) -> Result<Vec<u8>, Error> {
        let link = self.link_for_clients(record).await?;
        let planned = link.plan.organizations.iter().find(|planned| match &planned.name {
            Some(name) => name == organization,
            None => organization.as_str() == ORDERING,
        });
        let planned = planned.ok_or_else(Error::not_found)?;
        let mut users = Vec::new();
        if planned.name.is_some() {
            users.push(self.own_pair(caller, &link, planned).await?);
        }
        if with_admin {
            users.push(self.admin_pair(&link, planned).await?);
        }
        let mut files = self.tree(&link, planned, &users).await?;
        files.extend(self.others(&link, planned));
        files.push(MaterialFile::public("README.txt", &self.notes(&link, planned, &users).await));
        let now = u64::try_from(self.services.clock.now_ms() / 1_000).unwrap_or_default();
        archive(&files, now).map_err(|error| internal("pack material", error))
    }

    /// The caller's own identity; its TLS certificate is made for this export.
    async fn own_pair(
        &self,
        caller: &Caller,
        link: &ChainLink,
        planned: &PlannedOrganization,
    ) -> Result<Pair, Error> {
        let user = caller.require_user()?;
        let key = self.services.user_key(&link.plan, &planned.msp_id, user).await?;
        let authority = self.services.tls_authority(&link.plan, &planned.msp_id).await?;
        let name = user.name.to_string();
        let tls = self.client(&authority, &common_name(&user.name, &planned.domain_name))?;
        Ok(Pair { name, sign: issued(&key.cert_pem, &key.key_pem), tls })
    }

    /// The admin. In the ordering organization its TLS certificate is one that the orderers' administration endpoints
    /// take, and these know one authority alone.
    async fn admin_pair(&self, link: &ChainLink, planned: &PlannedOrganization) -> Result<Pair, Error> {
        let key = self.services.admin_key(&link.plan, &planned.msp_id).await?;
        let authority = match &planned.name {
            Some(_) => self.services.tls_authority(&link.plan, &planned.msp_id).await?,
            None => self.services.portal_authority(&link.plan).await?,
        };
        let tls = self.client(&authority, &format!("Admin@{}", planned.domain_name))?;
        Ok(Pair { name: "Admin".to_owned(), sign: issued(&key.cert_pem, &key.key_pem), tls })
    }

    fn client(&self, authority: &Authority, common_name: &str) -> Result<Issued, Error> {
        let leaf = Leaf {
            common_name: common_name.to_owned(),
            kind: LeafKind::Tls,
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            validity: Validity::from_unix(self.services.clock.now_ms() / 1_000, CLIENT_DAYS),
        };
        authority.issue(&leaf).map_err(|error| internal("issue a client certificate", error))
    }

    /// The organization's own folder, without any key but those of the users that are handed out.
    async fn tree(
        &self,
        link: &ChainLink,
        planned: &PlannedOrganization,
        users: &[Pair],
    ) -> Result<Vec<MaterialFile>, Error> {
        let services = &self.services;
        let mut nodes = Vec::new();
        for node in link.plan.nodes.iter().filter(|node| node.msp_id == planned.msp_id) {
            let sign = services.node_sign(&link.plan, node).await?;
            let tls = services.node_tls(&link.plan, node).await?;
            // Only certificates are taken: the key of a node is not in the hands of this module at all.
            let name = node.domain_name.clone();
            nodes.push(Pair { name, sign: issued(&sign.cert_pem, ""), tls: issued(&tls.cert_pem, "") });
        }
        let ca = services.sign_authority(&link.plan, &planned.msp_id).await?;
        let tls_ca = services.tls_authority(&link.plan, &planned.msp_id).await?;
        let nodes: Vec<Member<'_>> = nodes.iter().map(Pair::member).collect();
        let members: Vec<Member<'_>> = users.iter().map(Pair::member).collect();
        let tree = cryptogen_tree(&CryptogenOrganization {
            kind: kind(planned),
            domain: &planned.domain_name,
            ca: &ca,
            tls_ca: &tls_ca,
            nodes: &nodes,
            users: &members,
        });
        let users = format!("{}/{}/users/", top(planned), planned.domain_name);
        Ok(tree.into_iter().filter(|file| !file.secret || file.path.starts_with(&users)).collect())
    }

    /// What the tools want of the other organizations: their TLS authorities, which are public.
    fn others(&self, link: &ChainLink, planned: &PlannedOrganization) -> Vec<MaterialFile> {
        let others = link.plan.organizations.iter().filter(|other| other.msp_id != planned.msp_id);
        let files = others.filter_map(|other| {
            let (msp, domain) = (link.trust.msps.get(&other.msp_id)?, &other.domain_name);
            let path = format!("{}/{domain}/tlsca/tlsca.{domain}-cert.pem", top(other));
            Some(MaterialFile::public(path, &msp.tls_ca_cert_pem))
        });
        files.collect()
    }

    /// How the official tools are pointed at the chain.
    async fn notes(&self, link: &ChainLink, planned: &PlannedOrganization, users: &[Pair]) -> String {
        let domain = &planned.domain_name;
        let statuses = listed(link.agent.as_ref(), &selector(link)).await.unwrap_or_default();
        let mut text = format!(
            "Material of {} on chain {}, in cryptogen's folder layout.\n\
             Keys of authorities and nodes are not in it: they never leave the portal.\n\n",
            planned.msp_id, link.plan.chain
        );
        if users.iter().any(|user| user.name == "Admin") {
            text.push_str(
                "WARNING: this archive holds an admin's private keys. Whoever has them can act for the whole\n\
                 organization. Keep them offline and delete them when they are no longer needed.\n\n",
            );
        }
        for node in &link.plan.nodes {
            let at = link.plan.address(node, &statuses);
            text.push_str(&format!("{:<28} {at}\n", node.domain_name));
        }
        if planned.name.is_none() {
            for (node, at) in admin_endpoints(link, &statuses) {
                text.push_str(&format!("{:<28} {at} (administration, for osnadmin)\n", node));
            }
            return text;
        }
        let peer = link.plan.nodes.iter().find(|node| node.msp_id == planned.msp_id);
        if let (Some(peer), Some(user)) = (peer, users.first()) {
            let root = format!("$PWD/{}/{domain}", top(planned));
            text.push_str(&format!(
                "\nexport CORE_PEER_TLS_ENABLED=true\nexport CORE_PEER_LOCALMSPID={}\n\
                 export CORE_PEER_ADDRESS={}\n\
                 export CORE_PEER_TLS_SERVERHOSTOVERRIDE={}\n\
                 export CORE_PEER_TLS_ROOTCERT_FILE=\"{root}/tlsca/tlsca.{domain}-cert.pem\"\n\
                 export CORE_PEER_MSPCONFIGPATH=\"{root}/users/{}@{domain}/msp\"\n",
                planned.msp_id,
                link.plan.address(peer, &statuses),
                peer.domain_name,
                user.name
            ));
        }
        text
    }
}

/// Where the orderers' administration endpoints are published; the engine assigns these ports.
fn admin_endpoints(link: &ChainLink, statuses: &[NodeStatus]) -> Vec<(String, String)> {
    let orderers = link.plan.of_kind(NodeKind::Orderer).filter_map(|node: &PlannedNode| {
        let status = statuses.iter().find(|status| status.node.node == node.name.as_str())?;
        Some((node.domain_name.clone(), status.ports.get(&ADMIN_PORT)?.to_string()))
    });
    orderers.collect()
}

/// The name of an exported organization from an address: a member, or the ordering one.
pub fn exported_name(text: &str) -> Result<OrganizationName, Error> {
    OrganizationName::parse(text).map_err(|_| Error::not_found_as(Code::NotFound))
}

fn kind(planned: &PlannedOrganization) -> OrganizationKind {
    if planned.name.is_some() { OrganizationKind::Peer } else { OrganizationKind::Orderer }
}

fn top(planned: &PlannedOrganization) -> &'static str {
    if planned.name.is_some() { "peerOrganizations" } else { "ordererOrganizations" }
}

fn issued(cert_pem: &str, key_pem: &str) -> Issued {
    Issued { cert_pem: cert_pem.to_owned(), key_pem: Zeroizing::new(key_pem.to_owned()) }
}
