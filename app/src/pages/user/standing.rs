//! What may be done with an account, and why not what may not.

use domain::user::{UserDetail, UserState};

use crate::components::badge::Pick;

/// What decides which actions there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: UserState,
    is_own: bool,
    is_last_admin: bool,
    is_locked: bool,
    owns_chains: bool,
    has_factor: bool,
}

impl Standing {
    pub(super) fn of(detail: &UserDetail) -> Self {
        Self {
            state: detail.user.state,
            is_own: detail.is_own,
            is_last_admin: detail.is_last_admin,
            is_locked: detail.locked_until_ms.is_some(),
            owns_chains: !detail.chains.is_empty(),
            has_factor: detail.user.second_factor,
        }
    }

    /// Why the account is kept from signing in by nobody.
    pub(super) fn against_disabling(self) -> Option<Pick> {
        if self.is_own {
            return Some(|t| t.people().why_own);
        }
        reason(self.is_last_admin, |t| t.people().why_last_admin)
    }

    pub(super) fn against_reset(self) -> Option<Pick> {
        if self.is_own {
            return Some(|t| t.people().why_own);
        }
        let signs_in = matches!(self.state, UserState::Active | UserState::Invited);
        reason(!signs_in, |t| t.people().why_cannot_sign_in)
    }

    pub(super) fn against_deleting(self) -> Option<Pick> {
        if self.owns_chains {
            return Some(|t| t.people().why_owns_chains);
        }
        self.against_disabling()
    }

    pub(super) fn against_factor_reset(self) -> Option<Pick> {
        if self.is_own {
            return Some(|t| t.people().why_own_factor);
        }
        reason(!self.has_factor, |t| t.people().why_no_factor)
    }

    pub(super) fn against_unlocking(self) -> Option<Pick> {
        reason(!self.is_locked, |t| t.people().why_not_locked)
    }
}

/// A reason where there is one.
fn reason(is_so: bool, why: Pick) -> Option<Pick> {
    is_so.then_some(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    #[test]
    fn what_cannot_be_done_says_why() {
        let text = |why: Option<Pick>| why.map(|why| why(Lang::En.text()));
        let people = Lang::En.text().people();
        let free = Standing {
            state: UserState::Active,
            is_own: false,
            is_last_admin: false,
            is_locked: true,
            owns_chains: false,
            has_factor: true,
        };
        for against in [free.against_disabling(), free.against_reset(), free.against_deleting()] {
            assert_eq!(text(against), None);
        }
        assert_eq!(text(free.against_factor_reset()), None);
        let bare = Standing { has_factor: false, ..free };
        assert_eq!(text(bare.against_factor_reset()), Some(people.why_no_factor));
        assert_eq!(text(free.against_unlocking()), None);
        let own = Standing { is_own: true, ..free };
        assert_eq!(text(own.against_reset()), Some(people.why_own));
        assert_eq!(text(own.against_deleting()), Some(people.why_own));
        let last = Standing { is_last_admin: true, ..free };
        assert_eq!(text(last.against_disabling()), Some(people.why_last_admin));
        let owner = Standing { owns_chains: true, ..free };
        assert_eq!(text(owner.against_deleting()), Some(people.why_owns_chains));
        let disabled = Standing { state: UserState::Disabled, ..free };
        assert_eq!(text(disabled.against_reset()), Some(people.why_cannot_sign_in));
    }
}
