//! Makes the material of a large chain and its genesis block, and writes all of it in cryptogen's layout.
//!
//! The yardstick of `cargo xtask bench material`: it does what `cryptogen generate` and `configtxgen` do together,
//! file by file, so that both can be timed as programs. Usage: `material FOLDER ORGANIZATIONS PEERS`.

use std::{
    error::Error,
    fs,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use fabric::{
    genesis::{
        self, ApplicationOrg, Batch, ChannelProfile, Consensus, FabricVersion, OrdererOrg, RaftConsenter,
    },
    material::{Authority, Issued, Leaf, LeafKind, MaterialError, Role, Validity},
    msp::{CryptogenOrganization, MaterialFile, Member, Msp, OrganizationKind, cryptogen_tree},
};

type Failure = Box<dyn Error + Send + Sync>;

/// Ten years, as cryptogen does.
const DAYS: u32 = 3650;
const ORDERER: &str = "orderer0.example.com";

/// One organization as it is wanted.
struct Wanted {
    kind: OrganizationKind,
    domain: String,
    msp_id: String,
    hosts: Vec<String>,
}

/// What the genesis block needs of a finished organization.
struct Made {
    msp: Msp,
    domain: String,
    first_tls_pem: String,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, organizations, peers] = arguments.as_slice() else {
        return Err("usage: material FOLDER ORGANIZATIONS PEERS".into());
    };
    let now_s = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let validity = Validity::from_unix(now_s, DAYS);
    let wanted = wanted(organizations.parse()?, peers.parse()?);
    let folder = Path::new(folder);
    let made = side_by_side(&wanted, |wanted| organization(wanted, validity, folder))?;
    let block = genesis::block(&profile(made)?, now_s, [7; 24])?;
    fs::write(folder.join("genesis.block"), block)?;
    Ok(())
}

fn wanted(organizations: usize, peers: usize) -> Vec<Wanted> {
    let mut all = vec![Wanted {
        kind: OrganizationKind::Orderer,
        domain: "example.com".into(),
        msp_id: "OrdererMSP".into(),
        hosts: vec![ORDERER.into()],
    }];
    all.extend((1..=organizations).map(|number| {
        let domain = format!("org{number}.example.com");
        Wanted {
            kind: OrganizationKind::Peer,
            hosts: (0..peers).map(|peer| format!("peer{peer}.{domain}")).collect(),
            msp_id: format!("Org{number}MSP"),
            domain,
        }
    }));
    all
}

/// Works on all items with as many threads as there are processors; results are in the order of the items.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, Failure> {
    let threads = std::thread::available_parallelism()?.get();
    let work = &work;
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    items
                        .iter()
                        .enumerate()
                        .skip(first)
                        .step_by(threads)
                        .map(|(at, item)| (at, work(item)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut done = Vec::new();
        for thread in started {
            done.extend(thread.join().map_err(|_| "a thread ended early")?);
        }
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, result)| result).collect()
    })
}

fn organization(wanted: &Wanted, validity: Validity, folder: &Path) -> Result<Made, Failure> {
    let domain = wanted.domain.as_str();
    let ca = Authority::generate(&format!("ca.{domain}"), domain, &validity)?;
    let tls_ca = Authority::generate(&format!("tlsca.{domain}"), domain, &validity)?;
    let node_role = match wanted.kind {
        OrganizationKind::Peer => Role::Peer,
        OrganizationKind::Orderer => Role::Orderer,
    };
    let pair = |name: &str, role, dns_names: Vec<String>| -> Result<(Issued, Issued), MaterialError> {
        let leaf = |kind| Leaf {
            common_name: name.into(),
            kind,
            dns_names: dns_names.clone(),
            ip_addresses: Vec::new(),
            validity,
        };
        Ok((ca.issue(&leaf(LeafKind::Sign(role)))?, tls_ca.issue(&leaf(LeafKind::Tls))?))
    };
    let mut nodes = Vec::with_capacity(wanted.hosts.len());
    for host in &wanted.hosts {
        nodes.push((host, pair(host, node_role, vec![host.clone(), "localhost".into()])?));
    }
    let admin = pair(&format!("Admin@{domain}"), Role::Admin, Vec::new())?;
    let members: Vec<Member<'_>> =
        nodes.iter().map(|(name, (sign, tls))| Member { name, sign, tls }).collect();
    let files = cryptogen_tree(&CryptogenOrganization {
        kind: wanted.kind,
        domain,
        ca: &ca,
        tls_ca: &tls_ca,
        nodes: &members,
        users: &[Member { name: "Admin", sign: &admin.0, tls: &admin.1 }],
    });
    for file in &files {
        write(folder, file)?;
    }
    Ok(Made {
        msp: Msp::new(&wanted.msp_id, ca.cert_pem(), tls_ca.cert_pem())?,
        domain: wanted.domain.clone(),
        first_tls_pem: nodes.first().map(|(_, (_, tls))| tls.cert_pem.clone()).unwrap_or_default(),
    })
}

fn write(folder: &Path, file: &MaterialFile) -> Result<(), Failure> {
    let path = folder.join(&file.path);
    let mode = if file.secret { 0o600 } else { 0o644 };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    // Most folders are there already: asking first would cost more than trying.
    let mut opened = options.open(&path);
    if opened.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        opened = options.open(&path);
    }
    std::io::Write::write_all(&mut opened?, &file.content)?;
    Ok(())
}

fn profile(mut made: Vec<Made>) -> Result<ChannelProfile, Failure> {
    if made.is_empty() {
        return Err("there is no ordering organization".into());
    }
    let orderer = made.remove(0);
    let tls = orderer.first_tls_pem;
    Ok(ChannelProfile {
        channel: "mychannel".into(),
        version: FabricVersion::V2_5,
        orderer_orgs: vec![OrdererOrg { msp: orderer.msp, endpoints: vec![format!("{ORDERER}:7050")] }],
        application_orgs: made
            .into_iter()
            .map(|org| ApplicationOrg {
                anchor_peers: vec![(format!("peer0.{}", org.domain), 7051)],
                msp: org.msp,
            })
            .collect(),
        consensus: Consensus::Raft(vec![RaftConsenter {
            host: ORDERER.into(),
            port: 7050,
            client_tls_pem: tls.clone(),
            server_tls_pem: tls,
        }]),
        batch: Batch { timeout_ms: 200, ..Batch::default() },
    })
}
