use super::*;

fn spec() -> HostSpec {
    HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock")
}

/// What a changed specification is refused for, and on which field.
fn refused(change: impl FnOnce(&mut HostSpec)) -> (Code, String) {
    let mut spec = spec();
    change(&mut spec);
    let error = spec.check().unwrap_err();
    (error.code, error.field.unwrap())
}

#[test]
fn ten_blocks_of_a_hundred_ports() {
    let blocks: Vec<u16> = spec().blocks().collect();
    assert_eq!(blocks.len(), 10);
    assert_eq!((blocks[0], blocks[9]), (31_000, 31_900));
}

#[test]
fn the_last_ports_of_all_do_not_overflow() {
    let mut spec = spec();
    (spec.port_first, spec.port_last) = (65_400, 65_535);
    assert_eq!(spec.blocks().collect::<Vec<_>>(), vec![65_400]);
}

#[test]
fn the_defaults_pass() {
    assert_eq!(spec().check(), Ok(()));
    let mut remote = spec();
    remote.endpoint = Endpoint::Tcp { address: "engine.example".to_owned(), port: 2376 };
    (remote.bind_address, remote.client_address) = ("0.0.0.0".to_owned(), "engine.example".to_owned());
    remote.image_rules = vec!["registry.example:5000/team/".to_owned(), "hyperledger".to_owned()];
    assert_eq!(remote.check(), Ok(()));
}

#[test]
fn each_wrong_value_is_named_on_its_field() {
    let check = |change: fn(&mut HostSpec), code, field: &str| {
        assert_eq!(refused(change), (code, field.to_owned()));
    };
    check(|s| s.capacity = 0, Code::ValueOutOfRange, "capacity");
    check(|s| s.capacity = 1_001, Code::ValueOutOfRange, "capacity");
    check(|s| s.port_first = 80, Code::ValueOutOfRange, "port_first");
    check(|s| s.port_first = 65_500, Code::ValueOutOfRange, "port_first");
    check(|s| s.port_last = 31_098, Code::PortRangeTooSmall, "port_last");
    check(|s| s.port_last = 30_000, Code::PortRangeTooSmall, "port_last");
    check(|s| s.bind_address.clear(), Code::FieldMissing, "bind_address");
    check(|s| s.bind_address = "here".to_owned(), Code::BindAddressMalformed, "bind_address");
    check(|s| s.bind_address = "224.0.0.1".to_owned(), Code::BindAddressMalformed, "bind_address");
    check(|s| s.client_address = " ".to_owned(), Code::FieldMissing, "client_address");
    check(|s| s.client_address = "https://x".to_owned(), Code::AddressMalformed, "client_address");
    check(|s| s.client_address = "0.0.0.0".to_owned(), Code::AddressMalformed, "client_address");
    check(|s| s.images.peer.clear(), Code::FieldMissing, "images_peer");
    check(|s| s.images.orderer = vec!["a b".to_owned()], Code::ImageNameMalformed, "images_orderer");
    check(|s| s.images.sample = vec!["A".to_owned()], Code::ImageNameMalformed, "images_sample");
    check(|s| s.image_rules = vec!["http://r".to_owned()], Code::ImageRuleMalformed, "image_rules");
    check(|s| s.image_rules = vec!["a".to_owned(); 51], Code::TooManyEntries, "image_rules");
    check(|s| s.cluster = Some(ClusterSettings::default()), Code::ClusterSettingsForeign, "cluster");
    let small = |s: &mut HostSpec| s.network_range = Subnet::parse("10.0.0.0/28").unwrap();
    check(small, Code::NetworkRangeMalformed, "network_range");
    let tcp = |address: &str, port| Endpoint::Tcp { address: address.to_owned(), port };
    let at = |endpoint: Endpoint| refused(move |spec| spec.endpoint = endpoint);
    assert_eq!(at(tcp(" ", 2376)), (Code::FieldMissing, "address".to_owned()));
    assert_eq!(at(tcp("tcp://engine", 2376)), (Code::AddressMalformed, "address".to_owned()));
    assert_eq!(at(tcp("engine", 0)), (Code::ValueOutOfRange, "port".to_owned()));
    assert_eq!(at(Endpoint::Local { path: "run".to_owned() }), (Code::FieldMissing, "path".to_owned()));
}

#[test]
fn what_chains_hold_limits_what_may_be_changed() {
    let held = |blocks: &[u16]| -> Vec<(u16, String)> {
        blocks.iter().map(|block| (*block, format!("chain{block}"))).collect()
    };
    let check = |change: fn(&mut HostSpec), blocks: &[u16]| {
        let mut spec = spec();
        change(&mut spec);
        spec.check_held(&held(blocks)).map_err(|error| (error.code, error.field.unwrap()))
    };
    let overlap = Err((Code::PortRangeOverlap, "port_first".to_owned()));
    assert_eq!(check(|s| s.capacity = 1, &[31_000]), Ok(()));
    let below_use = Err((Code::CapacityBelowUse, "capacity".to_owned()));
    assert_eq!(check(|s| s.capacity = 1, &[31_000, 31_100]), below_use);
    assert_eq!(check(|s| s.port_first = 31_050, &[31_000]), overlap);
    assert_eq!(check(|s| s.port_first = 30_950, &[31_000]), overlap);
    assert_eq!(check(|s| s.port_first = 31_200, &[31_000]), Ok(()));
    assert_eq!(check(|s| s.port_first = 30_900, &[31_000]), Ok(()));
    assert_eq!(check(|s| (s.port_first, s.port_last) = (40_000, 40_099), &[31_000]), Ok(()));
}

#[test]
fn rules_and_the_sample_decide_what_users_run() {
    let mut spec = spec();
    assert!(spec.allows_image("heddle.local/chaincode-example02:1"));
    assert!(!spec.allows_image("registry.example/team/basic:1"));
    spec.image_rules = vec!["registry.example/team/".to_owned()];
    assert!(spec.allows_image("registry.example/team/basic:1"));
    assert!(!spec.allows_image("registry.example/other/basic:1"));
}

#[test]
fn a_host_that_was_stored_before_there_was_a_network_range_still_reads() {
    let mut stored = serde_json::to_value(spec()).unwrap();
    stored.as_object_mut().unwrap().remove("network_range");
    assert_eq!(serde_json::from_value::<HostSpec>(stored).unwrap(), spec());
}

#[test]
fn a_remote_host_publishes_where_others_reach_it() {
    let check = |bind: &str| {
        let mut spec = spec();
        spec.endpoint = Endpoint::Tcp { address: "engine".to_owned(), port: 2376 };
        spec.bind_address = bind.to_owned();
        spec.check().map_err(|error| (error.code, error.field.unwrap()))
    };
    let loopback = Err((Code::BindAddressLoopback, "bind_address".to_owned()));
    for bind in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(check(bind), loopback, "{bind}");
    }
    for bind in ["0.0.0.0", "::", "10.0.0.7", "fd00::7"] {
        assert_eq!(check(bind), Ok(()), "{bind}");
    }
}

#[test]
fn one_address_has_one_canonical_form() {
    let form = |address: &str| Endpoint::Tcp { address: address.to_owned(), port: 2376 }.canonical();
    assert_eq!(form("fd00:0:0:0:0:0:0:1"), form("fd00::1"));
    assert_eq!(form("FD00::0001"), form("fd00::1"));
    assert_eq!(form("::ffff:10.0.0.7"), "tcp://10.0.0.7:2376");
    assert_eq!(form("Engine.Example"), "tcp://engine.example:2376");
    assert_ne!(form("fd00::1"), form("fd00::2"));
}

fn cluster() -> HostSpec {
    let endpoint = Endpoint::Cluster { server: "https://api.example:6443".to_owned() };
    HostSpec::cluster(HostName::parse("far").unwrap(), endpoint)
}

#[test]
fn a_cluster_with_defaults_passes_and_has_nothing_that_only_engines_have() {
    let spec = cluster();
    assert_eq!(spec.check(), Ok(()));
    assert_eq!((spec.client_address.as_str(), spec.bind_address.as_str()), ("api.example", ""));
    assert_eq!((spec.port_first, spec.port_last, spec.blocks().count()), (31_000, 32_000, 10));
    let stored = serde_json::to_value(&spec).unwrap();
    assert_eq!(stored["endpoint"]["kind"], "cluster");
    assert_eq!(serde_json::from_value::<HostSpec>(stored).unwrap(), spec);
    let mut own = HostSpec::cluster(HostName::parse("own").unwrap(), Endpoint::InCluster);
    assert_eq!(own.check().unwrap_err().field.as_deref(), Some("client_address"));
    own.client_address = "node.example".to_owned();
    assert_eq!(own.check(), Ok(()));
    assert_eq!(serde_json::to_value(&own).unwrap()["endpoint"], serde_json::json!({ "kind": "in-cluster" }));
    // What is stored of engines does not change.
    assert!(serde_json::to_value(self::spec()).unwrap().get("cluster").is_none());
}

#[test]
fn each_wrong_value_of_a_cluster_is_named_on_its_field() {
    let check = |change: fn(&mut HostSpec), code, field: &str| {
        let mut spec = cluster();
        change(&mut spec);
        let error = spec.check().unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (code, Some(field)));
    };
    let exposed = |spec: &mut HostSpec, exposure| {
        spec.cluster = Some(ClusterSettings { exposure, ..ClusterSettings::default() });
    };
    check(|s| s.cluster = None, Code::FieldMissing, "cluster");
    check(|s| s.client_address.clear(), Code::FieldMissing, "client_address");
    let at = |server: &str| Endpoint::Cluster { server: server.to_owned() };
    for (server, code) in [(" ", Code::FieldMissing), ("http://api", Code::ClusterServerMalformed)] {
        let error = HostSpec { endpoint: at(server), ..cluster() }.check().unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (code, Some("server")));
    }
    check(|s| s.port_first = 29_999, Code::ValueOutOfRange, "port_first");
    check(|s| s.port_first = 32_700, Code::ValueOutOfRange, "port_first");
    check(|s| s.port_last = 32_768, Code::ValueOutOfRange, "port_last");
    check(|s| s.port_last = 31_050, Code::PortRangeTooSmall, "port_last");
    // Only ports of the cluster's machines have a range of their own.
    let mut inside = HostSpec { port_first: 7_000, port_last: 7_999, ..cluster() };
    exposed(&mut inside, ClusterExposure::ClusterIp);
    assert_eq!(inside.check(), Ok(()));
    exposed(&mut inside, ClusterExposure::NodePort);
    assert_eq!(inside.check().unwrap_err().field.as_deref(), Some("port_first"));
}

#[test]
fn what_chains_of_a_cluster_are_found_by_stays() {
    let settings = |change: fn(&mut ClusterSettings)| {
        let mut settings = ClusterSettings::default();
        change(&mut settings);
        HostSpec { cluster: Some(settings), ..cluster() }
    };
    let check = |change: fn(&mut ClusterSettings), chains| {
        settings(change).check_kept(&cluster(), chains).map_err(|error| error.field.unwrap())
    };
    let storage = |s: &mut ClusterSettings| {
        s.storage = cluster::ClusterStorage::Class { name: Some("fast".to_owned()) };
    };
    assert_eq!(check(|s| s.namespace_prefix = "other".to_owned(), 1), Err("namespace_prefix".to_owned()));
    assert_eq!(check(storage, 1), Err("storage".to_owned()));
    assert_eq!(check(|s| s.volume_gib = 1, 1), Err("volume_gib".to_owned()));
    assert_eq!(check(|s| s.volume_gib = 1, 0), Ok(()));
    assert_eq!(check(|s| s.exposure = ClusterExposure::ClusterIp, 1), Err("exposure".to_owned()));
    assert_eq!(check(|s| s.exposure = ClusterExposure::ClusterIp, 0), Ok(()));
    let balanced = |key: &str| {
        let annotations = [(key.to_owned(), "yes".to_owned())].into();
        let exposure = ClusterExposure::LoadBalancer { annotations };
        let settings = ClusterSettings { exposure, ..ClusterSettings::default() };
        HostSpec { cluster: Some(settings), ..cluster() }
    };
    assert_eq!(balanced("inner").check_kept(&balanced("outer"), 1), Ok(()), "annotations may change");
    assert!(balanced("inner").check_kept(&cluster(), 1).is_err());
    assert_eq!(spec().check_kept(&spec(), 1), Ok(()));
}
