//! How the ordering nodes agree: consensus type, consenters and their options.
//!
//! Packages `orderer`, `common` (consenter mapping), `etcdraft` and `orderer.smartbft`.

/// Whether a channel works or is being moved to another consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ConsensusState {
    Normal = 0,
    Maintenance = 1,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ConsensusType {
    /// `etcdraft` or `BFT`; older networks also `solo` and `kafka`.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// A marshalled [`etcdraft::ConfigMetadata`] or [`smartbft::Options`].
    #[prost(bytes = "vec", tag = "2")]
    pub metadata: Vec<u8>,
    /// A [`ConsensusState`].
    #[prost(int32, tag = "3")]
    pub state: i32,
}

/// Value `Orderers`: the consenters of a BFT channel.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Orderers {
    #[prost(message, repeated, tag = "1")]
    pub consenter_mapping: Vec<Consenter>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Consenter {
    /// Unique in the channel, from 1 on.
    #[prost(uint32, tag = "1")]
    pub id: u32,
    #[prost(string, tag = "2")]
    pub host: String,
    #[prost(uint32, tag = "3")]
    pub port: u32,
    #[prost(string, tag = "4")]
    pub msp_id: String,
    /// PEM of the orderer's sign certificate.
    #[prost(bytes = "vec", tag = "5")]
    pub identity: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub client_tls_cert: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub server_tls_cert: Vec<u8>,
}

/// Messages of Raft.
pub mod etcdraft {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ConfigMetadata {
        #[prost(message, repeated, tag = "1")]
        pub consenters: Vec<Consenter>,
        #[prost(message, optional, tag = "2")]
        pub options: Option<Options>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Consenter {
        #[prost(string, tag = "1")]
        pub host: String,
        #[prost(uint32, tag = "2")]
        pub port: u32,
        /// PEM bytes, as the server certificate.
        #[prost(bytes = "vec", tag = "3")]
        pub client_tls_cert: Vec<u8>,
        #[prost(bytes = "vec", tag = "4")]
        pub server_tls_cert: Vec<u8>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        /// A Go duration.
        #[prost(string, tag = "1")]
        pub tick_interval: String,
        #[prost(uint32, tag = "2")]
        pub election_tick: u32,
        #[prost(uint32, tag = "3")]
        pub heartbeat_tick: u32,
        #[prost(uint32, tag = "4")]
        pub max_inflight_blocks: u32,
        /// Bytes of blocks between two snapshots of the log.
        #[prost(uint32, tag = "5")]
        pub snapshot_interval_size: u32,
    }

    /// Consenter metadata of a block.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct BlockMetadata {
        #[prost(uint64, repeated, tag = "1")]
        pub consenter_ids: Vec<u64>,
        #[prost(uint64, tag = "2")]
        pub next_consenter_id: u64,
        #[prost(uint64, tag = "3")]
        pub raft_index: u64,
    }
}

/// Messages of SmartBFT (Fabric 3).
pub mod smartbft {
    /// Whether the leader changes by turns.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
    #[repr(i32)]
    pub enum Rotation {
        Unspecified = 0,
        Off = 1,
        On = 2,
    }

    /// Durations are Go durations.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        #[prost(uint64, tag = "1")]
        pub request_batch_max_count: u64,
        #[prost(uint64, tag = "2")]
        pub request_batch_max_bytes: u64,
        #[prost(string, tag = "3")]
        pub request_batch_max_interval: String,
        #[prost(uint64, tag = "4")]
        pub incoming_message_buffer_size: u64,
        #[prost(uint64, tag = "5")]
        pub request_pool_size: u64,
        #[prost(string, tag = "6")]
        pub request_forward_timeout: String,
        #[prost(string, tag = "7")]
        pub request_complain_timeout: String,
        #[prost(string, tag = "8")]
        pub request_auto_remove_timeout: String,
        /// 0 = the largest batch.
        #[prost(uint64, tag = "9")]
        pub request_max_bytes: u64,
        #[prost(string, tag = "10")]
        pub view_change_resend_interval: String,
        #[prost(string, tag = "11")]
        pub view_change_timeout: String,
        #[prost(string, tag = "12")]
        pub leader_heartbeat_timeout: String,
        #[prost(uint64, tag = "13")]
        pub leader_heartbeat_count: u64,
        #[prost(string, tag = "14")]
        pub collect_timeout: String,
        #[prost(bool, tag = "15")]
        pub sync_on_start: bool,
        #[prost(bool, tag = "16")]
        pub speed_up_view_change: bool,
        /// A [`Rotation`].
        #[prost(int32, tag = "17")]
        pub leader_rotation: i32,
        #[prost(uint64, tag = "18")]
        pub decisions_per_leader: u64,
    }
}
