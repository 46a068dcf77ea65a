//! A sentence for every code: what happened and what helps.

use domain::Code;

/// The sentence of a code, with place-holders for its values.
pub fn code(code: Code) -> &'static str {
    match code {
        Code::NameEmpty => "A name is missing. Type one.",
        Code::NameTooLong => "The name is too long. Use at most {max} characters.",
        Code::NameMalformed => {
            "“{name}” cannot be a name. Use lower-case letters, digits and single hyphens, with a letter first."
        }
        Code::FieldMissing => "This field is needed. Fill it in.",
        Code::ValueOutOfRange => "The value must be between {min} and {max}.",
        Code::TextTooLong => "The text is too long. Use at most {max} characters.",
        Code::SignInFailed => "User name or password is wrong. Check both and try again.",
        Code::SignInDelayed => "Too many attempts. Wait {seconds} seconds and try again.",
        Code::SessionMissing => "You are not signed in, or your session has ended. Sign in again.",
        Code::SetupClosed => "The portal is set up already. Sign in instead.",
        Code::SetupTokenWrong => {
            "The token is wrong. Copy the one that the server printed at its last start."
        }
        Code::PasswordTooShort => "The password is too short. Use at least {min} characters.",
        Code::PasswordTooLong => "The password is too long. Use at most {max} characters.",
        Code::PasswordTooCommon => {
            "This password is easy to guess. Choose another, for example a few unrelated words."
        }
        Code::UserNameTaken => "There is a user with this name already. Choose another name.",
        Code::NotAllowed => "Your role does not allow this. Ask an administrator if you need it.",
        Code::NotFound => {
            "It does not exist, or you may not see it. Check the address, or go back to the overview."
        }
        Code::HostNameTaken => "There is a host with this name already. Choose another name.",
        Code::HostEndpointTaken => "This engine has been added already. Use the host that is there.",
        Code::HostLocalRefused => {
            "The portal was started without permission to use this machine's engine. Start it with the local engine allowed, or add a remote one."
        }
        Code::HostPlainTcp => {
            "Plain TCP gives everybody on the network control of the machine, so it is refused. Set up TLS on the engine and use port 2376."
        }
        Code::HostAddress => {
            "The address cannot be used. Check its spelling, and that its name can be resolved."
        }
        Code::HostTcp => {
            "Nothing answers at this address and port. Check that the engine listens there and that no firewall is between."
        }
        Code::HostTls => {
            "The TLS connection failed. Check that the CA certificate belongs to this engine and that its certificate names this address."
        }
        Code::HostAuthentication => {
            "The engine refused the client certificate. Check that certificate and key belong together and are signed by the engine's CA."
        }
        Code::HostApiVersion => "The engine’s API version does not suit the portal. Upgrade the engine.",
        Code::HostEngine => {
            "The engine answered in a way that a container engine does not. Check that the address leads to one."
        }
        Code::HostUnreachable => {
            "The host does not answer. Check that its engine runs and can be reached; then try again."
        }
        Code::HostHasChains => "The host still holds {count} chains. Delete them first.",
        Code::HostFull => {
            "The host holds as many chains as it may ({capacity}). Raise its capacity or choose another host."
        }
        Code::HostPortsUsed => {
            "No block of ports is free on this host. Delete a chain, or widen the host's port range."
        }
        Code::HostMissing => "This host does not exist any more. Choose another one.",
        Code::CapacityBelowUse => "The host holds {count} chains already. Set the capacity to at least that.",
        Code::ChainNameTaken => "There is a chain with this name already. Choose another name.",
        Code::ChainNameUnconfirmed => "The typed name is not the chain's name. Type it exactly.",
        Code::ChainState => {
            "This is not possible while the chain is {state}. It is possible when it is: {allowed}."
        }
        Code::ChainBusy => "Another operation works on this chain. Wait for it to end, or cancel it.",
        Code::TooFewOrganizations => "A chain needs at least one organization. Add one.",
        Code::TooManyOrganizations => {
            "A chain has at most {max} organizations; these are {count}. Remove some."
        }
        Code::TooManyPeers => "A chain has at most {max} peers in all; these are {count}. Remove some.",
        Code::OrganizationTwice => {
            "The organization {name} is named twice, or its name is kept for the orderers. Choose another name."
        }
        Code::OrdererCountRaft => "Raft runs with 1, 3 or 5 orderers, not {count}. Choose one of these.",
        Code::OrdererCountBft => "BFT runs with 4 or 7 orderers, not {count}. Choose one of these.",
        Code::BftNeedsVersion3 => "BFT needs Fabric 3.1. Choose that version, or Raft.",
        Code::PreflightFailed => {
            "The checks before creation did not pass. Correct what they name and check again."
        }
        Code::ImageMissing => {
            "An image that is needed is not on the host and could not be pulled. Load it there, or change the host’s image names."
        }
        Code::ImageOutsideRules => {
            "The image is outside the rules of this host. Ask an administrator or operator to approve it."
        }
        Code::PortTaken => {
            "A port that is needed is in use on the host. Free it, or choose another port range."
        }
        Code::NodeNotHealthy => {
            "A node did not become ready. Its last log lines say why; correct that and resume."
        }
        Code::NodeDataLost => {
            "The data of a node are gone. It must not restart under its old identity: remove it and add a new one."
        }
        Code::OperationState => {
            "The operation's state does not allow this. Look at it again; it may have gone on meanwhile."
        }
        Code::OperationInterrupted => {
            "The portal stopped during this step. Resume it, or undo the operation."
        }
        Code::StepPanicked => {
            "The step ended by a fault of the portal. Resume it; if it fails again, copy the report for support."
        }
        Code::StepTimeout => "The step took too long. Check that the host is not overloaded; then resume.",
        Code::AttemptsUsedUp => {
            "The step was tried again and again without success. Correct the cause named in the record; then resume."
        }
        Code::UndoFailed => {
            "Taking the operation back failed. Correct the cause named in the record; then undo again."
        }
        Code::PlanVersionUnknown => {
            "The operation was begun by another version of the portal that this one does not know. Run that version, or undo."
        }
        Code::ChannelExists => "There is a channel with this name already. Choose another name.",
        Code::ChaincodeNameReserved => "Fabric keeps the name {name} for itself. Choose another one.",
        Code::ChaincodeVersionMalformed => {
            "The version may hold letters, digits and the signs _ . + -, at most 40. Correct it."
        }
        Code::PolicyMalformed => {
            "The endorsement policy cannot be read. Write it like OR('Org1MSP.peer','Org2MSP.peer') with organizations of this chain."
        }
        Code::SequenceConflict => {
            "Somebody else changed this chaincode meanwhile. Reload the page and deploy again."
        }
        Code::NotApproved => {
            "Not enough organizations have approved this definition. Approve it for those that the readiness board names."
        }
        Code::NotInstalled => {
            "The package is not installed on a peer that is needed. Deploy again to install it."
        }
        Code::ChaincodeNotDefined => "This chaincode is not defined on the channel. Deploy it first.",
        Code::ChaincodeUnreachable => {
            "The peer cannot reach the chaincode's container. Check that it runs; its log is on the node's page."
        }
        Code::ChaincodeError => "The chaincode refused the call. Check function and arguments.",
        Code::ChaincodeNeedsInit => "The chaincode waits for its init call. Submit that first.",
        Code::ArgumentsNotJson => "The arguments are not a JSON array. Write them like [\"a\",\"b\",\"10\"].",
        Code::ArgumentsTooLarge => "The arguments are too large. Send at most {max} bytes.",
        Code::EndorsementMismatch => {
            "Peers computed different results, so nothing was submitted. Look for times or random numbers in the chaincode, then try again."
        }
        Code::EndorsementPolicyFailure => {
            "The endorsements do not satisfy the policy, so the ledger did not change. Check that peers of all needed organizations run."
        }
        Code::MvccConflict => {
            "Another transaction changed the same key at the same time, so this one did not count. Submit it again."
        }
        Code::PhantomConflict => {
            "The result of a range query changed meanwhile, so the transaction did not count. Submit it again."
        }
        Code::TransactionInvalid => {
            "The channel refused the transaction ({code}). The ledger did not change; check the call and submit again."
        }
        Code::TransactionTimeout => {
            "The commit was not seen in time. It may still happen: look at the transaction's page before you submit again."
        }
        Code::NoEndorsers => {
            "No peer can endorse this call. Check that peers of the needed organizations run and have the chaincode."
        }
        Code::NoLeader => {
            "The orderers have no leader right now. Wait a moment; if it lasts, check that a majority of them runs."
        }
        Code::AccessDenied => {
            "The chain refused this identity. Choose another organization, or check the channel's access rules."
        }
        Code::CertificateExpired => {
            "A certificate has expired. Renew it, and check the clocks of the machines."
        }
        Code::ClockSkew => "The clocks of portal and host differ too much. Set both by a time server.",
        Code::NodeUnavailable => {
            "A node that is needed does not answer. Check on the chain’s page that it runs; its log is on its own page."
        }
        Code::Overloaded => "Too much is being asked at once. Wait a moment and try again.",
        Code::FabricOther => "Fabric refused this for a reason of its own. The node’s log tells more.",
        Code::Internal => {
            "Something went wrong inside the portal. Try again; if it stays, give the request number to whoever runs it."
        }
    }
}
