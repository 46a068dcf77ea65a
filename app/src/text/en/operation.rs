//! Names of operations and steps in words.

/// An operation's name, if it is known.
pub fn operation(name: &str) -> Option<&'static str> {
    Some(match name {
        "chain-create" => "Create chain",
        "chain-start" => "Start chain",
        "chain-stop" => "Stop chain",
        "chain-restart" => "Restart chain",
        "chain-delete" => "Delete chain",
        "chain-demo" => "Create demo chain",
        "chaincode-deploy" => "Deploy chaincode",
        "host-prepare" => "Prepare images",
        _ => return None,
    })
}

/// A step's name, if it is known.
pub fn step(name: &str) -> Option<&'static str> {
    Some(match name {
        "add-host" => "Add the host",
        "ensure-host" => "Make sure of the host",
        "reserve-ports" => "Reserve ports",
        "issue-identities" => "Issue identities",
        "make-genesis" => "Make the genesis block",
        "ensure-images" => "Prepare images",
        "ensure-image" => "Prepare the image",
        "start-nodes" => "Start nodes",
        "stop-nodes" => "Stop nodes",
        "join-channel" => "Join the channel",
        "wait-ready" => "Wait until all is ready",
        "mark-running" => "Mark the chain as running",
        "make-packages" => "Make packages",
        "package" => "Make packages",
        "install" => "Install on peers",
        "start-chaincode" => "Start chaincode containers",
        "approve" => "Approve for each organization",
        "commit" => "Commit the definition",
        "await-answer" => "Wait until the chaincode answers",
        "wait-answer" => "Wait until the chaincode answers",
        "remove-nodes" => "Remove nodes",
        "remove-chaincode" => "Remove chaincode containers",
        "remove-volumes" => "Remove volumes",
        "remove-networks" => "Remove networks",
        "release-ports" => "Release ports",
        "discard-identities" => "Erase keys and certificates",
        "forget-chain" => "Forget the chain",
        "check" => "Check what is there",
        _ => return None,
    })
}
