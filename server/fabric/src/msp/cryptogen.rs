//! An organization's material in the folder layout of Fabric's `cryptogen`, for people who go on with the
//! official tools.

use super::{MaterialFile, node_ous};
use crate::material::{Authority, Issued};

/// Which of the two top folders an organization stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationKind {
    Peer,
    Orderer,
}

/// One node or user with both of its certificates.
#[derive(Debug)]
pub struct Member<'a> {
    /// Nodes: full host name. Users: the name before `@`.
    pub name: &'a str,
    pub sign: &'a Issued,
    pub tls: &'a Issued,
}

/// Everything of one organization.
#[derive(Debug)]
pub struct CryptogenOrganization<'a> {
    pub kind: OrganizationKind,
    /// Folder of the organization, such as `org1.example.com`.
    pub domain: &'a str,
    pub ca: &'a Authority,
    pub tls_ca: &'a Authority,
    pub nodes: &'a [Member<'a>],
    pub users: &'a [Member<'a>],
}

/// All files below `peerOrganizations/<domain>` or `ordererOrganizations/<domain>`, keys included.
pub fn cryptogen_tree(organization: &CryptogenOrganization<'_>) -> Vec<MaterialFile> {
    let domain = organization.domain;
    let (top, nodes) = match organization.kind {
        OrganizationKind::Peer => ("peerOrganizations", "peers"),
        OrganizationKind::Orderer => ("ordererOrganizations", "orderers"),
    };
    let root = format!("{top}/{domain}");
    let mut files = Vec::new();
    for (folder, authority) in [("ca", organization.ca), ("tlsca", organization.tls_ca)] {
        let at = format!("{root}/{folder}");
        files.push(MaterialFile::public(format!("{at}/{folder}.{domain}-cert.pem"), authority.cert_pem()));
        files.push(MaterialFile::secret(format!("{at}/priv_sk"), authority.key_pem()));
    }
    files.extend(verifying(organization, &root));
    for node in organization.nodes {
        let at = format!("{root}/{nodes}/{}", node.name);
        files.extend(member(organization, node, &at, node.name, "server"));
    }
    for user in organization.users {
        let name = format!("{}@{domain}", user.name);
        files.extend(member(organization, user, &format!("{root}/users/{name}"), &name, "client"));
    }
    files
}

/// The folder `msp` below `at`, without keys.
fn verifying(organization: &CryptogenOrganization<'_>, at: &str) -> Vec<MaterialFile> {
    let domain = organization.domain;
    let ca_file = format!("cacerts/ca.{domain}-cert.pem");
    vec![
        MaterialFile::public(format!("{at}/msp/{ca_file}"), organization.ca.cert_pem()),
        MaterialFile::public(
            format!("{at}/msp/tlscacerts/tlsca.{domain}-cert.pem"),
            organization.tls_ca.cert_pem(),
        ),
        MaterialFile::public(format!("{at}/msp/config.yaml"), &node_ous(&ca_file)),
    ]
}

/// The folders `msp` and `tls` of a node (`tls_name` is `server`) or a user (`client`).
fn member(
    organization: &CryptogenOrganization<'_>,
    member: &Member<'_>,
    at: &str,
    file_name: &str,
    tls_name: &str,
) -> Vec<MaterialFile> {
    let mut files = verifying(organization, at);
    files.push(MaterialFile::public(
        format!("{at}/msp/signcerts/{file_name}-cert.pem"),
        &member.sign.cert_pem,
    ));
    files.push(MaterialFile::secret(format!("{at}/msp/keystore/priv_sk"), &member.sign.key_pem));
    files.push(MaterialFile::public(format!("{at}/tls/ca.crt"), organization.tls_ca.cert_pem()));
    files.push(MaterialFile::public(format!("{at}/tls/{tls_name}.crt"), &member.tls.cert_pem));
    files.push(MaterialFile::secret(format!("{at}/tls/{tls_name}.key"), &member.tls.key_pem));
    files
}
