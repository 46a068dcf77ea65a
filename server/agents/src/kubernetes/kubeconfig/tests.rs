//! What is taken, what is refused by which name, and that nothing secret gets into an error.

use super::*;

const SECRET: &str = "s3cret-t0ken";

fn packed(text: &str) -> String {
    STANDARD.encode(text)
}

fn pem(what: &str) -> String {
    format!("-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n")
}

/// A kubeconfig with one context; the lines stand in its cluster and its user.
fn with(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: main\npreferences: {{}}\n\
         clusters:\n- name: c\n  cluster:\n    {cluster}\n\
         users:\n- name: u\n  user:\n    {user}\n\
         contexts:\n- name: main\n  context:\n    cluster: c\n    user: u\n    namespace: work\n"
    )
}

fn good_cluster() -> String {
    format!(
        "server: https://Cluster.Example:6443/\n    certificate-authority-data: {}",
        packed(&pem("CERTIFICATE"))
    )
}

fn good_user() -> String {
    format!("token: {SECRET}")
}

fn only(text: &str) -> KubeconfigEntry {
    let mut entries = read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

/// The code and the name of a refusal.
fn refusal(error: &Error) -> (Code, String) {
    assert_eq!(error.field.as_deref(), Some("kubeconfig"));
    assert!(!error.to_string().contains(SECRET), "{error}");
    (error.code, error.values.get("name").cloned().unwrap_or_default())
}

#[test]
fn a_token_and_its_authority_are_taken() {
    let entry = only(&with(&good_cluster(), &good_user()));
    assert_eq!((entry.name.as_str(), entry.server.as_str()), ("main", "https://cluster.example:6443"));
    assert_eq!((entry.namespace.as_deref(), entry.current), (Some("work"), true));
    let credentials = entry.access.clone().ok().unwrap();
    assert_eq!(credentials.authority, ClusterAuthority::Ca { pem: pem("CERTIFICATE") });
    assert_eq!(credentials.server_name, None);
    assert!(credentials.login == ClusterLogin::Token { token: SECRET.to_owned() });
    let view = serde_json::to_string(&entry.view()).unwrap();
    assert!(entry.view().refused.is_none() && !view.contains(SECRET) && !view.contains("BEGIN"));
}

#[test]
fn a_certificate_goes_before_a_token_and_a_server_name_is_kept() {
    let cluster = format!("{}\n    tls-server-name: inside.example", good_cluster());
    let user = format!(
        "client-certificate-data: {}\n    client-key-data: {}\n    token: {SECRET}",
        packed(&pem("CERTIFICATE")),
        packed(&pem("PRIVATE KEY")),
    );
    let credentials = only(&with(&cluster, &user)).access.ok().unwrap();
    assert_eq!(credentials.server_name.as_deref(), Some("inside.example"));
    let (certificate_pem, key_pem) = (pem("CERTIFICATE"), pem("PRIVATE KEY"));
    assert!(credentials.login == ClusterLogin::Certificate { certificate_pem, key_pem });
}

#[test]
fn what_is_empty_or_switched_off_is_absent() {
    let cluster = format!("{}\n    insecure-skip-tls-verify: false\n    proxy-url: \"\"", good_cluster());
    let user = format!("{}\n    exec: null\n    username: \"\"\n    as-groups: []", good_user());
    assert!(only(&with(&cluster, &user)).access.is_ok());
}

#[test]
fn hostile_fields_of_a_cluster_are_named() {
    let check = |line: &str, code, name: &str| {
        let entry = only(&with(&format!("{}\n    {line}", good_cluster()), &good_user()));
        let error = entry.access.err().unwrap();
        assert_eq!(refusal(&error), (code, name.to_owned()), "{line}");
        assert_eq!(entry.server, "https://cluster.example:6443", "it is still shown which cluster it was");
    };
    check("certificate-authority: /etc/shadow", Code::KubeconfigPath, "cluster.certificate-authority");
    check("proxy-url: socks5://proxy.example", Code::KubeconfigProxy, "cluster.proxy-url");
    check("insecure-skip-tls-verify: true", Code::KubeconfigInsecure, "cluster.insecure-skip-tls-verify");
    check("tls-server-name: 7", Code::KubeconfigData, "cluster.tls-server-name");
    check("api-version: v1", Code::KubeconfigUnknown, "cluster.api-version");
    let long = format!("{}: x", "k".repeat(200));
    check(&long, Code::KubeconfigUnknown, &format!("cluster.{}", "k".repeat(SHOWN_MAX)));
}

#[test]
fn hostile_fields_of_a_user_are_named() {
    let check = |line: &str, code, name: &str| {
        let error =
            only(&with(&good_cluster(), &format!("{}\n    {line}", good_user()))).access.err().unwrap();
        assert_eq!(refusal(&error), (code, name.to_owned()), "{line}");
    };
    check("exec: {command: sh, args: [-c, id]}", Code::KubeconfigProgram, "user.exec");
    check("auth-provider: {name: gcp}", Code::KubeconfigProgram, "user.auth-provider");
    check("username: admin", Code::KubeconfigPassword, "user.username");
    check("password: s3cret-t0ken", Code::KubeconfigPassword, "user.password");
    check("client-certificate: /a.pem", Code::KubeconfigPath, "user.client-certificate");
    check("client-key: /a.key", Code::KubeconfigPath, "user.client-key");
    check("tokenFile: /etc/passwd", Code::KubeconfigPath, "user.tokenFile");
    check("as: root", Code::KubeconfigImpersonation, "user.as");
    check("as-groups: [\"system:masters\"]", Code::KubeconfigImpersonation, "user.as-groups");
    check("impersonate: root", Code::KubeconfigImpersonation, "user.impersonate");
    check("keyring: x", Code::KubeconfigUnknown, "user.keyring");
    check("client-key-data: '%%%'", Code::KubeconfigData, "user.client-key-data");
    check("client-key-data: AAAA", Code::KubeconfigData, "user.client-key-data");
}

#[test]
fn what_is_missing_is_named() {
    let check = |cluster: &str, user: &str, code| {
        let error = only(&with(cluster, user)).access.err().unwrap();
        assert_eq!(refusal(&error).0, code, "{cluster} {user}");
    };
    check("server: https://a.example", &good_user(), Code::KubeconfigNoAuthority);
    check("server: http://a.example", &good_user(), Code::ClusterServerMalformed);
    check("disable-compression: true", &good_user(), Code::ClusterServerMalformed);
    check(&good_cluster(), "token: \"\"", Code::KubeconfigNoLogin);
    check(&good_cluster(), "token: 12345", Code::KubeconfigData);
    let lonely = format!("client-certificate-data: {}", packed(&pem("CERTIFICATE")));
    check(&good_cluster(), &lonely, Code::KubeconfigNoLogin);
    let error = only(&with("server: https://me:s3cret-t0ken@a.example", &good_user())).access.err().unwrap();
    assert_eq!(refusal(&error).0, Code::ClusterServerMalformed);
}

#[test]
fn references_must_lead_somewhere_and_only_there() {
    let text = with(&good_cluster(), &good_user());
    let entry = only(&text.replace("    user: u\n", "    user: other\n"));
    assert_eq!(refusal(&entry.access.err().unwrap()), (Code::KubeconfigReference, "user other".to_owned()));
    let twice = format!("{text}- name: second\n  context: {{cluster: c, user: u}}\n");
    let entries = read(&twice).ok().unwrap();
    assert!(entries[0].current && !entries[1].current && entries[1].access.is_ok());
    let double = text.replace("users:\n", "users:\n- name: u\n  user: {token: x}\n");
    let error = only(&double).access.err().unwrap();
    assert_eq!(refusal(&error), (Code::KubeconfigReference, "user u".to_owned()));
}

#[test]
fn what_is_no_kubeconfig_is_refused_as_a_whole() {
    let check = |text: &str, code| {
        let error = read(text).err().unwrap_or_else(|| panic!("taken: {text}"));
        assert_eq!(refusal(&error).0, code, "{text}");
    };
    check("", Code::KubeconfigBroken);
    check("just words", Code::KubeconfigBroken);
    check("a: [", Code::KubeconfigBroken);
    check("kind: Pod", Code::KubeconfigBroken);
    check("apiVersion: v1\nkind: Config", Code::KubeconfigEmpty);
    check("contexts: []", Code::KubeconfigEmpty);
    check("contexts: {}", Code::KubeconfigBroken);
    check("contexts:\n- name: a", Code::KubeconfigBroken);
    check("contexts:\n- name: a\n  context: {}\n  more: 1", Code::KubeconfigUnknown);
    check("contexts: []\nplugins: []", Code::KubeconfigUnknown);
    check("contexts: []\ncontexts: []", Code::KubeconfigBroken);
    check("contexts: []\n---\ncontexts: []", Code::KubeconfigBroken);
    check(&" ".repeat(KUBECONFIG_MAX + 1), Code::KubeconfigTooLarge);
    check(&format!("contexts: {}", "[".repeat(5_000)), Code::KubeconfigBroken);
}

#[test]
fn anchors_and_aliases_are_not_unfolded() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
    }
    assert_eq!(refusal(&read(&bomb).err().unwrap()).0, Code::KubeconfigBroken);
    let anchored = with(&good_cluster(), &good_user()).replace("token: ", "token: &t ");
    assert_eq!(refusal(&read(&anchored).err().unwrap()).0, Code::KubeconfigBroken);
}
