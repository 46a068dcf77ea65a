//! Arguments and results of the system chaincode `_lifecycle`.
//!
//! Package `lifecycle`, and `ApplicationPolicy` of `peer/policy.proto`. What an approval holds is compared byte
//! by byte between organizations, so nothing here may be re-encoded from another form.

use std::collections::BTreeMap;

use crate::proto::channel::SignaturePolicyEnvelope;

/// Names of the functions, the first argument of a call.
pub mod function {
    pub const INSTALL: &str = "InstallChaincode";
    pub const QUERY_INSTALLED: &str = "QueryInstalledChaincodes";
    pub const APPROVE: &str = "ApproveChaincodeDefinitionForMyOrg";
    pub const QUERY_APPROVED: &str = "QueryApprovedChaincodeDefinition";
    pub const CHECK_COMMIT_READINESS: &str = "CheckCommitReadiness";
    pub const COMMIT: &str = "CommitChaincodeDefinition";
    pub const QUERY_DEFINITION: &str = "QueryChaincodeDefinition";
    pub const QUERY_DEFINITIONS: &str = "QueryChaincodeDefinitions";
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct InstallChaincodeArgs {
    #[prost(bytes = "vec", tag = "1")]
    pub chaincode_install_package: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct InstallChaincodeResult {
    #[prost(string, tag = "1")]
    pub package_id: String,
    #[prost(string, tag = "2")]
    pub label: String,
}

/// Arguments of a function that takes none.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NoArgs {}

#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryInstalledChaincodesResult {
    #[prost(message, repeated, tag = "1")]
    pub installed_chaincodes: Vec<InstalledChaincode>,
}

/// A package on a peer and where its definitions use it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct InstalledChaincode {
    #[prost(string, tag = "1")]
    pub package_id: String,
    #[prost(string, tag = "2")]
    pub label: String,
    /// By channel name.
    #[prost(btree_map = "string, message", tag = "3")]
    pub references: BTreeMap<String, References>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct References {
    #[prost(message, repeated, tag = "1")]
    pub chaincodes: Vec<Reference>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Reference {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub version: String,
}

/// Where the approving organization's package is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeSource {
    #[prost(oneof = "chaincode_source::Type", tags = "1, 2")]
    pub r#type: Option<chaincode_source::Type>,
}

pub mod chaincode_source {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Type {
        /// The organization agrees to the definition without endorsing calls itself.
        #[prost(message, tag = "1")]
        Unavailable(Unavailable),
        #[prost(message, tag = "2")]
        LocalPackage(Local),
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Unavailable {}

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Local {
        #[prost(string, tag = "1")]
        pub package_id: String,
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ApproveArgs {
    #[prost(int64, tag = "1")]
    pub sequence: i64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub version: String,
    #[prost(string, tag = "4")]
    pub endorsement_plugin: String,
    #[prost(string, tag = "5")]
    pub validation_plugin: String,
    /// A marshalled [`ApplicationPolicy`], or empty for the channel's default.
    #[prost(bytes = "vec", tag = "6")]
    pub validation_parameter: Vec<u8>,
    /// A marshalled `CollectionConfigPackage`, kept as bytes; empty is the same as absent.
    #[prost(bytes = "vec", tag = "7")]
    pub collections: Vec<u8>,
    #[prost(bool, tag = "8")]
    pub init_required: bool,
    #[prost(message, optional, tag = "9")]
    pub source: Option<ChaincodeSource>,
}

/// Arguments of both `CheckCommitReadiness` and `CommitChaincodeDefinition`, which have the same fields.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CommitArgs {
    #[prost(int64, tag = "1")]
    pub sequence: i64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub version: String,
    #[prost(string, tag = "4")]
    pub endorsement_plugin: String,
    #[prost(string, tag = "5")]
    pub validation_plugin: String,
    #[prost(bytes = "vec", tag = "6")]
    pub validation_parameter: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub collections: Vec<u8>,
    #[prost(bool, tag = "8")]
    pub init_required: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckCommitReadinessResult {
    /// By MSP ID: has this organization approved exactly these parameters?
    #[prost(btree_map = "string, bool", tag = "1")]
    pub approvals: BTreeMap<String, bool>,
    /// By MSP ID: which parameters differ. Only from Fabric 3.0 on.
    #[prost(btree_map = "string, message", tag = "2")]
    pub mismatches: BTreeMap<String, Mismatches>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Mismatches {
    #[prost(string, repeated, tag = "1")]
    pub items: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryApprovedArgs {
    #[prost(string, tag = "1")]
    pub name: String,
    /// 0 asks for the newest approval.
    #[prost(int64, tag = "2")]
    pub sequence: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryApprovedResult {
    #[prost(int64, tag = "1")]
    pub sequence: i64,
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(string, tag = "3")]
    pub endorsement_plugin: String,
    #[prost(string, tag = "4")]
    pub validation_plugin: String,
    #[prost(bytes = "vec", tag = "5")]
    pub validation_parameter: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub collections: Vec<u8>,
    #[prost(bool, tag = "7")]
    pub init_required: bool,
    #[prost(message, optional, tag = "8")]
    pub source: Option<ChaincodeSource>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryDefinitionArgs {
    #[prost(string, tag = "1")]
    pub name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryDefinitionResult {
    #[prost(int64, tag = "1")]
    pub sequence: i64,
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(string, tag = "3")]
    pub endorsement_plugin: String,
    #[prost(string, tag = "4")]
    pub validation_plugin: String,
    #[prost(bytes = "vec", tag = "5")]
    pub validation_parameter: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub collections: Vec<u8>,
    #[prost(bool, tag = "7")]
    pub init_required: bool,
    #[prost(btree_map = "string, bool", tag = "8")]
    pub approvals: BTreeMap<String, bool>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryDefinitionsResult {
    #[prost(message, repeated, tag = "1")]
    pub chaincode_definitions: Vec<CommittedDefinition>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct CommittedDefinition {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, tag = "2")]
    pub sequence: i64,
    #[prost(string, tag = "3")]
    pub version: String,
    #[prost(string, tag = "4")]
    pub endorsement_plugin: String,
    #[prost(string, tag = "5")]
    pub validation_plugin: String,
    #[prost(bytes = "vec", tag = "6")]
    pub validation_parameter: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub collections: Vec<u8>,
    #[prost(bool, tag = "8")]
    pub init_required: bool,
}

/// Endorsement policy of a definition: a signature policy of its own, or a policy of the channel by path.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ApplicationPolicy {
    #[prost(oneof = "application_policy::Type", tags = "1, 2")]
    pub r#type: Option<application_policy::Type>,
}

pub mod application_policy {
    use super::SignaturePolicyEnvelope;

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Type {
        #[prost(message, tag = "1")]
        SignaturePolicy(SignaturePolicyEnvelope),
        #[prost(string, tag = "2")]
        ChannelConfigPolicyReference(String),
    }
}
