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

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::{Consenter, Orderers, smartbft};

    /// Written by hand from the numbers of Fabric's own definitions: our encoder alone would agree with any mistake.
    #[test]
    fn bft_has_the_field_numbers_of_fabric() {
        let consenter = b"\x08\x07\x12\x02o1\x18\x8a\x37\x22\x02M1\x2a\x01i\x32\x01c\x3a\x01s";
        let orderers = Orderers {
            consenter_mapping: vec![Consenter {
                id: 7,
                host: "o1".into(),
                port: 7050,
                msp_id: "M1".into(),
                identity: b"i".to_vec(),
                client_tls_cert: b"c".to_vec(),
                server_tls_cert: b"s".to_vec(),
            }],
        };
        let written = [b"\x0a\x16".as_slice(), consenter.as_slice()].concat();
        assert_eq!(orderers.encode_to_vec(), written);
        assert_eq!(Orderers::decode(written.as_slice()).unwrap(), orderers);
    }

    #[test]
    fn bft_options_have_the_field_numbers_of_fabric() {
        let options = smartbft::Options {
            request_batch_max_count: 500,
            request_batch_max_bytes: 10_485_760,
            request_batch_max_interval: "1s".into(),
            incoming_message_buffer_size: 200,
            request_pool_size: 400,
            request_forward_timeout: "2s".into(),
            request_complain_timeout: "3s".into(),
            request_auto_remove_timeout: "4s".into(),
            request_max_bytes: 9,
            view_change_resend_interval: "5s".into(),
            view_change_timeout: "6s".into(),
            leader_heartbeat_timeout: "7s".into(),
            leader_heartbeat_count: 10,
            collect_timeout: "8s".into(),
            sync_on_start: true,
            speed_up_view_change: true,
            leader_rotation: smartbft::Rotation::On.into(),
            decisions_per_leader: 3,
        };
        let written: Vec<u8> = [
            b"\x08\xf4\x03".as_slice(),
            b"\x10\x80\x80\x80\x05",
            b"\x1a\x021s",
            b"\x20\xc8\x01",
            b"\x28\x90\x03",
            b"\x32\x022s",
            b"\x3a\x023s",
            b"\x42\x024s",
            b"\x48\x09",
            b"\x52\x025s",
            b"\x5a\x026s",
            b"\x62\x027s",
            b"\x68\x0a",
            b"\x72\x028s",
            b"\x78\x01",
            b"\x80\x01\x01",
            b"\x88\x01\x02",
            b"\x90\x01\x03",
        ]
        .concat();
        assert_eq!(options.encode_to_vec(), written);
        assert_eq!(smartbft::Options::decode(written.as_slice()).unwrap(), options);
        // The flags are told apart.
        let flags = smartbft::Options::decode(b"\x80\x01\x01".as_slice()).unwrap();
        assert!(flags.speed_up_view_change && !flags.sync_on_start);
    }
}
