//! Hosts: list, test, add, edit, remove, and their images.

use domain::history::HostChange;
use domain::host::capacity;
use domain::host::cluster::{ClusterSettings, KubeconfigContext};
use domain::host::pool::HostPoolView;
use domain::host::{
    ApprovedImage, HostCredentials, HostSpec, HostView, ImageView, ProbeView, RegistryCredentials,
};
use domain::id::{HostId, OperationId};
use domain::list::{ListPage, ListQuery};
use domain::name::TemplateName;
use leptos::prelude::*;

use super::ApiError;

/// The oldest hosts, as many as one chooses among.
#[server(endpoint = "host_list", input = leptos::server_fn::codec::Json)]
pub async fn host_list() -> Result<Vec<HostView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_list(&caller).await, &caller).await
}

/// Hosts by name.
#[server(endpoint = "host_choices", input = leptos::server_fn::codec::Json)]
pub async fn host_choices() -> Result<Vec<(HostId, String)>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_choices(&caller).await, &caller).await
}

/// A page of the hosts.
#[server(endpoint = "host_page", input = leptos::server_fn::codec::Json)]
pub async fn host_page(query: ListQuery) -> Result<ListPage<HostView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_page(&caller, query).await, &caller).await
}

/// One host.
#[server(endpoint = "host_read", input = leptos::server_fn::codec::Json)]
pub async fn host_read(id: HostId) -> Result<HostView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_read(&caller, &id).await, &caller).await
}

/// A page of the hosts with how full each is.
#[server(endpoint = "host_capacity_page", input = leptos::server_fn::codec::Json)]
pub async fn host_capacity_page(query: ListQuery) -> Result<ListPage<capacity::HostCapacity>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_capacity_page(&caller, query).await, &caller).await
}

/// How full a host is, and what its nodes use.
#[server(endpoint = "host_capacity", input = leptos::server_fn::codec::Json)]
pub async fn host_capacity(id: HostId) -> Result<capacity::HostCapacity, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_capacity(&caller, &id).await, &caller).await
}

/// When a host answered and when it did not: all that is kept, or only the newest.
#[server(endpoint = "host_history", input = leptos::server_fn::codec::Json)]
pub async fn host_history(id: HostId, whole: bool) -> Result<Vec<HostChange>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_history(&caller, &id, whole).await, &caller).await
}

/// The machine's own engine and the portal's own cluster, filled in, where they may be used and are not added yet.
#[server(endpoint = "host_local_offer", input = leptos::server_fn::codec::Json)]
pub async fn host_local_offer() -> Result<Vec<HostSpec>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_local_offer(&caller).await, &caller).await
}

/// Tests a connection stage by stage and saves nothing.
#[server(endpoint = "host_probe", input = leptos::server_fn::codec::Json)]
pub async fn host_probe(spec: HostSpec, credentials: Option<HostCredentials>) -> Result<ProbeView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_probe(&caller, spec, credentials).await, &caller).await
}

/// The contexts of a kubeconfig; the text is forgotten.
#[server(endpoint = "host_kubeconfig", input = leptos::server_fn::codec::Json)]
pub async fn host_kubeconfig(text: String) -> Result<Vec<KubeconfigContext>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_kubeconfig(&caller, &text).await, &caller).await
}

/// The rights that the portal's account needs on a cluster, as YAML.
#[server(endpoint = "host_rbac", input = leptos::server_fn::codec::Json)]
pub async fn host_rbac(settings: ClusterSettings) -> Result<String, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_rbac(&caller, &settings).await, &caller).await
}

/// Tests again and adds the host.
#[server(endpoint = "host_add", input = leptos::server_fn::codec::Json)]
pub async fn host_add(spec: HostSpec, credentials: Option<HostCredentials>) -> Result<HostView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_add(&caller, spec, credentials).await, &caller).await
}

/// Forgets a host that holds no chain.
#[server(endpoint = "host_remove", input = leptos::server_fn::codec::Json)]
pub async fn host_remove(id: HostId) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_remove(&caller, &id).await, &caller).await
}

/// How far the images of a host are.
#[server(endpoint = "host_images", input = leptos::server_fn::codec::Json)]
pub async fn host_images(id: HostId) -> Result<Vec<ImageView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_images(&caller, &id).await, &caller).await
}

/// Tests the connection to a host as it is stored.
#[server(endpoint = "host_test", input = leptos::server_fn::codec::Json)]
pub async fn host_test(id: HostId) -> Result<ProbeView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_test(&caller, &id).await, &caller).await
}

/// Changes a host; without credentials the stored ones stay.
#[server(endpoint = "host_edit", input = leptos::server_fn::codec::Json)]
pub async fn host_edit(
    id: HostId,
    spec: HostSpec,
    credentials: Option<HostCredentials>,
) -> Result<HostView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_edit(&caller, &id, spec, credentials).await, &caller).await
}

/// A host as it may be changed, for whoever may.
#[server(endpoint = "host_settings", input = leptos::server_fn::codec::Json)]
pub async fn host_settings(id: HostId) -> Result<HostView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_settings(&caller, &id).await, &caller).await
}

/// Stores credentials for a registry.
#[server(endpoint = "host_registry_set", input = leptos::server_fn::codec::Json)]
pub async fn host_registry_set(id: HostId, credentials: RegistryCredentials) -> Result<HostView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_registry_set(&caller, &id, credentials).await, &caller).await
}

/// Forgets the credentials for a registry.
#[server(endpoint = "host_registry_remove", input = leptos::server_fn::codec::Json)]
pub async fn host_registry_remove(id: HostId, registry: String) -> Result<HostView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_registry_remove(&caller, &id, &registry).await, &caller).await
}

/// Pulls one image ahead of time, or all that the first chain needs.
#[server(endpoint = "host_prepare", input = leptos::server_fn::codec::Json)]
pub async fn host_prepare(id: HostId, image: Option<String>) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_prepare(&caller, &id, image).await, &caller).await
}

/// The images that staff approved for chaincode on a host, newest first.
#[server(endpoint = "host_image_approvals", input = leptos::server_fn::codec::Json)]
pub async fn host_image_approvals(id: HostId) -> Result<Vec<ApprovedImage>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_image_approvals(&caller, &id).await, &caller).await
}

/// Approves for chaincode what a name stands for on a host now.
#[server(endpoint = "host_image_approve", input = leptos::server_fn::codec::Json)]
pub async fn host_image_approve(id: HostId, image: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_image_approve(&caller, &id, &image).await, &caller).await
}

/// Takes approvals back, by content id or by name.
#[server(endpoint = "host_image_revoke", input = leptos::server_fn::codec::Json)]
pub async fn host_image_revoke(id: HostId, image: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_image_revoke(&caller, &id, &image).await, &caller).await
}

/// The pool of a host.
#[server(endpoint = "host_pool", input = leptos::server_fn::codec::Json)]
pub async fn host_pool(id: HostId) -> Result<HostPoolView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_pool(&caller, &id).await, &caller).await
}

/// Starts chains from a template, up to the host's capacity or to a count.
#[server(endpoint = "host_fill", input = leptos::server_fn::codec::Json)]
pub async fn host_fill(
    id: HostId,
    template: TemplateName,
    count: Option<u16>,
) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_fill(&caller, &id, &template, count).await, &caller).await
}

/// Removes the free chains of a host, and keeps it full no more.
#[server(endpoint = "host_clean", input = leptos::server_fn::codec::Json)]
pub async fn host_clean(id: HostId) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_clean(&caller, &id).await, &caller).await
}

/// Keeps a host full of chains from a template, or stops that.
#[server(endpoint = "host_autofill", input = leptos::server_fn::codec::Json)]
pub async fn host_autofill(id: HostId, template: Option<TemplateName>) -> Result<HostPoolView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_autofill(&caller, &id, template).await, &caller).await
}

/// Removes from a host what is ours and belongs to no chain.
#[server(endpoint = "host_reset", input = leptos::server_fn::codec::Json)]
pub async fn host_reset(id: HostId, typed: String) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.host_reset(&caller, &id, &typed).await, &caller).await
}
