//! Administration and operations endpoints of a chain's nodes let nobody in but the portal.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use agents::{Agent, NodeRef};
use control::network::ChainLink;
use control::topology::{ADMIN_PORT, PlannedNode};
use domain::node::NodeKind;
use fabric::conn::{BoxedStream, Dial, NodeConn, TlsSettings};
use fabric::error::{ErrorKind, FabricError};
use fabric::material::{Authority, Leaf, LeafKind, Validity};
use fabric::{operations, participation};
use futures::future::BoxFuture;

use crate::bed::{Portal, organization};

/// Certificate and key, both PEM.
type Pair = (String, String);

/// The way to a port of a node.
struct Way {
    agent: Arc<dyn Agent>,
    node: NodeRef,
    port: u16,
}

impl Dial for Way {
    fn dial(&self) -> BoxFuture<'static, io::Result<BoxedStream>> {
        let (agent, node, port) = (self.agent.clone(), self.node.clone(), self.port);
        Box::pin(async move {
            let stream = agent.connect(&node, port).await.map_err(io::Error::other)?;
            let boxed: BoxedStream = Box::new(stream);
            Ok(boxed)
        })
    }
}

/// Asks every such endpoint of the chain with the portal's certificate, with those of others and with none.
pub async fn are_refused(portal: &Portal) {
    let link = portal.link().await;
    let own = (link.trust.portal.cert_pem.clone(), link.trust.portal.key_pem.clone());
    let strangers = [
        ("nobody", None),
        ("somebody from elsewhere", Some(made_elsewhere())),
        ("a member", Some(of_member(portal).await)),
    ];
    for node in &link.plan.nodes {
        let mut ports = vec![node.operations_port()];
        if node.kind == NodeKind::Orderer {
            ports.push(ADMIN_PORT);
        }
        for port in ports {
            let welcome = ask(&link, node, port, Some(own.clone())).await;
            assert!(welcome.is_ok(), "{} {port}: {welcome:?}", node.name);
            for (who, client) in &strangers {
                let error = ask(&link, node, port, client.clone()).await.unwrap_err();
                // A connection that is closed before its alert is read is refused as well.
                let refused = [ErrorKind::Untrusted, ErrorKind::AccessDenied, ErrorKind::Unavailable];
                assert!(refused.contains(&error.kind()), "{who} at {} {port}: {error:?}", node.name);
            }
        }
    }
}

/// Asks for what is an administrator's alone: the channels of an orderer, and what nodes measure.
async fn ask(
    link: &ChainLink,
    node: &PlannedNode,
    port: u16,
    client: Option<Pair>,
) -> Result<(), FabricError> {
    let roots_pem = link.trust.msps[&node.msp_id].tls_ca_cert_pem.clone();
    let settings = TlsSettings { server_name: node.domain_name.clone(), roots_pem, client };
    let way = Way { agent: link.agent.clone(), node: link.node_ref(node), port };
    let conn = NodeConn::new(Arc::new(way), settings)?;
    if node.kind == NodeKind::Orderer && port == ADMIN_PORT {
        return participation::list(&conn).await.map(drop);
    }
    operations::is_leader(&conn, "mychannel").await.map(drop)
}

/// An admin's name from an authority that nobody knows.
fn made_elsewhere() -> Pair {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let validity = Validity::from_unix(i64::try_from(now).unwrap(), 30);
    let authority = Authority::generate("tlsca.elsewhere", "elsewhere", &validity).unwrap();
    let leaf = Leaf {
        common_name: "Admin@orderer.outcomes".to_owned(),
        kind: LeafKind::Tls,
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        validity,
    };
    let made = authority.issue(&leaf).unwrap();
    (made.cert_pem.clone(), made.key_pem.to_string())
}

/// What a member takes along for the official tools: an authority of the chain made it, for something else.
async fn of_member(portal: &Portal) -> Pair {
    let exported = portal.plane.material_export(&portal.admin, &portal.name, &organization("org1")).await;
    let exported = exported.unwrap();
    let mut archive = tar::Archive::new(exported.as_slice());
    let (mut certificate, mut key) = (String::new(), String::new());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if path.ends_with("/tls/client.crt") {
            entry.read_to_string(&mut certificate).unwrap();
        } else if path.ends_with("/tls/client.key") {
            entry.read_to_string(&mut key).unwrap();
        }
    }
    assert!(!certificate.is_empty() && !key.is_empty());
    (certificate, key)
}
