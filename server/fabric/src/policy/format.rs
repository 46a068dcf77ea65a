//! Writes a policy as text that reads back to the same message.

use prost::Message;

use super::{DEPTH_MAX, role_name};
use crate::proto::channel::{
    MspPrincipal, MspRole, MspRoleType, PrincipalClassification, SignaturePolicy, SignaturePolicyEnvelope,
    signature_policy::Type,
};

/// Why a policy has no text.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormatError {
    #[error("the policy has no rule")]
    Empty,
    #[error("the policy's rule is a single identity, for which the text has no form")]
    Single,
    #[error("the policy names an identity that it does not list")]
    Index,
    #[error("the policy names an identity by something else than a role")]
    NotRole,
    #[error("the policy is nested too deeply")]
    TooDeep,
}

/// `AND` where all are needed, `OR` where one is enough, `OutOf` otherwise.
pub fn format(policy: &SignaturePolicyEnvelope) -> Result<String, FormatError> {
    let rule = policy.rule.as_ref().ok_or(FormatError::Empty)?;
    if matches!(rule.r#type, Some(Type::SignedBy(_))) {
        return Err(FormatError::Single);
    }
    let mut text = String::new();
    write(&mut text, rule, &policy.identities, 0)?;
    Ok(text)
}

fn write(
    text: &mut String,
    rule: &SignaturePolicy,
    identities: &[MspPrincipal],
    depth: usize,
) -> Result<(), FormatError> {
    if depth > DEPTH_MAX {
        return Err(FormatError::TooDeep);
    }
    match rule.r#type.as_ref().ok_or(FormatError::Empty)? {
        Type::SignedBy(index) => {
            let identity = usize::try_from(*index).ok().and_then(|index| identities.get(index));
            text.push_str(&principal(identity.ok_or(FormatError::Index)?)?);
        }
        Type::NOutOf(group) => {
            let count = i32::try_from(group.rules.len()).map_err(|_| FormatError::TooDeep)?;
            match group.n {
                1 => text.push_str("OR("),
                n if n == count => text.push_str("AND("),
                n => text.push_str(&format!("OutOf({n}, ")),
            }
            for (position, inner) in group.rules.iter().enumerate() {
                if position > 0 {
                    text.push_str(", ");
                }
                write(text, inner, identities, depth + 1)?;
            }
            text.push(')');
        }
    }
    Ok(())
}

fn principal(identity: &MspPrincipal) -> Result<String, FormatError> {
    if identity.principal_classification != i32::from(PrincipalClassification::Role) {
        return Err(FormatError::NotRole);
    }
    let role = MspRole::decode(identity.principal.as_slice()).map_err(|_| FormatError::NotRole)?;
    let name = MspRoleType::try_from(role.role).map_err(|_| FormatError::NotRole)?;
    Ok(format!("'{}.{}'", role.msp_identifier, role_name(name)))
}
