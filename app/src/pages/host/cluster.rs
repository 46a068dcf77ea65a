//! What a host that is a cluster shows: what is wanted of it, and the rights that its account needs.

use domain::host::HostSpec;
use domain::host::cluster::{ClusterExposure, ClusterSettings, ClusterStorage};
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::components::badge::Pick;
use crate::pages::host_new::Rights;
use crate::pages::host_new::cluster::{entry_lines, toleration_lines};
use crate::session::Me;
use crate::text::tr;

/// What was decided about the cluster.
pub fn facts(settings: &ClusterSettings) -> AnyView {
    let (storage, place) = storage(&settings.storage);
    let lists = [
        fact(|t| t.cluster().registry_prefix, settings.registry_prefix.clone()),
        fact(|t| t.cluster().node_selector, entry_lines(&settings.node_selector)),
        fact(|t| t.cluster().tolerations, toleration_lines(&settings.tolerations)),
    ];
    view! {
        <dt>{tr(|t| t.cluster().namespace_prefix)}</dt>
        <dd><code>{settings.namespace_prefix.clone()}</code></dd>
        <dt>{tr(|t| t.cluster().storage)}</dt>
        <dd>{tr(storage)} " " <code>{place}</code></dd>
        <dt>{tr(|t| t.cluster().volume_gib)}</dt>
        <dd>{settings.volume_gib.to_string()}</dd>
        <dt>{tr(|t| t.cluster().exposure)}</dt>
        <dd>{tr(exposure(&settings.exposure))}</dd>
        {lists.into_iter().flatten().collect_view()}
    }
    .into_any()
}

/// A fact that is only told where there is something to tell.
fn fact(name: Pick, value: String) -> Option<AnyView> {
    (!value.is_empty()).then(|| {
        let values = value.lines().map(|line| view! { <div><code>{line.to_owned()}</code></div> });
        let values = values.collect_view();
        view! { <dt>{tr(name)}</dt> <dd>{values}</dd> }.into_any()
    })
}

fn storage(storage: &ClusterStorage) -> (Pick, String) {
    match storage {
        ClusterStorage::Class { name: None } => (|t| t.cluster().storage_default, String::new()),
        ClusterStorage::Class { name: Some(name) } => (|t| t.cluster().storage_named, name.clone()),
        ClusterStorage::Nfs { server, path } => (|t| t.cluster().storage_nfs, format!("{server}:{path}")),
        ClusterStorage::NodeLocal { kube_node, path } => {
            (|t| t.cluster().storage_local, format!("{kube_node}:{path}"))
        }
    }
}

fn exposure(exposure: &ClusterExposure) -> Pick {
    match exposure {
        ClusterExposure::NodePort => |t| t.cluster().exposure_node_port,
        ClusterExposure::LoadBalancer { .. } => |t| t.cluster().exposure_load_balancer,
        ClusterExposure::ClusterIp => |t| t.cluster().exposure_cluster_ip,
    }
}

/// The rights that the account needs, for whoever may give it other credentials.
pub fn rights(spec: &HostSpec, me: &Me, missing: Signal<bool>) -> Option<AnyView> {
    let settings = spec.cluster.clone().filter(|_| me.can(Act::Create, Noun::Host))?;
    let settings = Callback::new(move |()| Some(settings.clone()));
    Some(view! { <Rights settings=settings missing=missing/> }.into_any())
}
