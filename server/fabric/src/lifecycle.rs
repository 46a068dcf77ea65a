//! Chaincode lifecycle: install on peers, approve for an organization, commit on a channel, and the questions
//! around them.
//!
//! Every verb may be repeated: what is done already is reported as such, not as an error. Approve and commit are
//! transactions and go through the gateway of a peer of the caller's organization; the rest is asked of one peer
//! directly, because it is about this peer or must not be answered by another one.

use std::{collections::BTreeMap, time::Duration};

use prost::Message;

use crate::{
    conn::NodeConn,
    endorser::{self, Invocation, Proposal},
    error::{ErrorKind, FabricError},
    gateway::{Committed as CommittedAt, Gateway},
    identity::SigningIdentity,
    proto::peer::lifecycle::{
        CheckCommitReadinessResult, InstallChaincodeArgs, InstallChaincodeResult, NoArgs, QueryApprovedArgs,
        QueryApprovedResult, QueryDefinitionArgs, QueryDefinitionResult, QueryDefinitionsResult,
        QueryInstalledChaincodesResult, chaincode_source, function,
    },
};

mod definition;

pub use definition::{Definition, PolicyChoice};

const LIFECYCLE: &str = "_lifecycle";
/// Peers give an installation five minutes; a package of a service takes milliseconds.
pub const INSTALL_TIMEOUT: Duration = Duration::from_secs(310);
/// Time until an approval or a commit stands in a block of the asked peer.
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A package on a peer after [`install`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    pub package_id: String,
    /// True if the peer had it before.
    pub was_there: bool,
}

/// One package of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledPackage {
    pub package_id: String,
    pub label: String,
    /// Name and version of the definitions that use it, by channel.
    pub references: BTreeMap<String, Vec<(String, String)>>,
}

/// Result of [`approve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    Approved {
        tx_id: String,
        block: u64,
    },
    /// The organization had approved exactly this.
    AlreadyApproved,
}

/// Result of [`commit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commitment {
    Committed {
        tx_id: String,
        block: u64,
    },
    /// The channel has this definition at this sequence.
    AlreadyCommitted,
}

/// Which organizations have approved a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// By MSP ID.
    pub approvals: BTreeMap<String, bool>,
    /// By MSP ID, what differs; only Fabric 3.0 and newer say so.
    pub mismatches: BTreeMap<String, Vec<String>>,
}

/// An organization's own approval.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    pub definition: Definition,
    /// `None` if the organization approved without a package.
    pub package_id: Option<String>,
}

/// A definition in force on a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    pub definition: Definition,
    /// By MSP ID; empty when all definitions were listed.
    pub approvals: BTreeMap<String, bool>,
}

/// Installs a package on the peer.
pub async fn install(
    conn: &NodeConn,
    admin: &SigningIdentity,
    package: &[u8],
) -> Result<Installed, FabricError> {
    let args = InstallChaincodeArgs { chaincode_install_package: package.to_vec() };
    let call = call("", function::INSTALL, &args);
    match endorser::process(conn, &Proposal::new(admin, &call)?, INSTALL_TIMEOUT).await {
        Ok(answer) => {
            let payload = answer.response.map(|response| response.payload).unwrap_or_default();
            let result: InstallChaincodeResult = decode(&payload)?;
            Ok(Installed { package_id: result.package_id, was_there: false })
        }
        Err(error) if error.kind() == ErrorKind::AlreadyInstalled => {
            let package_id = quoted_package_id(&error.to_string()).ok_or(error)?;
            Ok(Installed { package_id, was_there: true })
        }
        Err(error) => Err(error),
    }
}

/// The packages of the peer.
pub async fn query_installed(
    conn: &NodeConn,
    admin: &SigningIdentity,
) -> Result<Vec<InstalledPackage>, FabricError> {
    let result: QueryInstalledChaincodesResult =
        query(conn, admin, "", function::QUERY_INSTALLED, &NoArgs {}).await?;
    let packages = result.installed_chaincodes.into_iter().map(|installed| InstalledPackage {
        package_id: installed.package_id,
        label: installed.label,
        references: installed
            .references
            .into_iter()
            .map(|(channel, used)| {
                (channel, used.chaincodes.into_iter().map(|one| (one.name, one.version)).collect())
            })
            .collect(),
    });
    Ok(packages.collect())
}

/// What the peer's organization has approved; `sequence` `None` asks for the newest. `Ok(None)` if nothing.
pub async fn query_approved(
    conn: &NodeConn,
    admin: &SigningIdentity,
    channel: &str,
    name: &str,
    sequence: Option<u64>,
) -> Result<Option<Approved>, FabricError> {
    let sequence = definition::sequence_number(sequence.unwrap_or_default())?;
    let args = QueryApprovedArgs { name: name.into(), sequence };
    let answer = query(conn, admin, channel, function::QUERY_APPROVED, &args).await;
    let result: QueryApprovedResult = match answer {
        // Peers know no status for this, only this sentence.
        Err(FabricError::Proposal { message, .. })
            if message.contains("could not fetch approved chaincode definition") =>
        {
            return Ok(None);
        }
        other => other?,
    };
    let package_id = match result.source.clone().and_then(|source| source.r#type) {
        Some(chaincode_source::Type::LocalPackage(local)) => Some(local.package_id),
        _ => None,
    };
    Ok(Some(Approved { definition: Definition::from_approved(name, result)?, package_id }))
}

/// Approves a definition for the organization of the gateway's identity, whose peer the gateway must be.
/// Without `package_id` the organization agrees, but does not endorse.
///
/// It asks first: peers refuse an unchanged approval only until the definition is committed. Later they endorse
/// it with an empty write set, and the transaction then fails the endorsement policy.
pub async fn approve(
    gateway: &Gateway,
    channel: &str,
    definition: &Definition,
    package_id: Option<&str>,
) -> Result<Approval, FabricError> {
    let sequence = Some(definition.sequence);
    let (conn, identity) = (gateway.conn(), gateway.identity());
    let earlier = query_approved(conn, identity, channel, &definition.name, sequence).await?;
    let is_unchanged = |earlier: &Approved| {
        earlier.definition.is_same(definition) && earlier.package_id.as_deref() == package_id
    };
    if earlier.as_ref().is_some_and(is_unchanged) {
        return Ok(Approval::AlreadyApproved);
    }
    let call = call(channel, function::APPROVE, &definition.approve_args(package_id)?);
    let organization = gateway.identity().msp_id().to_owned();
    match transact(gateway, &call, vec![organization]).await {
        Ok((tx_id, at)) => Ok(Approval::Approved { tx_id, block: at.block }),
        Err(error) if error.kind() == ErrorKind::UnchangedContent => Ok(Approval::AlreadyApproved),
        Err(error) => Err(error),
    }
}

/// Which organizations have approved exactly this definition, as the asked peer sees it.
pub async fn check_commit_readiness(
    conn: &NodeConn,
    writer: &SigningIdentity,
    channel: &str,
    definition: &Definition,
) -> Result<Readiness, FabricError> {
    let args = definition.commit_args()?;
    let result: CheckCommitReadinessResult =
        query(conn, writer, channel, function::CHECK_COMMIT_READINESS, &args).await?;
    let mismatches = result.mismatches.into_iter().map(|(msp_id, list)| (msp_id, list.items));
    Ok(Readiness { approvals: result.approvals, mismatches: mismatches.collect() })
}

/// Commits a definition; `endorsing_organizations` are MSP IDs that have approved it and together satisfy the
/// channel's lifecycle policy.
pub async fn commit(
    gateway: &Gateway,
    channel: &str,
    definition: &Definition,
    endorsing_organizations: Vec<String>,
) -> Result<Commitment, FabricError> {
    let call = call(channel, function::COMMIT, &definition.commit_args()?);
    let error = match transact(gateway, &call, endorsing_organizations).await {
        Ok((tx_id, at)) => return Ok(Commitment::Committed { tx_id, block: at.block }),
        Err(error) => error,
    };
    // A definition that was committed before makes the sequence stale, which is success if it is the same one.
    let is_stale = ErrorKind::SequenceConflict { expected: definition.sequence.checked_add(1) };
    if error.kind() == is_stale {
        let in_force =
            query_definition(gateway.conn(), gateway.identity(), channel, &definition.name).await?;
        if in_force.is_some_and(|in_force| in_force.definition.is_same(definition)) {
            return Ok(Commitment::AlreadyCommitted);
        }
    }
    Err(error)
}

/// The definition of a chaincode in force on the channel, or `None`.
pub async fn query_definition(
    conn: &NodeConn,
    reader: &SigningIdentity,
    channel: &str,
    name: &str,
) -> Result<Option<InForce>, FabricError> {
    let args = QueryDefinitionArgs { name: name.into() };
    let answer = query(conn, reader, channel, function::QUERY_DEFINITION, &args).await;
    let result: QueryDefinitionResult = match answer {
        Err(error) if error.kind() == ErrorKind::ChaincodeNotDefined => return Ok(None),
        other => other?,
    };
    let approvals = result.approvals.clone();
    Ok(Some(InForce { definition: Definition::from_result(name, result)?, approvals }))
}

/// All definitions in force on the channel, without approvals.
pub async fn query_definitions(
    conn: &NodeConn,
    reader: &SigningIdentity,
    channel: &str,
) -> Result<Vec<InForce>, FabricError> {
    let result: QueryDefinitionsResult =
        query(conn, reader, channel, function::QUERY_DEFINITIONS, &NoArgs {}).await?;
    let definitions = result.chaincode_definitions.into_iter().map(|committed| {
        let definition = Definition::from_listed(committed)?;
        Ok(InForce { definition, approvals: BTreeMap::new() })
    });
    definitions.collect()
}

/// Endorses, submits and waits; an invalid transaction is an error.
async fn transact(
    gateway: &Gateway,
    call: &Invocation,
    organizations: Vec<String>,
) -> Result<(String, CommittedAt), FabricError> {
    let prepared = gateway.prepare(call, organizations)?;
    let submitted = prepared.endorse().await?.submit().await?;
    let committed = submitted.wait_commit(COMMIT_TIMEOUT).await?;
    let tx_id = submitted.tx_id().to_owned();
    committed.ensure_valid(&tx_id).map(|at| (tx_id, at))
}

async fn query<R: Message + Default>(
    conn: &NodeConn,
    identity: &SigningIdentity,
    channel: &str,
    function: &str,
    args: &impl Message,
) -> Result<R, FabricError> {
    decode(&endorser::query(conn, identity, &call(channel, function, args)).await?)
}

fn call(channel: &str, function: &str, args: &impl Message) -> Invocation {
    Invocation::new(channel, LIFECYCLE, vec![function.as_bytes().to_vec(), args.encode_to_vec()])
}

fn decode<R: Message + Default>(bytes: &[u8]) -> Result<R, FabricError> {
    R::decode(bytes).map_err(|_| FabricError::Decode("the lifecycle answer"))
}

/// `… already successfully installed (package ID 'label:hash')`.
fn quoted_package_id(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("package ID '")?;
    rest.split_once('\'').map(|(id, _)| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::quoted_package_id;

    #[test]
    fn the_package_id_is_found_in_the_sentence() {
        let text = "the peer answered with status 500: failed to invoke backing implementation of 'InstallChaincode': chaincode already successfully installed (package ID 'cc_1:37a5')";
        assert_eq!(quoted_package_id(text).as_deref(), Some("cc_1:37a5"));
        assert_eq!(quoted_package_id("something else"), None);
    }
}
