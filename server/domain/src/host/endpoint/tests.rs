use super::*;
use crate::host::cluster::{ClusterAuthority, ClusterLogin};

fn cluster_at(server: &str) -> Endpoint {
    Endpoint::Cluster { server: server.to_owned() }
}

fn tcp() -> Endpoint {
    Endpoint::Tcp { address: "engine.example".to_owned(), port: 2376 }
}

fn tls() -> HostCredentials {
    let text = |text: &str| text.to_owned();
    HostCredentials::Tls(TlsCredentials {
        ca_pem: text("ca"),
        certificate_pem: text("certificate"),
        key_pem: text("top-secret"),
    })
}

fn token() -> HostCredentials {
    HostCredentials::Cluster(ClusterCredentials {
        authority: ClusterAuthority::Ca { pem: "ca".to_owned() },
        server_name: None,
        login: ClusterLogin::Token { token: "top-secret".to_owned() },
    })
}

fn kubeconfig() -> HostCredentials {
    HostCredentials::Kubeconfig { text: "token: top-secret".to_owned(), context: "one".to_owned() }
}

#[test]
fn clusters_have_one_canonical_form() {
    assert_eq!(cluster_at("https://API.example").canonical(), "https://api.example:443");
    assert_eq!(cluster_at("https://api.example:443/").canonical(), "https://api.example:443");
    assert_eq!(Endpoint::InCluster.canonical(), "in-cluster");
    assert!(cluster_at("https://api.example").is_cluster() && Endpoint::InCluster.is_cluster());
    assert!(!tcp().is_cluster());
}

#[test]
fn the_machine_is_named_by_the_endpoint() {
    let host = |server: &str| cluster_at(server).host();
    assert_eq!(host("https://api.example:6443/k8s"), Some("api.example".to_owned()));
    assert_eq!(host("https://[fd00::1]:6443"), Some("fd00::1".to_owned()));
    assert_eq!(host("nowhere"), None);
    assert_eq!(tcp().host(), Some("engine.example".to_owned()));
    assert_eq!(Endpoint::InCluster.host(), None);
}

#[test]
fn credentials_are_for_their_kind_of_host() {
    let server = cluster_at("https://api.example");
    let local = Endpoint::Local { path: "/run/engine.sock".to_owned() };
    let check = |credentials: &HostCredentials, fitting: &Endpoint| {
        for endpoint in [&local, &tcp(), &server, &Endpoint::InCluster] {
            let found = credentials.check(endpoint).map_err(|error| error.code);
            let wanted = if endpoint == fitting { Ok(()) } else { Err(Code::CredentialsForeign) };
            assert_eq!(found, wanted, "{credentials:?} {endpoint:?}");
        }
    };
    check(&tls(), &tcp());
    check(&token(), &server);
    check(&kubeconfig(), &server);
}

#[test]
fn what_is_missing_is_named_on_its_field() {
    let server = cluster_at("https://api.example");
    let check = |credentials: HostCredentials, endpoint: &Endpoint| {
        let error = credentials.check(endpoint).unwrap_err();
        (error.code, error.field.unwrap())
    };
    let kubeconfig = |text: &str, context: &str| HostCredentials::Kubeconfig {
        text: text.to_owned(),
        context: context.to_owned(),
    };
    assert_eq!(check(kubeconfig(" ", "one"), &server), (Code::FieldMissing, "kubeconfig".to_owned()));
    assert_eq!(check(kubeconfig("a", ""), &server), (Code::FieldMissing, "context".to_owned()));
    let long = "x".repeat(KUBECONFIG_MAX + 1);
    assert_eq!(check(kubeconfig(&long, "one"), &server), (Code::TextTooLong, "kubeconfig".to_owned()));
    let text = || "given".to_owned();
    let short = TlsCredentials { ca_pem: text(), certificate_pem: text(), key_pem: " ".to_owned() };
    assert_eq!(check(HostCredentials::Tls(short), &tcp()), (Code::FieldMissing, "key_pem".to_owned()));
}

#[test]
fn credentials_travel_under_their_kind_and_are_never_printed() {
    for (credentials, kind) in [(tls(), "tls"), (token(), "cluster"), (kubeconfig(), "kubeconfig")] {
        let sent = serde_json::to_value(&credentials).unwrap();
        assert_eq!(sent["kind"], kind);
        assert_eq!(serde_json::from_value::<HostCredentials>(sent).unwrap(), credentials);
        assert!(!format!("{credentials:?}").contains("top-secret"));
    }
}
