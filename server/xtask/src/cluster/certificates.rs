//! Who is who in a cluster: one authority, the components' certificates, and the kubeconfigs that carry them.
//!
//! Made anew whenever a cluster is raised from nothing. Groups and names mean rights: `system:masters` may do everything,
//! `system:node:NAME` of `system:nodes` what the node NAME needs.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::configuration::{CONTROL_PLANE, SERVICE_API, node_host, node_name};
use super::state::{NODES_MAX, Slot};
use crate::private;

/// The names by which pods and components know the API server.
const API_NAMES: [&str; 6] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
];

/// Those that only ask: file name, name, group.
const CLIENTS: [(&str, &str, &str); 6] = [
    ("admin", "admin", "system:masters"),
    ("manager", "system:kube-controller-manager", ""),
    ("scheduler", "system:kube-scheduler", ""),
    ("proxy", "system:kube-proxy", ""),
    // The API server when it asks a kubelet.
    ("kubelet-client", "kube-apiserver", "system:masters"),
    // The API server when it hands a request on.
    ("front-proxy", "front-proxy", ""),
];

/// An authority that can sign.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, PEM.
struct Identity {
    certificate: String,
    key: String,
}

/// Writes into the slot's private folder `ca.{pem,key}`, a pair for every component, `accounts.{pem,key}` for the tokens
/// of service accounts, and a kubeconfig for everybody who asks the API server.
pub fn write(slot: &Slot) -> Result<()> {
    let folder = slot.runtime.as_path();
    let authority = authority(folder)?;
    let server = slot.address(CONTROL_PLANE);
    let mut names = API_NAMES.to_vec();
    names.extend([server.as_str(), SERVICE_API]);
    let purposes = [ExtendedKeyUsagePurpose::ServerAuth];
    issue(folder, "apiserver", params("kube-apiserver", "", &names)?, &purposes, &authority)?;
    for (file, name, group) in CLIENTS {
        let purposes = [ExtendedKeyUsagePurpose::ClientAuth];
        let identity = issue(folder, file, params(name, group, &[])?, &purposes, &authority)?;
        private::write(
            &folder.join(format!("{file}.yaml")),
            &kubeconfig(&server, &authority.pem, &identity),
        )?;
    }
    let accounts = KeyPair::generate().context("the key of service accounts cannot be made")?;
    private::write(&folder.join("accounts.key"), &accounts.serialize_pem())?;
    private::write(&folder.join("accounts.pem"), &accounts.public_key_pem())?;
    // For every node there may be, so that nobody has to sign anything later.
    for number in 1..=NODES_MAX {
        let (name, address) = (node_name(number), slot.address(node_host(number)));
        let subject = params(&format!("system:node:{name}"), "system:nodes", &[&name, &address])?;
        // A node's one certificate both serves and asks.
        let purposes = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let identity = issue(folder, &name, subject, &purposes, &authority)?;
        private::write(
            &folder.join(format!("{name}.yaml")),
            &kubeconfig(&server, &authority.pem, &identity),
        )?;
    }
    Ok(())
}

fn authority(folder: &Path) -> Result<Authority> {
    let key = KeyPair::generate().context("the authority's key cannot be made")?;
    let mut params = params("test cluster authority", "", &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let pem = params.self_signed(&key).context("the authority cannot be made")?.pem();
    private::write(&folder.join("ca.pem"), &pem)?;
    private::write(&folder.join("ca.key"), &key.serialize_pem())?;
    Ok(Authority { pem, issuer: Issuer::new(params, key) })
}

fn issue(
    folder: &Path,
    file: &str,
    mut params: CertificateParams,
    purposes: &[ExtendedKeyUsagePurpose],
    authority: &Authority,
) -> Result<Identity> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = purposes.to_vec();
    let key = KeyPair::generate().with_context(|| format!("the key of {file} cannot be made"))?;
    let made = params.signed_by(&key, &authority.issuer);
    let certificate = made.with_context(|| format!("{file} cannot be signed"))?.pem();
    let identity = Identity { certificate, key: key.serialize_pem() };
    private::write(&folder.join(format!("{file}.pem")), &identity.certificate)?;
    private::write(&folder.join(format!("{file}.key")), &identity.key)?;
    Ok(identity)
}

fn params(name: &str, group: &str, addresses: &[&str]) -> Result<CertificateParams> {
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    let mut params = CertificateParams::new(addresses).context("an address is malformed")?;
    if !group.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

/// Everything in one file, as a cluster's admin would hand it over.
fn kubeconfig(server: &str, authority: &str, identity: &Identity) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: testbed\n\
         clusters:\n- name: testbed\n  cluster:\n    server: https://{server}:6443\n    certificate-authority-data: {}\n\
         contexts:\n- name: testbed\n  context:\n    cluster: testbed\n    user: testbed\n\
         users:\n- name: testbed\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
        STANDARD.encode(authority),
        STANDARD.encode(&identity.certificate),
        STANDARD.encode(&identity.key)
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::paths::Paths;

    #[test]
    fn everybody_gets_a_pair_and_those_who_ask_a_kubeconfig() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().to_owned();
        let mut slot =
            Slot::new(&Paths { root: folder.clone(), cache: folder.clone(), target: folder.clone() }, 1);
        slot.runtime = folder;
        write(&slot).unwrap();
        let read = |name: &str| fs::read_to_string(slot.runtime.join(name)).unwrap();
        for name in ["ca", "apiserver", "admin", "kube-node-1", "kube-node-2"] {
            assert!(read(&format!("{name}.pem")).starts_with("-----BEGIN CERTIFICATE-----"), "{name}");
            assert!(read(&format!("{name}.key")).starts_with("-----BEGIN PRIVATE KEY-----"), "{name}");
        }
        assert!(read("accounts.pem").starts_with("-----BEGIN PUBLIC KEY-----"));
        let admin = read("admin.yaml");
        assert!(admin.contains("server: https://198.19.1.10:6443\n"), "{admin}");
        let data = |key: &str| {
            let line = admin.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
            String::from_utf8(STANDARD.decode(line).unwrap()).unwrap()
        };
        assert_eq!(data("certificate-authority-data: "), read("ca.pem"));
        assert_eq!(data("client-certificate-data: "), read("admin.pem"));
        assert_eq!(data("client-key-data: "), read("admin.key"));
        assert!(read("kube-node-2.yaml").contains("198.19.1.10"));
    }
}
