use super::*;

#[test]
fn servers_have_one_form() {
    let check = |text: &str, expect: Option<&str>| {
        assert_eq!(canonical_server(text).ok().as_deref(), expect, "{text}");
    };
    check("https://Cluster.Example", Some("https://cluster.example:443"));
    check(" https://10.0.0.1:6443/ ", Some("https://10.0.0.1:6443"));
    check("https://[fd00::1]:6443", Some("https://[fd00::1]:6443"));
    check("https://rancher.example/k8s/clusters/c-1", Some("https://rancher.example:443/k8s/clusters/c-1"));
    for refused in [
        "http://cluster.example",
        "cluster.example:6443",
        "https://",
        "https://user@cluster.example",
        "https://cluster.example:0",
        "https://cluster.example:x",
        "https://fd00::1",
        "https://a b",
        "https://a/../b",
        "https://a?x=1",
    ] {
        check(refused, None);
    }
}

#[test]
fn only_folders_can_be_kept_without_their_chain() {
    use super::super::Endpoint;
    use crate::name::HostName;

    let mut host = HostSpec::cluster(HostName::parse("far").unwrap(), Endpoint::InCluster);
    assert!(!host.keeps_folders(), "a storage class keeps the data");
    for storage in [
        ClusterStorage::Nfs { server: "nfs.example".to_owned(), path: "/exports".to_owned() },
        ClusterStorage::NodeLocal { kube_node: "one".to_owned(), path: "/data".to_owned() },
    ] {
        host.cluster = Some(ClusterSettings { storage, ..ClusterSettings::default() });
        assert!(host.keeps_folders());
    }
    host.cluster = None;
    assert!(!host.keeps_folders(), "an engine keeps it in volumes");
}

#[test]
fn settings_are_refused_by_field() {
    let check = |change: fn(&mut ClusterSettings), field: Option<&str>| {
        let mut settings = ClusterSettings::default();
        change(&mut settings);
        let refused = settings.check().err();
        assert_eq!(refused.and_then(|error| error.field).as_deref(), field);
    };
    check(|_| (), None);
    check(|s| s.namespace_prefix = "Heddle".to_owned(), Some("namespace_prefix"));
    check(|s| s.namespace_prefix = "a--b".to_owned(), Some("namespace_prefix"));
    check(|s| s.namespace_prefix = "a".repeat(PREFIX_MAX + 1), Some("namespace_prefix"));
    check(|s| s.volume_gib = 0, Some("volume_gib"));
    check(|s| s.storage = ClusterStorage::Class { name: Some("Fast".to_owned()) }, Some("storage_class"));
    let nfs =
        |server: &str, path: &str| ClusterStorage::Nfs { server: server.to_owned(), path: path.to_owned() };
    for (storage, field) in [
        (nfs("nfs.example", "/exports"), None),
        (nfs("nfs example", "/exports"), Some("nfs_server")),
        (nfs("nfs.example", "exports"), Some("nfs_path")),
        (nfs("nfs.example", "/a/../b"), Some("nfs_path")),
    ] {
        let settings = ClusterSettings { storage, ..ClusterSettings::default() };
        assert_eq!(settings.check().err().and_then(|error| error.field).as_deref(), field);
    }
    check(
        |s| {
            s.tolerations =
                vec![Toleration { key: String::new(), value: None, effect: Some("No".to_owned()) }]
        },
        Some("tolerations"),
    );
    check(|s| s.registry_prefix = "bad prefix".to_owned(), Some("registry_prefix"));
}

#[test]
fn credentials_are_refused_by_field_and_never_shown() {
    let with = |authority, login| ClusterCredentials { authority, server_name: None, login };
    let ca = || ClusterAuthority::Ca { pem: "pem".to_owned() };
    let token = |text: &str| ClusterLogin::Token { token: text.to_owned() };
    let field = |credentials: &ClusterCredentials| credentials.check().err().and_then(|error| error.field);
    assert_eq!(field(&with(ca(), token("abc"))), None);
    assert_eq!(field(&with(ca(), token(" "))).as_deref(), Some("token"));
    assert_eq!(field(&with(ca(), token("a\nb"))).as_deref(), Some("token"));
    let other_name = ClusterCredentials { server_name: Some("a b".to_owned()), ..with(ca(), token("abc")) };
    assert_eq!(field(&other_name).as_deref(), Some("server_name"));
    let pinned = ClusterAuthority::Pinned { sha256: "12".to_owned() };
    assert_eq!(field(&with(pinned, token("abc"))).as_deref(), Some("pinned"));
    assert!(!format!("{:?}", with(ca(), token("s3cret"))).contains("s3cret"));
}
