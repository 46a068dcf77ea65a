//! Hyperledger Fabric as a protocol library: material, channel configuration, peers and orderers.
//!
//! It stands alone: no other crate of the portal is used here, so that it could be published by itself.
//! It never shells out, never reads files and never decides who may do what; callers hand it bytes, keys
//! and a way to dial a node.

pub mod block;
pub mod config_update;
pub mod config_view;
pub mod conn;
pub mod deliver;
pub mod endorser;
pub mod error;
pub mod gateway;
pub mod genesis;
pub mod identity;
pub mod lifecycle;
pub mod material;
pub mod msp;
pub mod node_config;
pub mod operations;
pub mod package;
pub mod participation;
pub mod policy;
pub mod proto;
