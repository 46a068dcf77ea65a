//! The permission table: role × action × resource, as one `match`. It is the translation of the product's table
//! and the only place that decides rights. What is not in it is refused.

use domain::permission::{Action, Grant, Noun, Role};
use domain::{Code, Error, ErrorKind};

use crate::caller::Caller;

/// What an action is on: the noun, and how the caller stands to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    pub noun: Noun,
    /// What the caller holds on the chain the object belongs to.
    pub grant: Option<Grant>,
    /// Whether the caller made it: an operation, an audit entry, a history row.
    pub own: bool,
}

impl Resource {
    /// A noun as a whole: a list, or something that does not exist yet.
    pub fn any(noun: Noun) -> Self {
        Self { noun, grant: None, own: false }
    }

    /// An object that belongs to a chain on which the caller holds `grant`.
    pub fn of_chain(noun: Noun, grant: Option<Grant>) -> Self {
        Self { noun, grant, own: false }
    }

    /// An object that may be the caller's own.
    pub fn owned(noun: Noun, own: bool, grant: Option<Grant>) -> Self {
        Self { noun, grant, own }
    }
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    /// Visible, but not allowed: 403 (401 without a session).
    Forbid,
    /// Out of reach: answers as if it did not exist.
    Hide,
}

/// The table.
pub fn decide(role: Option<Role>, action: Action, resource: Resource) -> Decision {
    use Action as A;
    use Noun as N;
    let Some(role) = role else {
        let open = matches!((action, resource.noun), (A::SignIn, N::Session) | (A::Create, N::Setup));
        return if open { Decision::Allow } else { Decision::Forbid };
    };
    let admin = role == Role::Admin;
    let staff = role >= Role::Operator;
    let holds = |level: Grant| staff || resource.grant.is_some_and(|grant| grant >= level);
    let allowed = match (resource.noun, action) {
        (N::Setup, A::Create) | (N::Session, A::SignIn | A::List | A::Delete) => true,
        (N::Profile, A::Read | A::Edit) | (N::Token, A::List | A::Create) => true,
        (N::Token, A::Delete) => resource.own,
        (N::User, A::List | A::Read | A::Create | A::Edit | A::Delete) => admin,
        (N::Setting, A::Read | A::Edit) => admin,
        (N::Audit, A::List) => true,
        (N::Audit, A::Read) => admin || resource.own || (staff && resource.grant.is_some()),
        (N::Audit, A::Export) => admin,
        (N::Host, A::List | A::Read | A::Probe | A::Prepare) => staff,
        (N::Host, A::Create | A::Edit | A::Delete) => admin,
        (N::Chain, A::List | A::Apply) => true,
        (N::Chain, A::Read) | (N::Node, A::List | A::Read) => holds(Grant::Read),
        (N::Chain, A::Create | A::Edit | A::Start | A::Stop | A::Restart | A::Delete | A::Probe) => staff,
        (N::Chain, A::Free | A::Resize) => staff,
        (N::Chain, A::Release) => holds(Grant::Owner),
        (N::Chain, A::Grant) => holds(Grant::Manage),
        (N::Channel, A::List | A::Read) | (N::Chaincode, A::List | A::Read) => holds(Grant::Read),
        (N::Channel, A::Create | A::Edit) | (N::Chaincode, A::Deploy) => holds(Grant::Manage),
        (N::Chaincode, A::Invoke | A::Query) => holds(Grant::Use),
        (N::Chaincode, A::Approve) => staff,
        (N::Identity, A::List | A::Read) => holds(Grant::Read),
        (N::Identity, A::Create | A::Delete | A::Export) => holds(Grant::Manage),
        (N::AdminKey, A::Export) => holds(Grant::Owner),
        (N::Operation, A::List) => true,
        (N::Operation, A::Read) => resource.own || holds(Grant::Read),
        (N::Operation, A::Steer) => staff || resource.own,
        (N::Template, A::List | A::Read) => true,
        (N::Template, A::Create | A::Edit | A::Delete) => admin,
        _ => false,
    };
    match allowed {
        true => Decision::Allow,
        // What does not exist yet cannot be hidden.
        false if (resource.noun, action) != (N::Chain, A::Create) && hidden(role, resource) => Decision::Hide,
        false => Decision::Forbid,
    }
}

/// Objects of chains out of a user's reach do not exist for them.
fn hidden(role: Role, resource: Resource) -> bool {
    let of_chain = matches!(
        resource.noun,
        Noun::Chain
            | Noun::Node
            | Noun::Channel
            | Noun::Chaincode
            | Noun::Identity
            | Noun::AdminKey
            | Noun::Operation
    );
    role == Role::User && of_chain && resource.grant.is_none() && !resource.own
}

/// Whether the table allows a caller something.
pub(crate) fn allows(caller: &Caller, action: Action, resource: Resource) -> bool {
    decide(caller.role(), action, resource) == Decision::Allow
}

/// Applies the table to a caller.
pub fn authorize(caller: &Caller, action: Action, resource: Resource) -> Result<(), Error> {
    match decide(caller.role(), action, resource) {
        Decision::Allow => Ok(()),
        Decision::Hide => Err(Error::not_found().refused(action, resource.noun)),
        Decision::Forbid if caller.user.is_none() => {
            Err(Error::new(ErrorKind::Forbidden, Code::SessionMissing))
        }
        Decision::Forbid => Err(Error::forbidden().refused(action, resource.noun)),
    }
}

/// Whether whoever may do it is asked for their password again: the marks of the table. A mark on a part of an action,
/// such as another role for a user, comes with the action that is made for that part.
pub fn needs_password(action: Action, noun: Noun) -> bool {
    use Action as A;
    use Noun as N;
    matches!(
        (noun, action),
        (N::Token, A::Create | A::Delete)
            | (N::User | N::Host | N::Chain, A::Delete)
            | (N::Audit | N::AdminKey, A::Export)
    )
}

/// Whether somebody of a role may run as chaincode what neither the rules nor the approvals of a host cover.
pub(crate) fn approves_images(role: Option<Role>) -> bool {
    decide(role, Action::Approve, Resource::any(Noun::Chaincode)) == Decision::Allow
}

/// What the table grants a role as a whole, for what pages offer.
pub fn offers(role: Role) -> Vec<(Action, Noun)> {
    let mut granted = Vec::new();
    for noun in Noun::ALL {
        for action in Action::ALL {
            if decide(Some(role), action, Resource::any(noun)) == Decision::Allow {
                granted.push((action, noun));
            }
        }
    }
    granted
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Every cell of the table, one line each, compared with the golden file: a changed right is seen in review.
    #[test]
    fn the_table_is_the_golden_one() {
        let mut table = String::new();
        let reaches = [
            ("any", None, false),
            ("own", None, true),
            ("read", Some(Grant::Read), false),
            ("use", Some(Grant::Use), false),
            ("manage", Some(Grant::Manage), false),
            ("owner", Some(Grant::Owner), false),
        ];
        for noun in Noun::ALL {
            for action in Action::ALL {
                for (reach, grant, own) in reaches {
                    let cell = |role| match decide(role, action, Resource { noun, grant, own }) {
                        Decision::Allow => "allow",
                        Decision::Forbid => "forbid",
                        Decision::Hide => "hide",
                    };
                    let roles = [None, Some(Role::User), Some(Role::Operator), Some(Role::Admin)].map(cell);
                    if roles == ["forbid"; 4] || roles == ["forbid", "hide", "forbid", "forbid"] {
                        continue;
                    }
                    writeln!(table, "{noun:?} {action:?} {reach}: {}", roles.join(" ")).unwrap();
                }
            }
        }
        for noun in Noun::ALL {
            for action in Action::ALL.into_iter().filter(|action| needs_password(*action, noun)) {
                writeln!(table, "{noun:?} {action:?} needs the password again").unwrap();
            }
        }
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/src/policy/golden.txt");
        if std::env::var_os("HEDDLE_GOLDEN_WRITE").is_some() {
            std::fs::write(golden, &table).unwrap();
        }
        assert_eq!(table, std::fs::read_to_string(golden).unwrap(), "set HEDDLE_GOLDEN_WRITE=1 to accept");
    }

    /// What is allowed without a grant is allowed with each, so that it need not be read.
    #[test]
    fn a_grant_takes_nothing_away() {
        for noun in Noun::ALL {
            for action in Action::ALL {
                for role in [Role::User, Role::Operator, Role::Admin] {
                    let decided = |grant| decide(Some(role), action, Resource::of_chain(noun, grant));
                    for grant in [Grant::Read, Grant::Use, Grant::Manage, Grant::Owner] {
                        let keeps =
                            decided(None) != Decision::Allow || decided(Some(grant)) == Decision::Allow;
                        assert!(keeps, "{role:?} {noun:?} {action:?} {grant:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn nobody_can_do_nothing_but_sign_in() {
        for noun in Noun::ALL {
            for action in Action::ALL {
                let open = (noun, action) == (Noun::Session, Action::SignIn)
                    || (noun, action) == (Noun::Setup, Action::Create);
                let allowed = decide(None, action, Resource::any(noun)) == Decision::Allow;
                assert_eq!(allowed, open, "{noun:?} {action:?}");
            }
        }
    }

    #[test]
    fn nobody_is_asked_for_a_password_for_what_nobody_may_do() {
        let own = |noun| Resource::owned(noun, true, None);
        for noun in Noun::ALL {
            for action in Action::ALL.into_iter().filter(|action| needs_password(*action, noun)) {
                let allowed = decide(Some(Role::Admin), action, own(noun)) == Decision::Allow;
                assert!(allowed && decide(None, action, own(noun)) != Decision::Allow, "{noun:?} {action:?}");
            }
        }
    }

    #[test]
    fn a_foreign_chain_does_not_exist_for_a_user() {
        for noun in [Noun::Chain, Noun::Node, Noun::Channel, Noun::Chaincode, Noun::Operation] {
            let decision = decide(Some(Role::User), Action::Read, Resource::of_chain(noun, None));
            assert_eq!(decision, Decision::Hide, "{noun:?}");
        }
        let held = Resource::of_chain(Noun::Chain, Some(Grant::Read));
        assert_eq!(decide(Some(Role::User), Action::Delete, held), Decision::Forbid);
    }
}
