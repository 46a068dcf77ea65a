use super::*;

fn orderer() -> BTreeMap<String, String> {
    orderer_environment(&OrdererSettings {
        msp_id: "OrdererMSP".into(),
        admin_ca_path: None,
        logging_spec: String::new(),
    })
}

fn peer(cluster_delivery: bool) -> BTreeMap<String, String> {
    peer_environment(&PeerSettings {
        id: "peer0".into(),
        msp_id: "Org1MSP".into(),
        address: "peer0:7051".into(),
        gossip_bootstrap: Vec::new(),
        chaincode_builder_config: String::new(),
        cluster_delivery,
        admin_ca_path: Some("/elsewhere/ca.crt".into()),
        logging_spec: "debug".into(),
    })
}

/// An ordering node ignores variables of sections that its file does not have.
#[test]
fn every_variable_of_an_orderer_has_its_section_in_the_file() {
    let sections = sections(&orderer_yaml());
    for name in orderer().keys().filter_map(|name| name.strip_prefix("ORDERER_")) {
        let parts: Vec<&str> = name.split('_').collect();
        let section = parts[..parts.len() - 1].join(".").to_ascii_lowercase();
        assert!(sections.contains(&section), "{name} has no section {section} in {sections:?}");
    }
}

/// Dotted names of all lines that open a section, in lower case.
fn sections(yaml: &str) -> Vec<String> {
    let mut path: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in yaml.lines() {
        let Some(name) = line.trim().strip_suffix(':') else { continue };
        path.truncate((line.len() - line.trim_start().len()) / 2);
        path.push(name);
        found.push(path.join(".").to_ascii_lowercase());
    }
    found
}

#[test]
fn administration_always_wants_a_certificate() {
    let orderer = orderer();
    assert_eq!(orderer["ORDERER_ADMIN_TLS_ENABLED"], "true");
    assert_eq!(orderer["ORDERER_ADMIN_TLS_CLIENTAUTHREQUIRED"], "true");
    assert_eq!(orderer["ORDERER_ADMIN_TLS_CLIENTROOTCAS"], "[/etc/heddle/admin-ca.crt]");
    assert_eq!(orderer["ORDERER_OPERATIONS_TLS_ENABLED"], "true");
    let peer = peer(false);
    assert_eq!(peer["CORE_OPERATIONS_TLS_ENABLED"], "true");
    assert_eq!(peer["CORE_OPERATIONS_TLS_CLIENTROOTCAS_FILES"], "/elsewhere/ca.crt");
}

#[test]
fn listeners_are_where_the_portal_looks() {
    let orderer = orderer();
    assert_eq!(orderer["ORDERER_GENERAL_LISTENPORT"], "7050");
    assert_eq!(orderer["ORDERER_ADMIN_LISTENADDRESS"], "0.0.0.0:9443");
    assert_eq!(orderer["ORDERER_OPERATIONS_LISTENADDRESS"], "0.0.0.0:8443");
    let peer = peer(false);
    assert_eq!(peer["CORE_PEER_LISTENADDRESS"], "0.0.0.0:7051");
    assert_eq!(peer["CORE_OPERATIONS_LISTENADDRESS"], "0.0.0.0:9443");
    assert_eq!(peer["CORE_PEER_GOSSIP_EXTERNALENDPOINT"], "peer0:7051");
    assert_eq!(peer["CORE_PEER_GOSSIP_BOOTSTRAP"], "peer0:7051");
    assert_eq!(peer["FABRIC_LOGGING_SPEC"], "debug");
}

#[test]
fn bft_peers_compare_ordering_nodes() {
    assert_eq!(peer(true)["CORE_PEER_DELIVERYCLIENT_POLICY"], "cluster");
    assert!(!peer(false).contains_key("CORE_PEER_DELIVERYCLIENT_POLICY"));
}

#[test]
fn a_password_cannot_break_out_of_the_file() {
    let password = Zeroizing::new("a\"\n  b: 'c".to_owned());
    let database =
        StateDatabase::CouchDb { address: "couch:5984".into(), username: "portal".into(), password };
    assert_eq!(format!("{database:?}"), "CouchDb { address: \"couch:5984\", .. }");
    let text = core_yaml(&database);
    assert!(text.contains("      password: \"a\\\"\\n  b: 'c\"\n"), "{text}");
    assert!(text.contains("stateDatabase: CouchDB\n"));
    assert!(core_yaml(&StateDatabase::LevelDb).contains("stateDatabase: goleveldb\n"));
}

/// The constants of the file and of the environment are written in two places.
#[test]
fn the_peers_file_names_the_same_folders_and_ports() {
    let text = core_yaml(&StateDatabase::LevelDb);
    assert!(text.contains(&format!("fileSystemPath: {DATA_DIR}\n")));
    assert!(text.contains(&format!("rootDir: {DATA_DIR}/snapshots\n")));
    assert!(text.contains(&format!("listenAddress: 0.0.0.0:{PEER_OPERATIONS_PORT}\n")));
    assert!(text.contains(&format!("path: {CCAAS_BUILDER_DIR}\n")));
}
