//! What a change of a host changes, as its record in the audit tells it: what was and what is; of credentials only that
//! others came in their place.

use domain::host::HostSpec;
use domain::host::cluster::ClusterSettings;

/// What is different, to stand behind the host's name; nothing where everything stays as it is. What is short comes
/// first, for the record is cut.
pub(super) fn told(before: &HostSpec, after: &HostSpec, credentials: bool) -> String {
    let fields = |spec: &HostSpec| {
        [
            ("name", spec.name.to_string()),
            ("capacity", spec.capacity.to_string()),
            ("ports", format!("{}-{}", spec.port_first, spec.port_last)),
            ("network", spec.network_range.to_string()),
            ("endpoint", spec.endpoint.canonical()),
            ("bind-address", spec.bind_address.clone()),
            ("client-address", spec.client_address.clone()),
            ("schedulable", spec.schedulable.to_string()),
            ("log-level", spec.log_level.as_str().to_owned()),
            ("autofill", spec.autofill.as_ref().map_or_else(|| "off".to_owned(), ToString::to_string)),
        ]
    };
    let both = fields(before).into_iter().zip(fields(after));
    let different = both.filter(|((_, was), (_, is))| was != is);
    let mut changes: Vec<String> =
        different.map(|((field, was), (_, is))| format!("{field} {was}→{is}")).collect();
    changes.extend(credentials.then(|| "credentials".to_owned()));
    if let (Some(was), Some(is)) = (&before.cluster, &after.cluster) {
        changes.extend(of_cluster(was, is));
    }
    changes.extend((before.images != after.images).then(|| "images".to_owned()));
    let gone = before.image_rules.iter().filter(|rule| !after.image_rules.contains(rule));
    changes.extend(gone.map(|rule| format!("rule -{rule}")));
    let new = after.image_rules.iter().filter(|rule| !before.image_rules.contains(rule));
    changes.extend(new.map(|rule| format!("rule +{rule}")));
    if changes.is_empty() { String::new() } else { format!(" {}", changes.join(", ")) }
}

/// What is different of what is wanted of a cluster: one word each, for their values can be long.
fn of_cluster(before: &ClusterSettings, after: &ClusterSettings) -> impl Iterator<Item = String> + use<> {
    let differ = [
        ("namespace-prefix", before.namespace_prefix != after.namespace_prefix),
        ("storage", before.storage != after.storage),
        ("volume-size", before.volume_gib != after.volume_gib),
        ("exposure", before.exposure != after.exposure),
        ("registry-prefix", before.registry_prefix != after.registry_prefix),
        ("node-selector", before.node_selector != after.node_selector),
        ("tolerations", before.tolerations != after.tolerations),
    ];
    differ.into_iter().filter(|(_, differ)| *differ).map(|(field, _)| field.to_owned())
}

#[cfg(test)]
mod tests {
    use domain::host::Endpoint;
    use domain::host::cluster::ClusterExposure;
    use domain::name::HostName;

    use super::*;

    #[test]
    fn a_change_is_told_from_what_was_to_what_is() {
        let before = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
        assert_eq!(told(&before, &before, false), "");
        assert_eq!(told(&before, &before, true), " credentials");
        let after = HostSpec { capacity: 3, port_first: 31_100, ..before.clone() };
        assert_eq!(told(&before, &after, false), " capacity 10→3, ports 31000-32000→31100-32000");
        let kept = "registry.example/kept".to_owned();
        let before =
            HostSpec { image_rules: vec![kept.clone(), "registry.example/old".to_owned()], ..before };
        let mut after =
            HostSpec { image_rules: vec!["registry.example/new".to_owned(), kept], ..before.clone() };
        after.images.sample.clear();
        let rules = " images, rule -registry.example/old, rule +registry.example/new";
        assert_eq!(told(&before, &after, false), rules);
        let endpoint = Endpoint::Tcp { address: "far.example".to_owned(), port: 2376 };
        let moved = HostSpec { endpoint, client_address: "far.example".to_owned(), ..before.clone() };
        let endpoints = "unix:///run/engine.sock→tcp://far.example:2376";
        let clients = "127.0.0.1→far.example";
        let wanted = format!(" endpoint {endpoints}, client-address {clients}, credentials");
        assert_eq!(told(&before, &moved, true), wanted);
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
        assert_eq!(told(&before, &after, false), " capacity 10→3, volume-size, exposure");
        assert_eq!(told(&before, &before, false), "");
    }
}
