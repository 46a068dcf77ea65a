//! What the portal does in a cluster, as the permissions that it needs: one table for asking and for granting.
//!
//! Namespaces come and go with chains, so the permissions are those of a ClusterRole. Nothing is asked for that no verb of
//! the agent uses, and above all no permission over roles: the account cannot give itself more.

use std::fmt;

use domain::host::cluster::{ClusterSettings, ClusterStorage};

/// Seen, but not one by one: whether somebody else keeps something in a namespace.
const SEE: &[&str] = &["list"];
/// Read, one by one and as a whole.
const READ: &[&str] = &["get", "list"];
/// Make, hear of changes, and remove: what runs for a moment or is run by others is not changed.
const MAKE_AND_FOLLOW: &[&str] = &["get", "list", "watch", "create", "delete"];
/// Make and change by server-side apply; it goes with its namespace, and nobody asks for all of them.
const KEEP: &[&str] = &["get", "create", "patch"];
/// The same, and seen as a whole.
const KEEP_AND_SEE: &[&str] = &["get", "list", "create", "patch"];
/// Make, change by server-side apply, and remove.
const MANAGE: &[&str] = &["get", "list", "create", "patch", "delete"];
/// The same, and hear of changes.
const MANAGE_AND_FOLLOW: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

/// What is done with one kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// API group; empty: the core one.
    pub group: &'static str,
    /// `pods`, or with a subresource `pods/log`.
    pub resource: &'static str,
    pub verbs: &'static [&'static str],
    pub when: When,
}

/// Who needs a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// Only where volumes are made by the portal itself: NFS and folders of a machine.
    OwnVolumes,
    /// Only where a storage class makes the volumes: removing a chain waits until they are given back.
    ClassVolumes,
    /// It is done without where it is missing.
    Optional,
}

const fn rule(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rule {
    Rule { group, resource, verbs, when: When::Always }
}

/// Every rule, in the order of the manifest.
const RULES: [Rule; 23] = [
    rule("", "namespaces", MANAGE),
    rule("", "serviceaccounts", KEEP),
    rule("", "secrets", MANAGE),
    rule("", "configmaps", KEEP),
    rule("", "services", MANAGE),
    rule("", "persistentvolumeclaims", MANAGE),
    Rule { group: "", resource: "persistentvolumes", verbs: MANAGE, when: When::OwnVolumes },
    Rule { group: "", resource: "persistentvolumes", verbs: READ, when: When::ClassVolumes },
    rule("", "pods", MAKE_AND_FOLLOW),
    rule("", "pods/log", &["get"]),
    // Newer clusters ask for `create` even where a port-forward begins with GET, as one by WebSocket does.
    rule("", "pods/portforward", &["get", "create"]),
    rule("", "events", SEE),
    rule("", "nodes", READ),
    rule("apps", "statefulsets", MANAGE_AND_FOLLOW),
    rule("apps", "deployments", MANAGE_AND_FOLLOW),
    rule("apps", "daemonsets", SEE),
    rule("batch", "jobs", SEE),
    rule("batch", "cronjobs", SEE),
    rule("networking.k8s.io", "ingresses", SEE),
    rule("networking.k8s.io", "networkpolicies", KEEP_AND_SEE),
    rule("policy", "poddisruptionbudgets", KEEP),
    rule("storage.k8s.io", "storageclasses", SEE),
    Rule { group: "metrics.k8s.io", resource: "pods", verbs: &["get"], when: When::Optional },
];

/// The rules that a cluster with these settings needs.
pub fn rules(settings: &ClusterSettings) -> impl Iterator<Item = Rule> + use<> {
    let by_class = matches!(settings.storage, ClusterStorage::Class { .. });
    RULES.into_iter().filter(move |rule| match rule.when {
        When::OwnVolumes => !by_class,
        When::ClassVolumes => by_class,
        When::Always | When::Optional => true,
    })
}

/// One verb on one kind of object: what a cluster is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    pub group: &'static str,
    pub resource: &'static str,
    /// Empty: the object itself.
    pub subresource: &'static str,
    pub verb: &'static str,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        if self.group.is_empty() { Ok(()) } else { write!(f, " ({})", self.group) }
    }
}

/// Every permission without which something fails.
pub fn permissions(settings: &ClusterSettings) -> Vec<Permission> {
    let each = |rule: Rule| {
        let (resource, subresource) = rule.resource.split_once('/').unwrap_or((rule.resource, ""));
        rule.verbs.iter().map(move |&verb| Permission { group: rule.group, resource, subresource, verb })
    };
    rules(settings).filter(|rule| rule.when != When::Optional).flat_map(each).collect()
}

/// YAML of all that gives an account these permissions: a namespace with the account and its token, and a role that is
/// bound to it. For a person to read, to copy and to apply.
pub fn manifest(settings: &ClusterSettings) -> String {
    let name = format!("{}-portal", settings.namespace_prefix);
    let mut rows = String::new();
    for rule in rules(settings) {
        rows.push_str(&format!(
            "  - apiGroups: [\"{}\"]\n    resources: [\"{}\"]\n    verbs: [\"{}\"]\n",
            rule.group,
            rule.resource,
            rule.verbs.join("\", \""),
        ));
    }
    format!(
        "# Once this is applied, the token is printed by:
#   kubectl -n {name} get secret portal-token -o jsonpath='{{.data.token}}' | base64 -d
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: portal
  namespace: {name}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Secret
metadata:
  name: portal-token
  namespace: {name}
  annotations:
    kubernetes.io/service-account.name: portal
type: kubernetes.io/service-account-token
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {name}
rules:
{rows}---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {name}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {name}
subjects:
  - kind: ServiceAccount
    name: portal
    namespace: {name}
"
    )
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::rbac::v1::ClusterRole;

    use super::*;

    fn nfs() -> ClusterSettings {
        let storage = ClusterStorage::Nfs { server: "nfs.example".to_owned(), path: "/exports".to_owned() };
        ClusterSettings { storage, ..ClusterSettings::default() }
    }

    #[test]
    fn the_manifest_is_the_one_that_was_looked_at() {
        assert_eq!(manifest(&ClusterSettings::default()), include_str!("rbac/class.yaml"));
        assert_eq!(manifest(&nfs()), include_str!("rbac/nfs.yaml"));
    }

    #[test]
    fn what_is_granted_is_what_is_asked_for() {
        for settings in [ClusterSettings::default(), nfs()] {
            let text = manifest(&settings);
            let role = text.split("---\n").find(|part| part.contains("kind: ClusterRole\n")).unwrap();
            let role: ClusterRole = serde_saphyr::from_str(role).unwrap();
            let granted: Vec<String> = role
                .rules
                .unwrap_or_default()
                .into_iter()
                .flat_map(|rule| {
                    let resource = rule.resources.unwrap_or_default().join(" ");
                    let group = rule.api_groups.unwrap_or_default().join(" ");
                    rule.verbs.into_iter().map(move |verb| format!("{verb} {group} {resource}"))
                })
                .collect();
            for one in permissions(&settings) {
                let subresource = if one.subresource.is_empty() { "" } else { "/" };
                let resource = format!("{}{subresource}{}", one.resource, one.subresource);
                let wanted = format!("{} {} {resource}", one.verb, one.group);
                assert!(granted.contains(&wanted), "{wanted}");
            }
            assert!(!text.contains("rbac.authorization.k8s.io\"") && !text.contains('*'));
        }
    }

    /// What runs the portal in a cluster grants it this and nothing else, in the same words.
    #[test]
    fn a_portal_in_a_cluster_gets_what_the_manifest_says() {
        let own: Vec<&str> = include_str!("../../../deploy/kubernetes/portal.yaml").split("---\n").collect();
        let kinds =
            ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"].map(|kind| format!("\nkind: {kind}\n"));
        let is_about_rights = |part: &&str| kinds.iter().any(|kind| part.contains(kind));
        let shown = manifest(&ClusterSettings::default());
        let shown: Vec<&str> = shown.split("---\n").filter(is_about_rights).collect();
        assert_eq!(shown.len(), kinds.len());
        assert_eq!(own.iter().copied().filter(is_about_rights).collect::<Vec<_>>(), shown);
    }

    #[test]
    fn volumes_are_seen_everywhere_and_made_only_where_no_class_makes_them() {
        let asked = |settings: &ClusterSettings| -> Vec<&'static str> {
            let all = permissions(settings).into_iter();
            all.filter(|one| one.resource == "persistentvolumes").map(|one| one.verb).collect()
        };
        assert_eq!(asked(&ClusterSettings::default()), READ);
        assert_eq!(asked(&nfs()), MANAGE);
        let all = permissions(&nfs());
        assert!(all.iter().all(|one| one.group != "metrics.k8s.io"));
        assert!(all.iter().any(|one| one.to_string() == "create pods/portforward"));
        assert!(all.iter().any(|one| one.to_string() == "patch statefulsets (apps)"));
    }

    #[test]
    fn what_goes_with_its_namespace_is_not_removed_one_by_one() {
        let all = permissions(&nfs());
        let verbs = |resource: &str| -> Vec<&str> {
            all.iter().filter(|one| one.resource == resource).map(|one| one.verb).collect()
        };
        for resource in ["serviceaccounts", "configmaps", "poddisruptionbudgets"] {
            assert_eq!(verbs(resource), KEEP, "{resource}");
        }
        assert_eq!(verbs("networkpolicies"), KEEP_AND_SEE);
        assert_eq!((verbs("events"), verbs("storageclasses")), (SEE.to_vec(), SEE.to_vec()));
    }

    #[test]
    fn only_what_is_watched_may_be_watched() {
        let all = permissions(&nfs());
        let watched = all.iter().filter(|one| one.verb == "watch").map(|one| one.resource);
        assert_eq!(watched.collect::<Vec<_>>(), ["pods", "statefulsets", "deployments"]);
        assert!(all.iter().all(|one| one.to_string() != "patch pods"));
    }
}
