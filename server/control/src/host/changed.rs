//! What a change of a host changes, as its record in the audit tells it: what was and what is; of credentials only that
//! others came in their place.

use domain::audit::{FieldChange, Public};
use domain::host::HostSpec;
use domain::host::cluster::ClusterSettings;
use serde::Serialize;

/// What is different, field by field; nothing where everything stays as it is.
pub(super) fn told(before: &HostSpec, after: &HostSpec, credentials: bool) -> Vec<FieldChange> {
    let fields = |spec: &HostSpec| {
        [
            ("name", spec.name.to_string()),
            ("capacity", spec.capacity.to_string()),
            ("ports", format!("{}-{}", spec.port_first, spec.port_last)),
            ("network", spec.network_range.to_string()),
            ("endpoint", spec.endpoint.canonical()),
            ("bind-address", spec.bind_address.clone()),
            ("client-address", spec.client_address.clone()),
            ("images-peer", spec.images.peer.join(" ")),
            ("images-orderer", spec.images.orderer.join(" ")),
            ("images-sample", spec.images.sample.join(" ")),
            ("schedulable", spec.schedulable.to_string()),
            ("log-level", spec.log_level.as_str().to_owned()),
        ]
    };
    let mut changes = different(fields(before), fields(after));
    changes.extend(credentials.then(|| FieldChange::replaced("credentials")));
    if let (Some(was), Some(is)) = (&before.cluster, &after.cluster) {
        changes.extend(different(of_cluster(was), of_cluster(is)));
    }
    let rule = |was: &str, is: &str| FieldChange::between("rule", &Public(was), &Public(is));
    let gone = before.image_rules.iter().filter(|rule| !after.image_rules.contains(rule));
    changes.extend(gone.filter_map(|gone| rule(gone, "")));
    let new = after.image_rules.iter().filter(|rule| !before.image_rules.contains(rule));
    changes.extend(new.filter_map(|new| rule("", new)));
    changes
}

/// Fields of a host, none of which holds a secret.
fn different<const N: usize>(
    before: [(&'static str, String); N],
    after: [(&'static str, String); N],
) -> Vec<FieldChange> {
    let both = before.into_iter().zip(after);
    both.filter_map(|((field, was), (_, is))| FieldChange::between(field, &Public(&was), &Public(&is)))
        .collect()
}

/// What is wanted of a cluster.
fn of_cluster(settings: &ClusterSettings) -> [(&'static str, String); 7] {
    [
        ("namespace-prefix", settings.namespace_prefix.clone()),
        ("storage", written(&settings.storage)),
        ("volume-size", settings.volume_gib.to_string()),
        ("exposure", written(&settings.exposure)),
        ("registry-prefix", settings.registry_prefix.clone()),
        ("node-selector", written(&settings.node_selector)),
        ("tolerations", written(&settings.tolerations)),
    ]
}

/// As it stands in what pages send.
fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use domain::host::Endpoint;
    use domain::host::cluster::ClusterExposure;
    use domain::name::HostName;

    use super::*;

    /// The changes as text.
    fn shown(before: &HostSpec, after: &HostSpec, credentials: bool) -> String {
        let changes: Vec<String> =
            told(before, after, credentials).iter().map(FieldChange::to_string).collect();
        changes.join(", ")
    }

    #[test]
    fn a_change_is_told_from_what_was_to_what_is() {
        let before = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
        assert_eq!(shown(&before, &before, false), "");
        assert_eq!(shown(&before, &before, true), "credentials →replaced");
        let after = HostSpec { capacity: 3, port_first: 31_100, ..before.clone() };
        assert_eq!(shown(&before, &after, false), "capacity 10→3, ports 31000-32000→31100-32000");
        let kept = "registry.example/kept".to_owned();
        let before =
            HostSpec { image_rules: vec![kept.clone(), "registry.example/old".to_owned()], ..before };
        let mut after =
            HostSpec { image_rules: vec!["registry.example/new".to_owned(), kept], ..before.clone() };
        after.images.sample.clear();
        let sample = before.images.sample.join(" ");
        let rules = "rule registry.example/old→, rule →registry.example/new";
        assert_eq!(shown(&before, &after, false), format!("images-sample {sample}→, {rules}"));
        let endpoint = Endpoint::Tcp { address: "far.example".to_owned(), port: 2376 };
        let moved = HostSpec { endpoint, client_address: "far.example".to_owned(), ..before.clone() };
        let endpoints = "unix:///run/engine.sock→tcp://far.example:2376";
        let clients = "127.0.0.1→far.example";
        let wanted = format!("endpoint {endpoints}, client-address {clients}, credentials →replaced");
        assert_eq!(shown(&before, &moved, true), wanted);
    }

    #[test]
    fn a_change_of_a_cluster_names_what_is_different() {
        let endpoint = Endpoint::Cluster { server: "https://api.example".to_owned() };
        let before = HostSpec::cluster(HostName::parse("far").unwrap(), endpoint);
        let settings = ClusterSettings {
            exposure: ClusterExposure::ClusterIp,
            volume_gib: 20,
            ..ClusterSettings::default()
        };
        let after = HostSpec { capacity: 3, cluster: Some(settings), ..before.clone() };
        let told: Vec<String> =
            told(&before, &after, false).iter().map(|change| change.field().to_owned()).collect();
        assert_eq!(told, ["capacity", "volume-size", "exposure"]);
        assert_eq!(shown(&before, &before, false), "");
    }
}
