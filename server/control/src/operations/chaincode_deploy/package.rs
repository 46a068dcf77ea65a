//! A deployment's packages: one per organization, made once and kept sealed, so that every try installs the same bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Error;
use domain::chaincode::DeploySpec;
use fabric::material::{Authority, Leaf, LeafKind, Validity};
use fabric::package::{self, Connection};
use serde::{Deserialize, Serialize};
use workflow::{Context, StepError};

use super::{
    DeploysChaincode, ImageResolved, Member, PackagesMade, drafts, in_force, members, place, places,
    possible_members,
};
use crate::error::internal;
use crate::network::ChainLink;
use crate::operations::{link, side_by_side, step_error, store_error};
use crate::services::Services;
use crate::topology::CHAINCODE_PORT;

/// Validity of a package's throw-away certificates.
const VALIDITY_DAYS: u32 = 3_650;

/// An organization's package and the TLS files of its chaincode server, as they are sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct PackageSecret {
    pub(super) package_base64: String,
    pub(super) package_id: String,
    pub(super) server_cert_pem: String,
    pub(super) server_key_pem: String,
    pub(super) authority_pem: String,
}

pub(in crate::operations) async fn make_packages<P: DeploysChaincode>(
    ctx: Context<P>,
) -> Result<PackagesMade, StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let members = members(services, &link, spec, sequence).await?;
    let made = members.iter().map(|member| ensure_package(&ctx, member, sequence)).collect();
    let ids: Result<BTreeMap<String, String>, StepError> = side_by_side(made).await.into_iter().collect();
    Ok(PackagesMade { ids: ids? })
}

/// An organization's package, from an earlier try where there is one: its MSP ID and the package's id.
async fn ensure_package<P: DeploysChaincode>(
    ctx: &Context<P>,
    member: &Member,
    sequence: i64,
) -> Result<(String, String), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let place = place(spec, sequence, &member.msp_id);
    let secret = match services.secret::<PackageSecret>(&place).await.map_err(step_error)? {
        Some(secret) => secret,
        None => {
            let made = make_package(spec, member, ctx.now_ms()).map_err(step_error)?;
            let sealed = services.seal(&place, &made).map_err(step_error)?;
            services.store.secret_put(&sealed).await.map_err(store_error)?;
            made
        }
    };
    ctx.note(format!("{}: {}", member.msp_id, secret.package_id)).await;
    Ok((member.msp_id.clone(), secret.package_id))
}

/// A package with a connection that only this organization's peers can use: the key in it is made for nothing else.
fn make_package(spec: &DeploySpec, member: &Member, now_ms: i64) -> Result<PackageSecret, Error> {
    let fail = |error: fabric::material::MaterialError| internal("make a package", error);
    let validity = Validity::from_unix(now_ms / 1_000, VALIDITY_DAYS);
    let authority =
        Authority::generate(&format!("ca.{}", member.server), &member.msp_id, &validity).map_err(fail)?;
    let leaf = |common_name: &str, dns_names: Vec<String>| Leaf {
        common_name: common_name.to_owned(),
        kind: LeafKind::Tls,
        dns_names,
        ip_addresses: Vec::new(),
        validity,
    };
    let server = authority.issue(&leaf(&member.server, vec![member.server.clone()])).map_err(fail)?;
    let client = authority.issue(&leaf("peer", Vec::new())).map_err(fail)?;
    let label = spec.label.clone().unwrap_or_else(|| format!("{}_{}", spec.name, spec.version));
    let connection = Connection {
        address: format!("{}:{CHAINCODE_PORT}", member.server),
        dial_timeout: "10s".to_owned(),
        tls_required: true,
        client_auth_required: true,
        client_key: client.key_pem.to_string(),
        client_cert: client.cert_pem.clone(),
        root_cert: authority.cert_pem().to_owned(),
    };
    let bytes = package::ccaas(&label, &connection).map_err(|error| internal("make a package", error))?;
    Ok(PackageSecret {
        package_id: package::id(&label, &bytes),
        package_base64: STANDARD.encode(&bytes),
        server_cert_pem: server.cert_pem.clone(),
        server_key_pem: server.key_pem.to_string(),
        authority_pem: authority.cert_pem().to_owned(),
    })
}

pub(super) async fn package_secret(services: &Services, place: &str) -> Result<PackageSecret, StepError> {
    let secret = services.secret::<PackageSecret>(place).await.map_err(step_error)?;
    secret.ok_or_else(|| step_error(internal("read a package", place)))
}

/// Removes what was made for this sequence, unless it was committed or begun by an operation before.
pub(in crate::operations) async fn discard_packages<P: DeploysChaincode>(
    ctx: Context<P>,
) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let Some(resolved) = ctx.try_output::<ImageResolved>()? else { return Ok(()) };
    if in_force(services, spec, resolved.sequence).await?
        || drafts::of_sequence(services, spec, resolved.sequence).await?.is_some()
    {
        return Ok(());
    }
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    for member in possible_members(&link, spec, resolved.sequence) {
        let place = place(spec, resolved.sequence, &member.msp_id);
        services.store.secret_delete(&place).await.map_err(store_error)?;
    }
    Ok(())
}

/// Removes the packages of the sequences before, with the keys in them.
pub(super) async fn retire_packages(
    services: &Services,
    link: &ChainLink,
    spec: &DeploySpec,
    sequence: i64,
) -> Result<(), StepError> {
    for (_, organization) in link.plan.members() {
        let beginning = places(spec, &organization.msp_id);
        for secret in services.store.secret_list_prefix(&beginning).await.map_err(store_error)? {
            let number = secret.key.strip_prefix(&beginning).and_then(|number| number.parse::<i64>().ok());
            if number.is_some_and(|number| number < sequence) {
                services.store.secret_delete(&secret.key).await.map_err(store_error)?;
            }
        }
    }
    Ok(())
}
