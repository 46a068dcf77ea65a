//! A chaincode definition and its form in messages.
//!
//! Organizations agree on bytes, so the policy is marshalled in one place only; what a peer fills in by default
//! is known here, to compare a wanted definition with one in force.

use prost::Message;

use crate::{
    error::FabricError,
    proto::{
        channel::SignaturePolicyEnvelope,
        peer::lifecycle::{
            ApplicationPolicy, ApproveArgs, ChaincodeSource, CommitArgs, CommittedDefinition,
            QueryApprovedResult, QueryDefinitionResult,
            application_policy::Type as PolicyType,
            chaincode_source::{Local, Type as SourceType, Unavailable},
        },
    },
};

/// What peers take when a definition names no policy.
const DEFAULT_POLICY: &str = "/Channel/Application/Endorsement";

/// Whose endorsements a chaincode's transactions need.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PolicyChoice {
    /// The channel's default, `/Channel/Application/Endorsement`.
    #[default]
    Default,
    Signature(SignaturePolicyEnvelope),
    /// Path of a policy in the channel's configuration.
    ChannelReference(String),
}

/// What organizations agree on for a chaincode on a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    pub name: String,
    pub version: String,
    /// From 1; each change of the definition takes the next number.
    pub sequence: u64,
    pub endorsement_policy: PolicyChoice,
    /// The first call of each version must be an initialising one.
    pub init_required: bool,
    /// A marshalled `CollectionConfigPackage`; empty without private data.
    pub collections: Vec<u8>,
}

impl Definition {
    /// Equal in the eyes of a peer: the default policy is the same as its path.
    pub fn is_same(&self, other: &Self) -> bool {
        let normal = |definition: &Self| {
            let mut definition = definition.clone();
            if definition.endorsement_policy == PolicyChoice::ChannelReference(DEFAULT_POLICY.into()) {
                definition.endorsement_policy = PolicyChoice::Default;
            }
            definition
        };
        normal(self) == normal(other)
    }

    pub(super) fn approve_args(&self, package_id: Option<&str>) -> Result<ApproveArgs, FabricError> {
        let source = match package_id {
            Some(id) => SourceType::LocalPackage(Local { package_id: id.into() }),
            None => SourceType::Unavailable(Unavailable {}),
        };
        let CommitArgs {
            sequence,
            name,
            version,
            endorsement_plugin,
            validation_plugin,
            validation_parameter,
            collections,
            init_required,
        } = self.commit_args()?;
        Ok(ApproveArgs {
            sequence,
            name,
            version,
            endorsement_plugin,
            validation_plugin,
            validation_parameter,
            collections,
            init_required,
            source: Some(ChaincodeSource { r#type: Some(source) }),
        })
    }

    /// Plugins stay empty: peers then take their built-in ones.
    pub(super) fn commit_args(&self) -> Result<CommitArgs, FabricError> {
        Ok(CommitArgs {
            sequence: sequence_number(self.sequence)?,
            name: self.name.clone(),
            version: self.version.clone(),
            endorsement_plugin: String::new(),
            validation_plugin: String::new(),
            validation_parameter: policy_bytes(&self.endorsement_policy),
            collections: self.collections.clone(),
            init_required: self.init_required,
        })
    }

    pub(super) fn from_approved(name: &str, result: QueryApprovedResult) -> Result<Self, FabricError> {
        Ok(Self {
            name: name.into(),
            version: result.version,
            sequence: sequence(result.sequence)?,
            endorsement_policy: policy_choice(&result.validation_parameter)?,
            init_required: result.init_required,
            collections: result.collections,
        })
    }

    pub(super) fn from_result(name: &str, result: QueryDefinitionResult) -> Result<Self, FabricError> {
        Ok(Self {
            name: name.into(),
            version: result.version,
            sequence: sequence(result.sequence)?,
            endorsement_policy: policy_choice(&result.validation_parameter)?,
            init_required: result.init_required,
            collections: result.collections,
        })
    }

    pub(super) fn from_listed(result: CommittedDefinition) -> Result<Self, FabricError> {
        Ok(Self {
            name: result.name,
            version: result.version,
            sequence: sequence(result.sequence)?,
            endorsement_policy: policy_choice(&result.validation_parameter)?,
            init_required: result.init_required,
            collections: result.collections,
        })
    }
}

/// The message's signed number.
pub(super) fn sequence_number(sequence: u64) -> Result<i64, FabricError> {
    i64::try_from(sequence).map_err(|_| FabricError::Request("the sequence is too large".into()))
}

fn sequence(number: i64) -> Result<u64, FabricError> {
    u64::try_from(number).map_err(|_| FabricError::Decode("the sequence"))
}

fn policy_bytes(choice: &PolicyChoice) -> Vec<u8> {
    let r#type = match choice {
        PolicyChoice::Default => return Vec::new(),
        PolicyChoice::Signature(policy) => PolicyType::SignaturePolicy(policy.clone()),
        PolicyChoice::ChannelReference(path) => PolicyType::ChannelConfigPolicyReference(path.clone()),
    };
    ApplicationPolicy { r#type: Some(r#type) }.encode_to_vec()
}

fn policy_choice(bytes: &[u8]) -> Result<PolicyChoice, FabricError> {
    let policy =
        ApplicationPolicy::decode(bytes).map_err(|_| FabricError::Decode("the endorsement policy"))?;
    Ok(match policy.r#type {
        None => PolicyChoice::Default,
        Some(PolicyType::SignaturePolicy(policy)) => PolicyChoice::Signature(policy),
        Some(PolicyType::ChannelConfigPolicyReference(path)) => PolicyChoice::ChannelReference(path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_and_its_path_are_the_same() {
        let with =
            |endorsement_policy| Definition { endorsement_policy, sequence: 1, ..Definition::default() };
        let path = |path: &str| with(PolicyChoice::ChannelReference(path.into()));
        assert!(with(PolicyChoice::Default).is_same(&path("/Channel/Application/Endorsement")));
        assert!(!with(PolicyChoice::Default).is_same(&path("/Channel/Application/Admins")));
        let next = Definition { sequence: 2, ..with(PolicyChoice::Default) };
        assert!(!with(PolicyChoice::Default).is_same(&next));
    }

    #[test]
    fn policies_survive_their_marshalled_form() {
        let choices = [
            PolicyChoice::Default,
            PolicyChoice::ChannelReference("/Channel/Application/Admins".into()),
            PolicyChoice::Signature(SignaturePolicyEnvelope::default()),
        ];
        for choice in choices {
            assert_eq!(policy_choice(&policy_bytes(&choice)).unwrap(), choice);
        }
        assert!(policy_choice(&[0xff]).is_err());
    }

    #[test]
    fn a_source_is_always_named() {
        let definition = Definition { name: "cc".into(), sequence: 1, ..Definition::default() };
        let source = |id| definition.approve_args(id).unwrap().source.unwrap().r#type.unwrap();
        assert_eq!(source(Some("cc:1")), SourceType::LocalPackage(Local { package_id: "cc:1".into() }));
        assert_eq!(source(None), SourceType::Unavailable(Unavailable {}));
        let huge = Definition { sequence: u64::MAX, ..definition.clone() };
        assert!(huge.commit_args().is_err());
    }
}
