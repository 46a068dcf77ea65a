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
        "channel-create" => "Create channel",
        "channel-join" => "Join channel",
        "channel-anchors" => "Set anchor peers",
        "chaincode-install" => "Install chaincode",
        "chaincode-approve" => "Approve chaincode",
        "chaincode-commit" => "Commit chaincode",
        "node-resize" => "Resize node",
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
        "catch-up" => "Wait until no block is missing",
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
        "await-chaincode" => "Wait until the containers stay up",
        "approve-definition" => "Approve for each organization",
        "commit-definition" => "Commit the definition",
        "await-definition" => "Wait until the chaincode answers",
        "prepare-images" => "Pull images",
        "make-channel-genesis" => "Make the channel's first block",
        "join-orderers" => "Join the orderers",
        "join-peers" => "Join the peers",
        "open-channel" => "Open the channel",
        "read-anchors" => "Read the anchor peers",
        "set-anchors" => "Set the anchor peers",
        "look-for-draft" => "Look for what was begun",
        "check-image" => "Compare the image",
        "keep-draft" => "Remember what is done",
        "look-at-node" => "Look at the node",
        "remember-size" => "Remember the new limits",
        "apply-size" => "Make the node anew with them",
        "look-at-nodes" => "Look at the nodes",
        "restart-orderers" => "Restart orderers one after another",
        "restart-peers" => "Restart peers one after another",
        "restart-chaincode" => "Restart chaincode containers",
        _ => return None,
    })
}
