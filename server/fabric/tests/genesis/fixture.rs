//! A small chain's material for tests: one ordering organization, two with peers.

use fabric::{
    genesis::{
        ApplicationOrg, Batch, BftConsenter, ChannelProfile, Consensus, FabricVersion, OrdererOrg,
        RaftConsenter,
    },
    material::{Authority, Issued, Leaf, LeafKind, Role, Validity},
    msp::{CryptogenOrganization, MaterialFile, Member, Msp, OrganizationKind, cryptogen_tree},
};

pub const NOW_S: i64 = 1_790_000_000;
pub const NONCE: [u8; 24] = [7; 24];

pub struct Organization {
    pub msp_id: &'static str,
    pub domain: &'static str,
    pub kind: OrganizationKind,
    pub ca: Authority,
    pub tls_ca: Authority,
    /// Host name, sign certificate, TLS certificate.
    pub nodes: Vec<(String, Issued, Issued)>,
}

impl Organization {
    fn new(msp_id: &'static str, domain: &'static str, kind: OrganizationKind, nodes: usize) -> Self {
        let validity = Validity::from_unix(NOW_S, 3650);
        let ca = Authority::generate(&format!("ca.{domain}"), domain, &validity).unwrap();
        let tls_ca = Authority::generate(&format!("tlsca.{domain}"), domain, &validity).unwrap();
        let (prefix, role) = match kind {
            OrganizationKind::Peer => ("peer", Role::Peer),
            OrganizationKind::Orderer => ("orderer", Role::Orderer),
        };
        let nodes = (0..nodes).map(|number| {
            let host = format!("{prefix}{number}.{domain}");
            let leaf = |kind| Leaf {
                common_name: host.clone(),
                kind,
                dns_names: vec![host.clone(), "localhost".into()],
                ip_addresses: vec!["127.0.0.1".parse().unwrap()],
                validity,
            };
            let sign = ca.issue(&leaf(LeafKind::Sign(role))).unwrap();
            let tls = tls_ca.issue(&leaf(LeafKind::Tls)).unwrap();
            (host, sign, tls)
        });
        let nodes = nodes.collect();
        Self { msp_id, domain, kind, ca, tls_ca, nodes }
    }

    pub fn msp(&self) -> Msp {
        Msp::new(self.msp_id, self.ca.cert_pem(), self.tls_ca.cert_pem()).unwrap()
    }

    pub fn tree(&self) -> Vec<MaterialFile> {
        let nodes: Vec<Member<'_>> =
            self.nodes.iter().map(|(name, sign, tls)| Member { name, sign, tls }).collect();
        cryptogen_tree(&CryptogenOrganization {
            kind: self.kind,
            domain: self.domain,
            ca: &self.ca,
            tls_ca: &self.tls_ca,
            nodes: &nodes,
            users: &[],
        })
    }
}

pub struct Network {
    pub orderers: Organization,
    pub peers: Vec<Organization>,
}

impl Network {
    pub fn new(orderers: usize) -> Self {
        Self {
            orderers: Organization::new("OrdererMSP", "example.com", OrganizationKind::Orderer, orderers),
            peers: vec![
                Organization::new("Org1MSP", "org1.example.com", OrganizationKind::Peer, 1),
                Organization::new("Org2MSP", "org2.example.com", OrganizationKind::Peer, 1),
            ],
        }
    }

    /// Raft with all ordering nodes.
    pub fn raft(&self, version: FabricVersion) -> ChannelProfile {
        let consenters = self.orderers.nodes.iter().map(|(host, _, tls)| RaftConsenter {
            host: host.clone(),
            port: 7050,
            client_tls_pem: tls.cert_pem.clone(),
            server_tls_pem: tls.cert_pem.clone(),
        });
        self.profile(version, Consensus::Raft(consenters.collect()))
    }

    /// BFT with all ordering nodes.
    pub fn bft(&self) -> ChannelProfile {
        let consenters = (1..).zip(&self.orderers.nodes).map(|(id, (host, sign, tls))| BftConsenter {
            id,
            host: host.clone(),
            port: 7050,
            msp_id: self.orderers.msp_id.into(),
            identity_pem: sign.cert_pem.clone(),
            client_tls_pem: tls.cert_pem.clone(),
            server_tls_pem: tls.cert_pem.clone(),
        });
        self.profile(FabricVersion::V3, Consensus::Bft(consenters.collect()))
    }

    pub fn profile(&self, version: FabricVersion, consensus: Consensus) -> ChannelProfile {
        let application_orgs = self.peers.iter().map(|org| ApplicationOrg {
            msp: org.msp(),
            anchor_peers: vec![(format!("peer0.{}", org.domain), 7051)],
        });
        ChannelProfile {
            channel: "mychannel".into(),
            version,
            orderer_orgs: vec![OrdererOrg {
                msp: self.orderers.msp(),
                endpoints: self.orderers.nodes.iter().map(|(host, ..)| format!("{host}:7050")).collect(),
            }],
            application_orgs: application_orgs.collect(),
            consensus,
            batch: Batch { timeout_ms: 1500, ..Batch::default() },
        }
    }
}
