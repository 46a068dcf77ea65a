//! Configuration of peers.
//!
//! Several keys have no default inside the program: without them it stops, never pulls a block or cannot start
//! its system chaincodes. The file names those, and nothing that the program knows by itself.

use std::collections::BTreeMap;

use super::{
    ADMIN_CA_FILE, CCAAS_BUILDER_DIR, DATA_DIR, PEER_CHAINCODE_PORT, PEER_OPERATIONS_PORT, PEER_PORT,
    StateDatabase, all_interfaces, config_path, environment, set,
};

/// What is a peer's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerSettings {
    /// Unique in the chain; the node's name.
    pub id: String,
    pub msp_id: String,
    /// `host:port` by which other nodes of the chain dial this peer.
    pub address: String,
    /// `host:port` of peers of the same organization; empty = the peer itself.
    pub gossip_bootstrap: Vec<String>,
    /// JSON for the templates in chaincode packages; empty = none.
    pub chaincode_builder_config: String,
    /// True in BFT channels: blocks are pulled from several ordering nodes and compared. Fabric 3 only.
    pub cluster_delivery: bool,
    /// Absolute path, inside the node, of the PEM of the authority for administrators; `None` = in its usual
    /// place.
    pub admin_ca_path: Option<String>,
    /// Such as `info:gossip=warn`; empty = the default.
    pub logging_spec: String,
}

/// `core.yaml`. With CouchDB it holds a password: the file is a secret then.
pub fn core_yaml(database: &StateDatabase) -> String {
    let state = match database {
        StateDatabase::LevelDb => String::from("    stateDatabase: goleveldb\n"),
        StateDatabase::CouchDb { address, username, password } => format!(
            "    stateDatabase: CouchDB\n    couchDBConfig:\n      couchDBAddress: {}\n      username: {}\n      \
             password: {}\n      maxRetries: 3\n      maxRetriesOnStartup: 10\n      requestTimeout: 35s\n      \
             internalQueryLimit: 1000\n      maxBatchUpdateSize: 1000\n      cacheSize: 64\n",
            quoted(address),
            quoted(username),
            quoted(password),
        ),
    };
    format!("{PEER}{}{LEDGER}{state}{SERVICES}", chaincode())
}

/// JSON strings are YAML strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn chaincode() -> String {
    format!(
        "\
# No container engine: chaincode runs as a service.
vm:
  endpoint: \"\"
chaincode:
  mode: net
  installTimeout: 300s
  startuptimeout: 300s
  executetimeout: 30s
  logging:
    level: info
    shim: warning
  system:
    _lifecycle: enable
    cscc: enable
    lscc: enable
    qscc: enable
  externalBuilders:
    - name: ccaas_builder
      path: {CCAAS_BUILDER_DIR}
      propagateEnvironment:
        - CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG
"
    )
}

const PEER: &str = "\
# Peer: every peer pulls blocks from the ordering service by itself, no leader is elected.
peer:
  fileSystemPath: /var/hyperledger/production
  authentication:
    timewindow: 15m
  handlers:
    authFilters:
      - name: DefaultAuth
      - name: ExpirationCheck
    decorators:
      - name: DefaultDecorator
    endorsers:
      escc:
        name: DefaultEndorsement
    validators:
      vscc:
        name: DefaultValidation
  deliveryclient:
    connTimeout: 3s
    reConnectBackoffThreshold: 10s
    reconnectTotalTimeThreshold: 3600s
  gateway:
    enabled: true
    endorsementTimeout: 30s
    broadcastTimeout: 30s
    dialTimeout: 2m
  discovery:
    enabled: true
    authCacheEnabled: true
    authCacheMaxSize: 1000
    authCachePurgeRetentionRatio: 0.75
  limits:
    concurrency:
      endorserService: 2500
      deliverService: 2500
      gatewayService: 500
  keepalive:
    interval: 7200s
    timeout: 20s
    minInterval: 60s
    client:
      interval: 60s
      timeout: 20s
    deliveryClient:
      interval: 60s
      timeout: 20s
  gossip:
    useLeaderElection: false
    orgLeader: true
    # A new peer is found by the other organizations within seconds; by default it takes up to half a minute.
    reconnectInterval: 2s
    publishStateInfoInterval: 1s
    requestStateInfoInterval: 1s
    state:
      enabled: false
    pvtData:
      pullRetryThreshold: 60s
      transientstoreMaxBlockRetention: 1000
      pushAckTimeout: 3s
      reconcileBatchSize: 10
      reconcileSleepInterval: 1m
      reconciliationEnabled: true
      implicitCollectionDisseminationPolicy:
        requiredPeerCount: 0
        maxPeerCount: 1
  BCCSP:
    Default: SW
    SW:
      Hash: SHA2
      Security: 256
";

const LEDGER: &str = "\
ledger:
  history:
    enableHistoryDatabase: true
  pvtdataStore:
    collElgProcMaxDbBatchSize: 5000
    collElgProcDbBatchesInterval: 1000
    deprioritizedDataReconcilerInterval: 60m
    purgeInterval: 100
  snapshots:
    rootDir: /var/hyperledger/production/snapshots
  state:
    totalQueryLimit: 100000
";

const SERVICES: &str = "\
metrics:
  provider: prometheus
operations:
  listenAddress: 0.0.0.0:9443
  tls:
    enabled: true
    clientAuthRequired: false
";

/// The environment of one peer.
pub fn peer_environment(settings: &PeerSettings) -> BTreeMap<String, String> {
    let (certificate, key) = (config_path("tls/server.crt"), config_path("tls/server.key"));
    let admin_ca = settings.admin_ca_path.clone().unwrap_or_else(|| config_path(ADMIN_CA_FILE));
    let host = settings.address.rsplit_once(':').map_or(settings.address.as_str(), |(host, _)| host);
    let mut variables = environment(&settings.logging_spec);
    if !settings.chaincode_builder_config.is_empty() {
        let name = "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG";
        set(&mut variables, name, &settings.chaincode_builder_config);
    }
    let mut put = |name: &str, value: &str| set(&mut variables, &format!("CORE_{name}"), value);
    put("PEER_ID", &settings.id);
    put("PEER_LOCALMSPID", &settings.msp_id);
    put("PEER_MSPCONFIGPATH", &config_path("msp"));
    put("PEER_FILESYSTEMPATH", DATA_DIR);
    put("PEER_ADDRESS", &settings.address);
    put("PEER_LISTENADDRESS", &all_interfaces(PEER_PORT));
    put("PEER_CHAINCODEADDRESS", &format!("{host}:{PEER_CHAINCODE_PORT}"));
    put("PEER_CHAINCODELISTENADDRESS", &all_interfaces(PEER_CHAINCODE_PORT));
    // Without an external endpoint other organizations never learn of the peer.
    put("PEER_GOSSIP_EXTERNALENDPOINT", &settings.address);
    let bootstrap = settings.gossip_bootstrap.join(" ");
    put("PEER_GOSSIP_BOOTSTRAP", if bootstrap.is_empty() { &settings.address } else { &bootstrap });
    put("PEER_TLS_ENABLED", "true");
    put("PEER_TLS_CERT_FILE", &certificate);
    put("PEER_TLS_KEY_FILE", &key);
    put("PEER_TLS_ROOTCERT_FILE", &config_path("tls/ca.crt"));
    put("PEER_TLS_CLIENTCERT_FILE", &certificate);
    put("PEER_TLS_CLIENTKEY_FILE", &key);
    put("OPERATIONS_LISTENADDRESS", &all_interfaces(PEER_OPERATIONS_PORT));
    put("OPERATIONS_TLS_ENABLED", "true");
    put("OPERATIONS_TLS_CERT_FILE", &certificate);
    put("OPERATIONS_TLS_KEY_FILE", &key);
    // Health must be readable without a certificate; metrics and log levels ask for one all the same.
    put("OPERATIONS_TLS_CLIENTAUTHREQUIRED", "false");
    put("OPERATIONS_TLS_CLIENTROOTCAS_FILES", &admin_ca);
    if settings.cluster_delivery {
        put("PEER_DELIVERYCLIENT_POLICY", "cluster");
    }
    variables
}
