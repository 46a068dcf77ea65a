//! What only `cargo xtask bench` asks for, and only its build has: a page of many rows, lists of
//! many rows, and hosts without an engine.

use std::sync::Arc;

use agents::Agent;
use agents::simulated::SimulatedAgent;
use axum::Router;
use axum::routing::get;
use control::network::Network;
use control::network::simulated::SimulatedNetwork;
use control::services::Connector;
use domain::chain::FabricVersion;
use domain::host::HostSpec;
use domain::name::HostName;
use leptos::prelude::LeptosOptions;

pub mod lists;

/// The socket of the engine that is simulated.
const SIMULATED: &str = "/simulated";

/// The page that is measured, with everything before it that stands before other pages.
pub fn pages() -> Router<LeptosOptions> {
    Router::new().route("/bench/rows", get(leptos_axum::render_app_async(app::bench::document)))
}

/// A host and a network in memory, where the engine's socket says so.
pub fn simulated(socket: Option<&str>) -> Option<(Arc<dyn Network>, Connector)> {
    let name = HostName::parse("bench").ok().filter(|_| socket == Some(SIMULATED))?;
    let agent = SimulatedAgent::new();
    let images = HostSpec::local(name, SIMULATED).images;
    for image in images.peer.iter().chain(&images.orderer).chain(&images.sample) {
        for version in [FabricVersion::V2_5, FabricVersion::V3_1] {
            agent.add_image(&image.replace("{version}", version.image_tag()));
        }
    }
    let network: Arc<dyn Network> = Arc::new(SimulatedNetwork::everywhere(agent.clone()));
    let connect: Connector = Arc::new(move |_, _| {
        let agent: Arc<dyn Agent> = Arc::new(agent.clone());
        Ok(agent)
    });
    Some((network, connect))
}
