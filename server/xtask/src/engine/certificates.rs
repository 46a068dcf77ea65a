//! Certificates for the test engine's TCP listener: one authority, one server, one client, made anew at each start.

use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::private;

/// Writes `ca.pem`, `server.{pem,key}` and `client.{pem,key}` into a folder.
pub fn write(folder: &Path) -> Result<()> {
    let key = KeyPair::generate().context("the authority's key cannot be made")?;
    let mut params = named("test engine authority", &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority = params.self_signed(&key).context("the authority cannot be made")?;
    private::write(&folder.join("ca.pem"), &authority.pem())?;
    let issuer = Issuer::from_params(&params, &key);
    let server = named("test engine", &["localhost", "127.0.0.1"])?;
    issue(folder, "server", server, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
    let client = named("test client", &[])?;
    issue(folder, "client", client, ExtendedKeyUsagePurpose::ClientAuth, &issuer)
}

fn issue(
    folder: &Path,
    name: &str,
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, &KeyPair>,
) -> Result<()> {
    params.extended_key_usages = vec![purpose];
    let key = KeyPair::generate().with_context(|| format!("the key of the {name} cannot be made"))?;
    let made = params.signed_by(&key, issuer).with_context(|| format!("the {name} cannot be signed"))?;
    private::write(&folder.join(format!("{name}.pem")), &made.pem())?;
    private::write(&folder.join(format!("{name}.key")), &key.serialize_pem())
}

fn named(name: &str, addresses: &[&str]) -> Result<CertificateParams> {
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    let mut params = CertificateParams::new(addresses).context("an address is malformed")?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn five_files_of_pem() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let check = |name: &str, kind: &str| {
            let text = fs::read_to_string(folder.path().join(name)).unwrap();
            assert!(text.starts_with(&format!("-----BEGIN {kind}-----")), "{name}: {text}");
        };
        check("ca.pem", "CERTIFICATE");
        for name in ["server", "client"] {
            check(&format!("{name}.pem"), "CERTIFICATE");
            check(&format!("{name}.key"), "PRIVATE KEY");
        }
    }
}
