//! English, of deploying chaincode.

use crate::text::table::DeployingText;

/// The texts.
pub static TEXT: DeployingText = DeployingText {
    deploy_hint: "The sample is filled in. The portal packages, installs, approves and commits it for every organization.",
    deploy_not_now: "Chaincode can be deployed while the chain is running, by those who manage it.",
    deploy: "Deploy",
    upgrade: "Upgrade",
    deployed: "Deployed",
    definition: "version {version}, sequence {sequence}",
    image_hint: "Image that runs the chaincode as a service.",
    policy_majority: "majority of organizations",
    readiness: "Readiness",
    installed_on: "Installed on",
    missing_on: "Missing on",
    approved: "Approved",
    not_approved: "Not approved",
    draft_hint: "On its way: not committed yet. The board shows what is missing.",
    install: "Install",
    commit: "Commit",
    policy_kind: "Who must endorse",
    policy_any: "any one organization",
    policy_all: "all organizations",
    policy_most: "a majority of the chosen",
    policy_out_of: "at least a number of them",
    policy_count: "How many",
    package: "A package that you have",
    package_hint: "A chaincode package of type ccaas (.tgz) as the official tools make it; at most 32 MiB. The image above runs it.",
    package_looking: "Looking into the package…",
    package_taken: "Its label {label} is used. Each organization gets a package with certificates of its own, so {address} in it is not.",
    install_only: "Only install",
    install_peers: "Peers that get the package",
};
