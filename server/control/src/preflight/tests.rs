use std::collections::BTreeMap;

use agents::simulated::SimulatedAgent;
use domain::chain::{ChainSpec, FabricVersion};
use domain::host::{HostStatus, HostView};
use domain::id::HostId;
use domain::name::ChainName;

use super::*;
use crate::host::tests::{Bed, admin, local_spec};
use crate::operations::demo_create::default_spec;

const PEER: &str = "heddle.local/fabric-peer:2.5.0";
const ORDERER: &str = "heddle.local/fabric-orderer:2.5.0";

/// A portal whose host has everything.
async fn ready() -> (Bed, HostView, ChainSpec) {
    let bed = Bed::new().await;
    let host = bed.host().await;
    for image in [PEER, ORDERER] {
        bed.local.add_image(image);
    }
    bed.local.set_resources(Some(64 << 30), Some(100 << 30));
    let spec = default_spec(ChainName::parse("demo").unwrap(), host.id.clone()).unwrap();
    (bed, host, spec)
}

async fn look(bed: &Bed, spec: &ChainSpec) -> ChainPlanView {
    bed.plane.chain_plan(&admin(), spec.clone()).await.unwrap()
}

fn of(view: &ChainPlanView, kind: CheckKind) -> (Verdict, Option<Code>) {
    let check = view.checks.iter().find(|check| check.kind == kind).unwrap();
    (check.verdict, check.problem.as_ref().map(|problem| problem.code))
}

/// What creating it now is refused for.
async fn refusal(bed: &Bed, spec: &ChainSpec) -> Option<Code> {
    let key = "key-0123456789".to_owned();
    bed.plane.chain_create(&admin(), spec.clone(), key).await.err().map(|error| error.code)
}

#[tokio::test]
async fn with_everything_in_place_all_items_pass_and_images_are_pinned() {
    let (bed, _, spec) = ready().await;
    let view = look(&bed, &spec).await;
    assert!(view.checks.iter().all(|check| check.verdict == Verdict::Pass), "{:#?}", view.checks);
    assert_eq!(view.checks.len(), 9);
    assert_eq!(view.port_block, 31_000);
    for node in &view.nodes {
        assert!(node.local_only && node.pinned.as_ref().unwrap().starts_with("sha256:"), "{node:?}");
    }
}

#[tokio::test]
async fn more_processors_than_an_engine_has_are_refused_before_anything_is_made() {
    let (bed, _, mut spec) = ready().await;
    // The machine has eight.
    for (cpu_milli, expect) in [(8_000, None), (8_001, Some(Code::CpusLow))] {
        spec.resources.cpu_milli = cpu_milli;
        let failed = look(&bed, &spec).await.checks.into_iter().find(|check| check.verdict == Verdict::Fail);
        let told = failed.map(|check| (check.kind, check.problem.map(|problem| problem.code)));
        assert_eq!(told, expect.map(|code| (CheckKind::Cpu, Some(code))));
    }
    assert_eq!(refusal(&bed, &spec).await, Some(Code::CpusLow));
}

#[tokio::test]
async fn what_a_cluster_has_and_allows_is_shown_and_what_it_refuses_blocks() {
    let (bed, _, spec) = ready().await;
    let share = |free: u64| agents::Share { wanted: 300, of_one: 100, free, largest: free };
    let tried = |free: u64, refusal: Option<agents::Refusal>| agents::Rehearsal {
        place: Some("heddle-abc-demo".to_owned()),
        refusal,
        room: Some(agents::Room { nodes: 3, placed: 3, cpu_milli: share(free), memory_bytes: share(900) }),
    };
    bed.local.set_told(Some(68), Some("fast"));
    bed.local.set_rehearsal(tried(900, None));
    let view = look(&bed, &spec).await;
    assert!(view.checks.iter().all(|check| check.verdict == Verdict::Pass), "{:#?}", view.checks);
    let fact = |kind: CheckKind| {
        view.checks.iter().find(|check| check.kind == kind).map(|check| check.fact.as_str())
    };
    assert_eq!(fact(CheckKind::Permissions), Some("68/68"));
    assert_eq!(fact(CheckKind::Storage), Some("fast"));
    assert_eq!(fact(CheckKind::Quota), Some("heddle-abc-demo"));
    assert_eq!(fact(CheckKind::Cpu), Some("300 / 900 m"));
    let refused = agents::Refusal { said: "exceeded quota: small".to_owned(), is_certain: true };
    bed.local.set_rehearsal(tried(900, Some(refused)));
    assert_eq!(refusal(&bed, &spec).await, Some(Code::HostRulesRefuse));
    bed.local.set_rehearsal(tried(99, None));
    assert_eq!(refusal(&bed, &spec).await, Some(Code::MachineCpuKept));
}

#[tokio::test]
async fn a_host_that_cannot_be_asked_leaves_the_rest_of_the_review_and_blocks_nothing() {
    let (bed, host, spec) = ready().await;
    let record = bed.plane.host_record(&host.id).await.unwrap();
    let fails = || {
        bed.local.fail_verb(
            agents::simulated::Verb::Rehearse,
            1,
            agents::simulated::Fault::broken(agents::simulated::When::Before),
        );
    };
    fails();
    let view = look(&bed, &spec).await;
    assert_eq!(of(&view, CheckKind::Quota), (Verdict::Warn, Some(Code::HostTrialFailed)));
    assert_eq!(of(&view, CheckKind::Memory), (Verdict::Pass, None));
    fails();
    assert_eq!(bed.plane.preflight(&spec, &record).await, Ok(()));
}

#[tokio::test]
async fn what_a_cluster_lacks_is_told_in_its_own_row() {
    let (bed, _, spec) = ready().await;
    for (stage, remedy, kind, code) in [
        (
            ProbeStage::Permission,
            agents::Remedy::GrantPermissions,
            CheckKind::Permissions,
            Code::HostPermissions,
        ),
        (ProbeStage::Storage, agents::Remedy::ChooseStorage, CheckKind::Storage, Code::HostStorage),
        (ProbeStage::Capacity, agents::Remedy::ProvideMachines, CheckKind::Cpu, Code::HostMachines),
    ] {
        bed.local.fail_probes(agents::ProbeFailure::at(stage, remedy, "seen"));
        assert_eq!(of(&look(&bed, &spec).await, kind), (Verdict::Fail, Some(code)));
    }
}

#[tokio::test]
async fn an_engine_that_does_not_answer_blocks_with_its_reason() {
    let (bed, _, spec) = ready().await;
    bed.local.cut_off();
    let view = look(&bed, &spec).await;
    assert_eq!(of(&view, CheckKind::Engine), (Verdict::Fail, Some(Code::HostTcp)));
    assert_eq!(refusal(&bed, &spec).await, Some(Code::HostTcp));
}

#[tokio::test]
async fn names_and_capacity_block() {
    let (bed, host, spec) = ready().await;
    bed.local
        .ensure_space(&agents::SpaceSpec {
            installation: bed.plane.services.installation.clone(),
            chain: "demo".to_owned(),
            operation: "old".to_owned(),
        })
        .await
        .unwrap();
    assert_eq!(of(&look(&bed, &spec).await, CheckKind::Names).0, Verdict::Pass, "networks alone are adopted");
    bed.local.ensure_node(&left_over(&bed)).await.unwrap();
    let view = look(&bed, &spec).await;
    assert_eq!(of(&view, CheckKind::Names), (Verdict::Fail, Some(Code::HostHasLeftovers)));
    assert_eq!(refusal(&bed, &spec).await, Some(Code::HostHasLeftovers));
    bed.local.remove_space(&bed.plane.services.installation, "demo").await.unwrap();
    for n in 0..10 {
        bed.claim(&host, &format!("chain{n}")).await;
    }
    let view = look(&bed, &spec).await;
    assert_eq!(of(&view, CheckKind::Capacity), (Verdict::Fail, Some(Code::HostFull)));
    assert_eq!(of(&view, CheckKind::Ports), (Verdict::Fail, Some(Code::HostPortsUsed)));
}

fn left_over(bed: &Bed) -> agents::NodeSpec {
    agents::NodeSpec {
        installation: bed.plane.services.installation.clone(),
        chain: "demo".to_owned(),
        node: "peer0-org1".to_owned(),
        kind: "peer".to_owned(),
        image: PEER.to_owned(),
        entrypoint: vec![],
        command: vec![],
        environment: BTreeMap::new(),
        files: vec![],
        data_path: None,
        config_path: "/etc/heddle".to_owned(),
        working_dir: None,
        ports: vec![],
        health_port: None,
        aliases: vec![],
        network: agents::NodeNetwork::Chain,
        limits: agents::Limits { memory_mib: 64, cpu_milli: 100, pids: 10 },
        operation: "old".to_owned(),
        user: None,
        read_only_root: false,
        refuse_image_volumes: false,
        allow_new_data: false,
    }
}

#[tokio::test]
async fn blocks_with_ports_of_others_are_passed_over() {
    let (bed, _, spec) = ready().await;
    bed.local.take_port(31_099);
    assert_eq!(look(&bed, &spec).await.port_block, 31_100);
    // A process that is no container: only a connection shows it.
    bed.local.listen(31_150);
    assert_eq!(look(&bed, &spec).await.port_block, 31_200);
    for block in local_spec().blocks() {
        bed.local.listen(block + 50);
    }
    let view = look(&bed, &spec).await;
    assert_eq!(of(&view, CheckKind::Ports), (Verdict::Fail, Some(Code::HostPortsUsed)));
    assert_eq!(refusal(&bed, &spec).await, Some(Code::HostPortsUsed));
}

#[test]
fn ports_that_the_system_gives_away_are_warned_of() {
    let (spec, status) = (local_spec(), HostStatus::default());
    let host = HostRecord { id: HostId::new("host"), spec, status, created_ms: 1 };
    let check = |block: u16, expect: (Verdict, Option<Code>)| {
        let (shown, check) = ports_check(&host, Some(block));
        let code = check.problem.as_ref().map(|problem| problem.code);
        assert_eq!((shown, (check.verdict, code)), (block, expect));
    };
    for block in [32_700, 40_000, 60_900] {
        check(block, (Verdict::Warn, Some(Code::HostPortsGiven)));
    }
    for block in [31_000, 32_600, 61_000] {
        check(block, (Verdict::Pass, None));
    }
}

#[tokio::test]
async fn images_are_present_to_be_pulled_or_missing() {
    let (bed, _, mut spec) = ready().await;
    spec.version = FabricVersion::V3_1;
    let tag = spec.version.image_tag();
    let view = look(&bed, &spec).await;
    assert_eq!(of(&view, CheckKind::Images), (Verdict::Fail, Some(Code::ImageNotInRegistry)));
    assert_eq!(refusal(&bed, &spec).await, Some(Code::ImageNotInRegistry));
    for kind in ["peer", "orderer"] {
        bed.local.offer_image(&format!("hyperledger/fabric-{kind}:{tag}"));
    }
    let view = look(&bed, &spec).await;
    assert_eq!(of(&view, CheckKind::Images), (Verdict::Warn, Some(Code::ImageToPull)));
    assert!(view.nodes.iter().all(|node| node.pinned.is_none() && node.image.ends_with(tag)));
    let pulled = bed.local.ensure_image(&format!("hyperledger/fabric-peer:{tag}"), None, &mut |_| {}).await;
    let view = look(&bed, &spec).await;
    let peer = view.nodes.iter().find(|node| node.name.starts_with("peer")).unwrap();
    assert_eq!((peer.pinned.clone(), peer.local_only), (pulled.unwrap().digest, false));
}

#[tokio::test]
async fn resources_and_clocks_warn_or_fail() {
    let (bed, _, spec) = ready().await;
    let check = async |kind, expect: (Verdict, Option<Code>)| {
        assert_eq!(of(&look(&bed, &spec).await, kind), expect, "{kind:?}");
    };
    bed.local.set_resources(None, None);
    check(CheckKind::Memory, (Verdict::Warn, Some(Code::MemoryUnknown))).await;
    check(CheckKind::Disk, (Verdict::Warn, Some(Code::DiskUnknown))).await;
    bed.local.set_resources(Some(700 << 20), Some(1 << 20));
    check(CheckKind::Memory, (Verdict::Warn, Some(Code::MemoryLow))).await;
    check(CheckKind::Disk, (Verdict::Fail, Some(Code::DiskLow))).await;
    bed.local.set_resources(Some(1 << 20), Some(100 << 30));
    check(CheckKind::Memory, (Verdict::Fail, Some(Code::MemoryLow))).await;
    check(CheckKind::Disk, (Verdict::Pass, None)).await;
    // All machines together have enough, and none of them for one node.
    bed.local.set_resources(Some(64 << 30), Some(100 << 30));
    check(CheckKind::Memory, (Verdict::Pass, None)).await;
    bed.local.set_largest(Some(1 << 20));
    check(CheckKind::Memory, (Verdict::Fail, Some(Code::MachineMemoryLow))).await;
    assert_eq!(refusal(&bed, &spec).await, Some(Code::MachineMemoryLow));
    for seconds in [60, -60] {
        bed.local.skew_clock(seconds);
        check(CheckKind::Clock, (Verdict::Warn, Some(Code::ClockApart))).await;
    }
    bed.local.skew_clock(-301);
    check(CheckKind::Clock, (Verdict::Fail, Some(Code::ClockApart))).await;
}

#[test]
fn an_engine_without_a_clock_warns() {
    let asked_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    assert_eq!(apart(asked_at + Duration::from_secs(7), asked_at), 7);
    assert_eq!(apart(asked_at - Duration::from_secs(7), asked_at), 7);
}

#[tokio::test]
async fn looking_ends_at_the_first_clean_blocks() {
    let agent = SimulatedAgent::new();
    agent.listen(31_010);
    agent.take_port(31_990);
    let blocks: Vec<u16> = local_spec().blocks().collect();
    assert_eq!(busy_blocks(&agent, &blocks, &[31_100]).await.unwrap(), [31_000, 31_900]);
    let asked =
        agent.calls().iter().filter(|(verb, _)| *verb == agents::simulated::Verb::AnsweringPorts).count();
    assert_eq!(asked, 3);
}
