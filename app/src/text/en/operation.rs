//! Names of operations and steps in words.

/// An operation's name, if it is known.
pub fn operation(name: &str) -> Option<&'static str> {
    Some(match name {
        "chain-create" => "Create chain",
        "chain-start" => "Start chain",
        "chain-stop" => "Stop chain",
        "chain-restart" => "Restart chain",
        "chain-delete" => "Delete chain",
        "demo-create" => "Create demo chain",
        "chaincode-deploy" => "Deploy chaincode",
        "host-prepare" => "Prepare images on a host",
        _ => return None,
    })
}

/// A step's name, if it is known.
pub fn step(name: &str) -> Option<&'static str> {
    Some(match name {
        "reserve-ports" => "Reserve ports",
        "issue-identities" => "Issue identities",
        "make-genesis" => "Make the genesis block",
        "ensure-images" => "Prepare images",
        "start-nodes" => "Start nodes",
        "join-channel" => "Join the channel",
        "mark-starting" => "Mark the chain as starting",
        "mark-stopping" => "Mark the chain as stopping",
        "mark-deleting" => "Mark the chain as being deleted",
        "stop-nodes" => "Stop nodes",
        "remove-nodes" => "Remove nodes, data and networks",
        "discard-identities" => "Erase keys and certificates",
        "release-ports" => "Release ports",
        "resolve-image" => "Find the image",
        "make-packages" => "Make packages",
        "start-chaincode" => "Start chaincode containers",
        "install-packages" => "Install on peers",
        "approve-definition" => "Approve for each organization",
        "commit-definition" => "Commit the definition",
        "await-definition" => "Wait until the chaincode answers",
        "prepare-images" => "Pull images",
        _ => return None,
    })
}
