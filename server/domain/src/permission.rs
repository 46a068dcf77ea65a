//! The words of the permission table: who somebody is, what they do, and on what. The table itself is in
//! `control::policy`; pages ask for its answers and never decide.

use serde::{Deserialize, Serialize};

use crate::name::UserName;

/// What a person is in the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Works with chains that are theirs or were granted to them.
    User,
    /// Creates chains and keeps them healthy.
    Operator,
    /// Adds hosts and people.
    Admin,
}

impl Role {
    /// Every role, lowest first.
    pub const ALL: [Self; 3] = [Self::User, Self::Operator, Self::Admin];

    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// What a user holds on one chain; each level contains the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// See it.
    Read,
    /// Invoke and query, too.
    Use,
    /// Channels, chaincode, identities and further grants, too.
    Manage,
    /// It is theirs.
    Owner,
}

impl Grant {
    /// What can be given and taken away, lowest first; an owner comes with the chain.
    pub const GIVEN: [Self; 3] = [Self::Read, Self::Use, Self::Manage];

    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Use => "use",
            Self::Manage => "manage",
            Self::Owner => "owner",
        }
    }

    /// Reads the word of what can be given.
    pub fn parse(text: &str) -> Option<Self> {
        Self::GIVEN.into_iter().find(|level| level.as_str() == text)
    }
}

/// Somebody's access to a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessView {
    pub user: UserName,
    pub level: Grant,
}

/// What somebody wants to do. A closed set: a new verb is a new row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    SignIn,
    List,
    Read,
    Create,
    Edit,
    Delete,
    /// Test a connection or run a pre-flight.
    Probe,
    /// Pull or build images ahead.
    Prepare,
    Start,
    Stop,
    Restart,
    /// Give a node more or less of its host.
    Resize,
    /// Cancel, resume or undo an operation.
    Steer,
    /// Install, approve, commit or upgrade a chaincode.
    Deploy,
    Invoke,
    Query,
    /// Download what others may not see.
    Export,
    Grant,
    Apply,
    Release,
    /// Give a chain back to the pool without making it anew.
    Free,
    /// Let an image run that the host's rules do not name.
    Approve,
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noun {
    Setup,
    Session,
    Profile,
    User,
    Setting,
    Audit,
    Host,
    Chain,
    Node,
    Channel,
    Chaincode,
    Identity,
    /// Keys of an organization's admin.
    AdminKey,
    Operation,
    Terminal,
    /// What a program signs in with in somebody's name.
    Token,
    /// What chains of the pool are made from.
    Template,
}

impl Action {
    /// Every action, in the order of the golden table.
    pub const ALL: [Self; 22] = [
        Self::SignIn,
        Self::List,
        Self::Read,
        Self::Create,
        Self::Edit,
        Self::Delete,
        Self::Probe,
        Self::Prepare,
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::Resize,
        Self::Steer,
        Self::Deploy,
        Self::Invoke,
        Self::Query,
        Self::Export,
        Self::Grant,
        Self::Apply,
        Self::Release,
        Self::Free,
        Self::Approve,
    ];
}

impl Noun {
    /// Every noun, in the order of the golden table.
    pub const ALL: [Self; 17] = [
        Self::Setup,
        Self::Session,
        Self::Profile,
        Self::User,
        Self::Setting,
        Self::Audit,
        Self::Host,
        Self::Chain,
        Self::Node,
        Self::Channel,
        Self::Chaincode,
        Self::Identity,
        Self::AdminKey,
        Self::Operation,
        Self::Terminal,
        Self::Token,
        Self::Template,
    ];
}
