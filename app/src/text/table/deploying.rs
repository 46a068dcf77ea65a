//! The shape of the texts of deploying chaincode.

use super::Entries;

texts! {
    /// About deploying chaincode.
    DeployingText {}
    deploy_hint, deploy_not_now, deploy, upgrade, deployed, definition, image_hint, policy_majority,
    readiness, installed_on, missing_on, approved, not_approved, draft_hint, install, commit, policy_kind,
    policy_any, policy_all, policy_most, policy_out_of, policy_count, package, package_hint,
    package_looking, package_taken, install_only, install_peers,
}
