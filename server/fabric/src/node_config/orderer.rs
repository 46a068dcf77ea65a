//! Configuration of ordering nodes.
//!
//! The program refuses keys it does not know, and it looks up the environment only for keys whose section stands
//! in the file: so the file names every section, with keys that 2.5 and 3.x have in common.

use std::collections::BTreeMap;

use super::{
    ADMIN_CA_FILE, DATA_DIR, ORDERER_ADMIN_PORT, ORDERER_OPERATIONS_PORT, ORDERER_PORT, all_interfaces,
    config_path, environment, set,
};

/// A channel's configuration with many organizations is larger than Fabric's default of one megabyte.
const JOIN_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// What is an ordering node's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrdererSettings {
    pub msp_id: String,
    /// Absolute path, inside the node, of the PEM of the authority for administrators; `None` = in its usual
    /// place. It must have issued nothing but certificates for administrating nodes.
    pub admin_ca_path: Option<String>,
    /// Such as `info:orderer.consensus=debug`; empty = the default.
    pub logging_spec: String,
}

/// `orderer.yaml`, the same for all ordering nodes.
pub fn orderer_yaml() -> String {
    format!(
        "\
# Ordering node: no bootstrap channel; channels are joined through the participation service.
General:
  ListenAddress: 0.0.0.0
  ListenPort: {ORDERER_PORT}
  BootstrapMethod: none
  MaxRecvMsgSize: 104857600
  MaxSendMsgSize: 104857600
  LocalMSPDir: msp
  Authentication:
    TimeWindow: 15m
  Keepalive:
    ServerMinInterval: 60s
    ServerInterval: 7200s
    ServerTimeout: 20s
  TLS:
    Enabled: true
    ClientAuthRequired: false
  Cluster:
    SendBufferSize: 100
  BCCSP:
    Default: SW
    SW:
      Hash: SHA2
      Security: 256
FileLedger:
  Location: {DATA_DIR}/orderer
Consensus:
  WALDir: {DATA_DIR}/orderer/etcdraft/wal
  SnapDir: {DATA_DIR}/orderer/etcdraft/snapshot
ChannelParticipation:
  Enabled: true
  MaxRequestBodySize: {JOIN_BYTES_MAX}
Admin:
  TLS:
    Enabled: true
    ClientAuthRequired: true
Operations:
  TLS:
    Enabled: true
    ClientAuthRequired: false
Metrics:
  Provider: prometheus
"
    )
}

/// The environment of one ordering node.
pub fn orderer_environment(settings: &OrdererSettings) -> BTreeMap<String, String> {
    let (certificate, key) = (config_path("tls/server.crt"), config_path("tls/server.key"));
    let roots = format!("[{}]", config_path("tls/ca.crt"));
    let admin_ca = settings.admin_ca_path.clone().unwrap_or_else(|| config_path(ADMIN_CA_FILE));
    let mut variables = environment(&settings.logging_spec);
    let mut put = |name: &str, value: &str| set(&mut variables, &format!("ORDERER_{name}"), value);
    put("GENERAL_LISTENADDRESS", "0.0.0.0");
    put("GENERAL_LISTENPORT", &ORDERER_PORT.to_string());
    put("GENERAL_BOOTSTRAPMETHOD", "none");
    put("GENERAL_LOCALMSPID", &settings.msp_id);
    put("GENERAL_LOCALMSPDIR", &config_path("msp"));
    put("GENERAL_TLS_ROOTCAS", &roots);
    // Ordering nodes dial each other with the certificate that the consenter set names.
    put("GENERAL_CLUSTER_CLIENTCERTIFICATE", &certificate);
    put("GENERAL_CLUSTER_CLIENTPRIVATEKEY", &key);
    put("GENERAL_CLUSTER_ROOTCAS", &roots);
    for listener in ["GENERAL", "ADMIN", "OPERATIONS"] {
        put(&format!("{listener}_TLS_ENABLED"), "true");
        put(&format!("{listener}_TLS_CERTIFICATE"), &certificate);
        put(&format!("{listener}_TLS_PRIVATEKEY"), &key);
    }
    for (listener, port) in [("ADMIN", ORDERER_ADMIN_PORT), ("OPERATIONS", ORDERER_OPERATIONS_PORT)] {
        put(&format!("{listener}_LISTENADDRESS"), &all_interfaces(port));
        put(&format!("{listener}_TLS_CLIENTROOTCAS"), &format!("[{admin_ca}]"));
    }
    put("ADMIN_TLS_CLIENTAUTHREQUIRED", "true");
    // Health must be readable without a certificate; metrics and log levels ask for one all the same.
    put("OPERATIONS_TLS_CLIENTAUTHREQUIRED", "false");
    put("CHANNELPARTICIPATION_ENABLED", "true");
    put("METRICS_PROVIDER", "prometheus");
    put("FILELEDGER_LOCATION", &format!("{DATA_DIR}/orderer"));
    put("CONSENSUS_WALDIR", &format!("{DATA_DIR}/orderer/etcdraft/wal"));
    put("CONSENSUS_SNAPDIR", &format!("{DATA_DIR}/orderer/etcdraft/snapshot"));
    variables
}
