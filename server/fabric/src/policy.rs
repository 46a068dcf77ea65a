//! Signature policies: who must sign, as a tree, as Fabric's message and as the text that people write.
//!
//! The text is the one of Fabric's command line (`common/policydsl`): `AND`, `OR` and `OutOf` over principals such
//! as `'Org1MSP.peer'`. Approvals of several organizations are compared byte by byte, so the order of principals
//! and their repetition are kept exactly as written; nothing here may simplify a policy.

use prost::Message;

use crate::proto::channel::{
    ImplicitMetaPolicy, ImplicitMetaRule, MspPrincipal, MspRole, MspRoleType, Policy, PolicyType,
    PrincipalClassification, SerializedIdentity, SignaturePolicy, SignaturePolicyEnvelope,
    signature_policy::{NOutOf, Type},
};

mod format;
mod parse;

pub use format::{FormatError, format};
pub use parse::{ParseError, ParseProblem, parse, parse_rule};

/// Levels of nesting and principals that are read or written.
pub(crate) const DEPTH_MAX: usize = 16;
pub(crate) const PRINCIPALS_MAX: usize = 256;

/// One role of one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub msp_id: String,
    pub role: MspRoleType,
}

/// A policy as a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    SignedBy(Principal),
    /// At least this many of the rules.
    OutOf(usize, Vec<Rule>),
}

/// A signature of somebody with the role.
pub fn signed_by(msp_id: &str, role: MspRoleType) -> Rule {
    Rule::SignedBy(Principal { msp_id: msp_id.into(), role })
}

/// One of the rules.
pub fn any(rules: Vec<Rule>) -> Rule {
    Rule::OutOf(1, rules)
}

/// All of the rules.
pub fn all(rules: Vec<Rule>) -> Rule {
    Rule::OutOf(rules.len(), rules)
}

/// More than half of the rules.
pub fn majority(rules: Vec<Rule>) -> Rule {
    Rule::OutOf(rules.len() / 2 + 1, rules)
}

/// At least `count` of the rules.
pub fn out_of(count: usize, rules: Vec<Rule>) -> Rule {
    Rule::OutOf(count, rules)
}

impl Rule {
    /// Fabric's message, with one identity for each mention of a principal.
    ///
    /// The official parser works from the inside out: within each function the nested functions number their
    /// principals first, from left to right, and the function's own principals follow. Approvals made by other
    /// tools only match when the same numbers come out here (`common/policydsl/policyparser.go`).
    pub fn envelope(&self) -> SignaturePolicyEnvelope {
        let mut identities = Vec::new();
        let rule = self.message(&mut identities);
        SignaturePolicyEnvelope { version: 0, rule: Some(rule), identities }
    }

    fn message(&self, identities: &mut Vec<MspPrincipal>) -> SignaturePolicy {
        let (count, rules) = match self {
            Self::SignedBy(principal) => return add(principal, identities),
            Self::OutOf(count, rules) => (*count, rules),
        };
        let nested: Vec<Option<SignaturePolicy>> = rules
            .iter()
            .map(|rule| matches!(rule, Self::OutOf(..)).then(|| rule.message(identities)))
            .collect();
        let messages = rules.iter().zip(nested);
        n_out_of(
            count,
            messages.map(|(rule, done)| done.unwrap_or_else(|| rule.message(identities))).collect(),
        )
    }
}

/// Lists a principal and returns the rule that refers to it.
fn add(principal: &Principal, identities: &mut Vec<MspPrincipal>) -> SignaturePolicy {
    let rule = signed_by_index(identities.len());
    identities.push(role_principal(principal));
    rule
}

/// A policy that needs `quorum` of the given certificates themselves; the order of the identities matters.
pub(crate) fn identities(quorum: usize, identities: &[SerializedIdentity]) -> SignaturePolicyEnvelope {
    let rules = (0..identities.len()).map(signed_by_index).collect();
    let principals = identities.iter().map(|identity| MspPrincipal {
        principal_classification: PrincipalClassification::Identity.into(),
        principal: identity.encode_to_vec(),
    });
    SignaturePolicyEnvelope {
        version: 0,
        rule: Some(n_out_of(quorum, rules)),
        identities: principals.collect(),
    }
}

/// The policy message of a channel configuration.
pub(crate) fn signature(envelope: &SignaturePolicyEnvelope) -> Policy {
    Policy { r#type: PolicyType::Signature.into(), value: envelope.encode_to_vec() }
}

/// The policy message that counts child groups.
pub(crate) fn implicit(rule: ImplicitMetaRule, sub_policy: &str) -> Policy {
    let meta = ImplicitMetaPolicy { sub_policy: sub_policy.into(), rule: rule.into() };
    Policy { r#type: PolicyType::ImplicitMeta.into(), value: meta.encode_to_vec() }
}

fn role_principal(principal: &Principal) -> MspPrincipal {
    let role = MspRole { msp_identifier: principal.msp_id.clone(), role: principal.role.into() };
    MspPrincipal {
        principal_classification: PrincipalClassification::Role.into(),
        principal: role.encode_to_vec(),
    }
}

fn signed_by_index(index: usize) -> SignaturePolicy {
    SignaturePolicy { r#type: Some(Type::SignedBy(bounded(index))) }
}

fn n_out_of(count: usize, rules: Vec<SignaturePolicy>) -> SignaturePolicy {
    SignaturePolicy { r#type: Some(Type::NOutOf(NOutOf { n: bounded(count), rules })) }
}

/// Counts of principals are far below the bound; a larger one could never be satisfied anyway.
fn bounded(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The name of a role in policy texts.
pub(crate) const fn role_name(role: MspRoleType) -> &'static str {
    match role {
        MspRoleType::Member => "member",
        MspRoleType::Admin => "admin",
        MspRoleType::Client => "client",
        MspRoleType::Peer => "peer",
        MspRoleType::Orderer => "orderer",
    }
}

pub(crate) const ROLES: [MspRoleType; 5] =
    [MspRoleType::Member, MspRoleType::Admin, MspRoleType::Client, MspRoleType::Peer, MspRoleType::Orderer];

#[cfg(test)]
mod tests;
