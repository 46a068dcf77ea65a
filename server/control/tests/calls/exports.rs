//! What is taken away from a chain: who gets it, who does not, and what the audit tells of either.

use std::time::Duration;

use agents::Agent;
use control::node::LogAsked;
use domain::node::Machine;
use domain::user::NewUser;
use futures::StreamExt;

use super::*;

const PASSWORD: &str = "a few plain words together";

/// Somebody with a password, and with a grant on the chain or none.
async fn person(bed: &Bed, plane: &ControlPlane, name: &str, grant: Option<Grant>) -> Caller {
    let (name, password) = (UserName::parse(name).unwrap(), PASSWORD.to_owned());
    let root = caller("root", Role::Admin);
    let made = plane.user_create(&root, NewUser { name, role: Role::User, password }).await.unwrap();
    if let Some(grant) = grant {
        bed.services.store.grant_put(&ChainName::parse("demo").unwrap(), &made.id, grant).await.unwrap();
    }
    let user = CallerUser { id: made.id, name: made.name, role: made.role };
    Caller { user: Some(user), proved_ms: None, ..root }
}

/// Asks for everything that can be taken away, with a wrong password and then with the right one.
async fn take_all(plane: &ControlPlane, who: &Caller) -> Vec<Result<(), Code>> {
    let (demo, org1) = (ChainName::parse("demo").unwrap(), OrganizationName::parse("org1").unwrap());
    vec![
        plane.connection_profile(who, &demo, &org1).await.map(drop).map_err(|error| error.code),
        plane.connection_profile_yaml(who, &demo, &org1).await.map(drop).map_err(|error| error.code),
        plane.material_export(who, &demo, &org1).await.map(drop).map_err(|error| error.code),
        plane
            .admin_key_export(who, &demo, &org1, "not the password".to_owned())
            .await
            .map(drop)
            .map_err(|error| error.code),
        plane
            .admin_key_export(who, &demo, &org1, PASSWORD.to_owned())
            .await
            .map(drop)
            .map_err(|error| error.code),
    ]
}

/// Whoever took something away, or tried to; oldest first.
async fn exported(plane: &ControlPlane, who: &str) -> Vec<(String, String, String)> {
    let views = plane.audit_list(&caller("root", Role::Admin), None).await.unwrap();
    let own = views.into_iter().rev().filter(|view| view.who == who && view.what.ends_with("-export"));
    own.map(|view| (view.what, view.object, view.result)).collect()
}

#[tokio::test]
async fn every_export_leaves_a_row_whatever_came_of_it() {
    let (bed, plane) = deployed().await;
    let what =
        ["profile-export", "profile-export", "material-export", "admin-key-export", "admin-key-export"];
    let (hidden, forbidden) = (Err(Code::NotFound), Err(Code::NotAllowed));
    let wrong = Err(Code::SignInFailed);
    let cases = [
        ("sam", None, [hidden, hidden, hidden, hidden, hidden]),
        ("rea", Some(Grant::Read), [Ok(()), Ok(()), forbidden, forbidden, forbidden]),
        ("max", Some(Grant::Manage), [Ok(()), Ok(()), Ok(()), forbidden, forbidden]),
        ("ola", Some(Grant::Owner), [Ok(()), Ok(()), Ok(()), wrong, Ok(())]),
    ];
    for (name, grant, expected) in cases {
        let who = person(&bed, &plane, name, grant).await;
        assert_eq!(take_all(&plane, &who).await, expected, "{name}");
        let told = |outcome: &Result<(), Code>| outcome.map_or_else(Code::as_text, |()| "ok".to_owned());
        let rows = what.iter().zip(&expected).map(|(what, outcome)| {
            ((*what).to_owned(), "chain/demo/organization/org1".to_owned(), told(outcome))
        });
        assert_eq!(exported(&plane, name).await, rows.collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test]
async fn an_admins_keys_are_in_the_archive_that_the_password_opens_alone() {
    let (bed, plane) = deployed().await;
    let (demo, org1) = (ChainName::parse("demo").unwrap(), OrganizationName::parse("org1").unwrap());
    let owner = person(&bed, &plane, "ola", Some(Grant::Owner)).await;
    for (wrong, code) in [("", Code::PasswordAgain), ("not the password", Code::SignInFailed)] {
        let refused = plane.admin_key_export(&owner, &demo, &org1, wrong.to_owned()).await.unwrap_err();
        assert_eq!((refused.code, refused.status()), (code, 403), "{wrong:?}");
    }
    // Who proved it lately need not type it; whoever types a wrong one is refused all the same.
    let proved = Caller { proved_ms: Some(i64::MAX), ..owner.clone() };
    assert!(plane.admin_key_export(&proved, &demo, &org1, String::new()).await.is_ok());
    let refused = plane.admin_key_export(&proved, &demo, &org1, "not the password".to_owned()).await;
    assert_eq!(refused.unwrap_err().code, Code::SignInFailed);
    let holds = |tar: &[u8], user: &str| {
        let key = format!("peerOrganizations/org1.demo/users/{user}@org1.demo/msp/keystore/priv_sk");
        paths(tar).contains(&key)
    };
    let own = plane.material_export(&owner, &demo, &org1).await.unwrap();
    assert_eq!((holds(&own, "ola"), holds(&own, "Admin")), (true, false));
    let admin = plane.admin_key_export(&owner, &demo, &org1, PASSWORD.to_owned()).await.unwrap();
    assert_eq!((holds(&admin, "ola"), holds(&admin, "Admin")), (true, true));
    // An organization that there is not is no way to another row.
    let unknown = OrganizationName::parse("org9").unwrap();
    assert_eq!(plane.connection_profile(&owner, &demo, &unknown).await.unwrap_err().code, Code::NotFound);
    let last = exported(&plane, "ola").await.pop().unwrap();
    assert_eq!((last.1.as_str(), last.2.as_str()), ("chain/demo/organization/org9", "not-found"));
}

/// An application that endorses or listens where a peer has no ledger gets errors that tell it little.
#[tokio::test]
async fn a_profile_lists_for_a_channel_the_peers_that_have_joined_it() {
    // One organization with two peers.
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 1).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (demo, org1) = (ChainName::parse("demo").unwrap(), OrganizationName::parse("org1").unwrap());
    let peers = vec![NodeName::parse("peer0-org1").unwrap()];
    let members = vec![ChannelMember { organization: org1.clone(), peers }];
    let name = ChannelName::parse("second").unwrap();
    bed.run(ChannelCreate { spec: ChannelSpec { chain: demo.clone(), name, members } }).await;
    let plane = facade(bed.services.clone());
    let ann = caller("ann", Role::Operator);
    let listed = async |channel: &str| {
        let profile = plane.connection_profile(&ann, &demo, &org1).await.unwrap();
        let peers = profile["channels"][channel]["peers"].as_object().unwrap();
        peers.keys().cloned().collect::<Vec<_>>()
    };
    let both = ["peer0.org1.demo", "peer1.org1.demo"];
    assert_eq!(listed("second").await, ["peer0.org1.demo"]);
    assert_eq!(listed("mychannel").await, both);
    // Nobody can be asked then.
    bed.run(ChainStop { chain: demo.clone() }).await;
    assert_eq!(listed("second").await, both);
}

/// A cluster publishes nodes where its host's own address leads nowhere.
#[tokio::test]
async fn clients_are_sent_where_the_host_publishes_a_node() {
    let (bed, plane) = deployed().await;
    let (demo, org1) = (ChainName::parse("demo").unwrap(), OrganizationName::parse("org1").unwrap());
    let ann = caller("ann", Role::Operator);
    bed.agent.reach_at(&peer(&bed, "peer0-org1"), 7_051, "lb.example", 31_999);
    let looks = async || {
        let profile = plane.connection_profile(&ann, &demo, &org1).await.unwrap();
        let view = plane.chain_read(&ann, &demo).await.unwrap();
        let node = view.nodes.into_iter().find(|node| node.name.as_str() == "peer0-org1").unwrap();
        let tar = plane.material_export(&ann, &demo, &org1).await.unwrap();
        let orderer = profile["orderers"]["orderer0.orderer.demo"]["url"].clone();
        assert_eq!(orderer, "grpcs://127.0.0.1:31010", "what nobody tells otherwise");
        let url = profile["peers"]["peer0.org1.demo"]["url"].as_str().unwrap().to_owned();
        let address = url.strip_prefix("grpcs://").unwrap().to_owned();
        assert_eq!(node.endpoints[0].1, address);
        let notes = String::from_utf8_lossy(&tar).into_owned();
        assert!(notes.contains(&format!("export CORE_PEER_ADDRESS={address}\n")), "{address}");
        address
    };
    assert_eq!(looks().await, "lb.example:31999");
    bed.agent.cut_off();
    assert_eq!(looks().await, "127.0.0.1:31020", "the host does not answer");
}

/// A host that is made of several machines tells which one a node runs on; what it does not know stays unknown.
#[tokio::test]
async fn a_node_tells_its_machine_its_process_and_its_ports() {
    let (bed, plane) = deployed().await;
    let demo = ChainName::parse("demo").unwrap();
    let ann = caller("ann", Role::Operator);
    let machine = Machine { name: "worker-1".to_owned(), address: Some("10.9.0.2".to_owned()) };
    bed.agent.run_on(&peer(&bed, "peer0-org1"), machine.clone());
    bed.agent.reach_at(&peer(&bed, "peer0-org1"), 7_051, "lb.example", 31_999);
    let nodes = async || plane.chain_read(&ann, &demo).await.unwrap().nodes;
    let told = nodes().await;
    let node = told.iter().find(|node| node.name.as_str() == "peer0-org1").unwrap();
    assert_eq!(node.machine.as_ref(), Some(&machine));
    assert!(node.started_ms.is_some() && node.exit_code.is_none() && node.reason.is_none(), "{node:?}");
    assert_eq!(node.restarts, 0);
    // Nothing of a process before, as long as the host has not started the node again.
    assert!(!node.has_earlier_log());
    assert!(node.ports.contains(&(7_051, "lb.example:31999".to_owned())), "{:?}", node.ports);
    assert!(told.iter().filter(|other| other.name != node.name).all(|other| other.machine.is_none()));
    bed.agent.cut_off();
    for node in nodes().await {
        assert_eq!((node.started_ms, node.machine, node.ports), (None, None, Vec::new()));
    }
}

/// What a process before has printed is read apart, and only where the host has it apart.
#[tokio::test]
async fn the_lines_of_the_process_before_are_read_apart() {
    let (bed, plane) = deployed().await;
    let (demo, name) = (ChainName::parse("demo").unwrap(), NodeName::parse("peer0-org1").unwrap());
    let (ann, node) = (caller("ann", Role::Operator), peer(&bed, "peer0-org1"));
    let lines = async |previous: bool| {
        let asked = LogAsked { tail: 100, follow: false, previous };
        let stream = plane.node_log_stream(&ann, &demo, &name, asked).await.unwrap();
        stream.collect::<Vec<String>>().await
    };
    let before = lines(false).await;
    assert!(!before.is_empty());
    assert_eq!(lines(true).await, before, "an engine has all lines in one stream");
    bed.agent.run_on(&node, Machine { name: "worker-1".to_owned(), address: None });
    bed.agent.restart(&node, Duration::ZERO).await.unwrap();
    let earlier = lines(true).await;
    assert_eq!(earlier.last(), before.last());
    assert_ne!(lines(false).await.last(), before.last());
}
