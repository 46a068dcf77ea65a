//! Certificates of a large chain and its genesis block: the crate `fabric` against cryptogen and configtxgen.
//!
//! Both sides are programs that write the same files, which is checked, so that what is compared is the same work.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::figures::{self, Cost, Samples};
use crate::nodes;
use crate::paths::Paths;
use crate::process::{self, BUILD};
use crate::report::say;

const ORGANIZATIONS: usize = 10;
const PEERS: usize = 26;
/// How many times faster than the official tools.
const PROMISED: f64 = 2.0;

/// Measures, and fails when ours is not twice as fast.
pub fn run(paths: &Paths, rounds: usize) -> Result<()> {
    let tools = nodes::ensure(paths)?.folder;
    let program = build(paths)?;
    // In memory where that is possible: the disk is the same for both and only blurs the difference.
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory } else { &paths.target };
    let folder = parent.join(format!("heddle-bench-material-{}", std::process::id()));
    let result = measure(&tools, &program, &folder, rounds);
    remove(&folder)?;
    result
}

fn build(paths: &Paths) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--package", "fabric", "--example", "material"]);
    process::run(cargo.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target), BUILD)?;
    Ok(paths.target.join("release").join("examples").join("material"))
}

fn measure(tools: &Path, program: &Path, folder: &Path, rounds: usize) -> Result<()> {
    let (ours, theirs) = (folder.join("ours"), folder.join("theirs"));
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    fs::write(folder.join("crypto-config.yaml"), crypto_config()).context("crypto-config.yaml")?;
    let our_round = || -> Result<Cost> {
        fresh(&ours)?;
        figures::cost(Command::new(program).arg(&ours).args([ORGANIZATIONS.to_string(), PEERS.to_string()]))
    };
    let their_round = || -> Result<Cost> {
        fresh(&theirs)?;
        fs::write(theirs.join("configtx.yaml"), configtx())?;
        let mut cryptogen = Command::new(tools.join("cryptogen"));
        cryptogen.args(["generate", "--config=../crypto-config.yaml", "--output=."]).current_dir(&theirs);
        let certificates = figures::cost(&mut cryptogen)?;
        let mut configtxgen = Command::new(tools.join("configtxgen"));
        configtxgen
            .args(["-profile", "Bench", "-channelID", "mychannel", "-outputBlock", "genesis.block"])
            .current_dir(&theirs)
            .env("FABRIC_CFG_PATH", &theirs);
        let genesis = figures::cost(&mut configtxgen)?;
        fs::remove_file(theirs.join("configtx.yaml"))?;
        Ok(Cost { wall: certificates.wall + genesis.wall, cpu: certificates.cpu + genesis.cpu })
    };
    // The first run of each reads its program from the disk; it also shows that both do the same.
    our_round()?;
    their_round()?;
    same_files(&ours, &theirs)?;
    let mut samples = [Samples::default(), Samples::default(), Samples::default(), Samples::default()];
    let [our_wall, our_cpu, their_wall, their_cpu] = &mut samples;
    let keep = |cost: Cost, wall: &mut Samples, cpu: &mut Samples| {
        wall.push(cost.wall);
        cpu.push(cost.cpu);
    };
    figures::in_turn(
        rounds,
        |_| our_round().map(|cost| keep(cost, our_wall, our_cpu)),
        |_| their_round().map(|cost| keep(cost, their_wall, their_cpu)),
    )?;
    say(format!("material of {ORGANIZATIONS} organizations with {PEERS} peers each, and genesis"));
    say(format!("crate fabric            {}, processor {:.3} s", our_wall.shown("s"), our_cpu.median()));
    say(format!("cryptogen, configtxgen  {}, processor {:.3} s", their_wall.shown("s"), their_cpu.median()));
    figures::demand("times as fast", their_wall.median() / our_wall.median(), PROMISED)
}

fn fresh(folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    Ok(())
}

fn same_files(ours: &Path, theirs: &Path) -> Result<()> {
    let (mut left, mut right) = (BTreeSet::new(), BTreeSet::new());
    names(ours, ours, &mut left)?;
    names(theirs, theirs, &mut right)?;
    if let Some(name) = left.symmetric_difference(&right).next() {
        bail!("only one side writes {}", name.display());
    }
    say(format!("both sides write the same {} files", left.len()));
    Ok(())
}

fn names(root: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            names(root, &path, found)?;
        } else {
            found.insert(path.strip_prefix(root)?.to_owned());
        }
    }
    Ok(())
}

fn crypto_config() -> String {
    let mut text = String::from(
        "OrdererOrgs:\n  - {Name: Orderer, Domain: example.com, EnableNodeOUs: true, Specs: [{Hostname: orderer0, SANS: [localhost]}]}\nPeerOrgs:\n",
    );
    for number in 1..=ORGANIZATIONS {
        let _ = writeln!(
            text,
            "  - {{Name: Org{number}, Domain: org{number}.example.com, EnableNodeOUs: true, Template: {{Count: {PEERS}, SANS: [localhost]}}, Users: {{Count: 0}}}}"
        );
    }
    text
}

fn configtx() -> String {
    let meta = |rule: &str| format!("{{Type: ImplicitMeta, Rule: \"{rule}\"}}");
    let (any_readers, any_writers, admins) =
        (meta("ANY Readers"), meta("ANY Writers"), meta("MAJORITY Admins"));
    let base = format!("Readers: {any_readers}, Writers: {any_writers}, Admins: {admins}");
    let mut organizations = String::new();
    for number in 1..=ORGANIZATIONS {
        let domain = format!("org{number}.example.com");
        let msp = format!("Org{number}MSP");
        let signed = |role: &str| format!("{{Type: Signature, Rule: \"OR('{msp}.{role}')\"}}");
        let _ = writeln!(
            organizations,
            "        - {{Name: {msp}, ID: {msp}, MSPDir: peerOrganizations/{domain}/msp, AnchorPeers: [{{Host: peer0.{domain}, Port: 7051}}], Policies: {{Readers: {}, Writers: {}, Admins: {}, Endorsement: {}}}}}",
            signed("member"),
            signed("member"),
            signed("admin"),
            signed("peer"),
        );
    }
    let tls = "ordererOrganizations/example.com/orderers/orderer0.example.com/tls/server.crt";
    let signed = |role: &str| format!("{{Type: Signature, Rule: \"OR('OrdererMSP.{role}')\"}}");
    format!(
        "Profiles:
  Bench:
    Policies: {{{base}}}
    Capabilities: {{V2_0: true}}
    Orderer:
      OrdererType: etcdraft
      BatchTimeout: 200ms
      BatchSize: {{MaxMessageCount: 500, AbsoluteMaxBytes: 10 MB, PreferredMaxBytes: 2 MB}}
      EtcdRaft:
        Consenters: [{{Host: orderer0.example.com, Port: 7050, ClientTLSCert: {tls}, ServerTLSCert: {tls}}}]
        Options: {{TickInterval: 500ms, ElectionTick: 10, HeartbeatTick: 1, MaxInflightBlocks: 5, SnapshotIntervalSize: 16 MB}}
      Organizations:
        - {{Name: OrdererMSP, ID: OrdererMSP, MSPDir: ordererOrganizations/example.com/msp, OrdererEndpoints: [\"orderer0.example.com:7050\"], Policies: {{Readers: {}, Writers: {}, Admins: {}}}}}
      Policies: {{{base}, BlockValidation: {any_writers}}}
      Capabilities: {{V2_0: true}}
    Application:
      Organizations:
{organizations}      Policies: {{{base}, LifecycleEndorsement: {endorsement}, Endorsement: {endorsement}}}
      Capabilities: {{V2_5: true}}
",
        signed("member"),
        signed("member"),
        signed("admin"),
        endorsement = meta("MAJORITY Endorsement"),
    )
}
