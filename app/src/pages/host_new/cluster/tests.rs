use super::*;

/// A form that is filled in for every way to sign in.
pub(in super::super) fn draft(sign_in: SignIn) -> ClusterDraft {
    let text = |text: &str| text.to_owned();
    ClusterDraft {
        server: text(" https://API.example "),
        sign_in,
        token: text(" abc "),
        certificate_pem: text("-----BEGIN X-----"),
        key_pem: text("-----BEGIN X-----"),
        trust: text(TRUST_CA),
        ca_pem: text("-----BEGIN X-----"),
        pinned: String::new(),
        kubeconfig: text("kind: Config"),
        context: text("one"),
        settings: SettingsDraft {
            namespace_prefix: text("heddle"),
            storage: text(STORAGE_DEFAULT),
            storage_class: String::new(),
            nfs: Default::default(),
            local: Default::default(),
            volume_gib: text("10"),
            exposure: text(NODE_PORT),
            annotations: String::new(),
            registry_prefix: String::new(),
            node_selector: String::new(),
            tolerations: String::new(),
        },
    }
}

fn refused(change: impl FnOnce(&mut ClusterDraft)) -> String {
    let mut draft = draft(SignIn::Token);
    change(&mut draft);
    draft.parse(false).unwrap_err().field.unwrap()
}

#[test]
fn the_defaults_are_those_of_the_domain() {
    let (endpoint, settings, credentials) = draft(SignIn::Token).parse(false).unwrap();
    assert_eq!(endpoint, Endpoint::Cluster { server: "https://api.example:443".to_owned() });
    assert_eq!(settings, ClusterSettings::default());
    let Some(HostCredentials::Cluster(credentials)) = credentials else { panic!("{credentials:?}") };
    assert_eq!(credentials.login, ClusterLogin::Token { token: "abc".to_owned() });
    assert_eq!(credentials.authority, ClusterAuthority::Ca { pem: "-----BEGIN X-----".to_owned() });
}

#[test]
fn each_way_to_sign_in_gives_its_own_credentials() {
    let (endpoint, _, credentials) = draft(SignIn::Own).parse(false).unwrap();
    assert_eq!((endpoint, credentials), (Endpoint::InCluster, None));
    let (_, _, credentials) = draft(SignIn::Kubeconfig).parse(false).unwrap();
    let kubeconfig =
        HostCredentials::Kubeconfig { text: "kind: Config".to_owned(), context: "one".to_owned() };
    assert_eq!(credentials, Some(kubeconfig));
    let mut pinned = draft(SignIn::Certificate);
    (pinned.trust, pinned.pinned) = (TRUST_PINNED.to_owned(), ["AB"; 32].join(":"));
    let (_, _, credentials) = pinned.parse(false).unwrap();
    let Some(HostCredentials::Cluster(credentials)) = credentials else { panic!("{credentials:?}") };
    assert_eq!(credentials.authority, ClusterAuthority::Pinned { sha256: "ab".repeat(32) });
    assert!(matches!(credentials.login, ClusterLogin::Certificate { .. }));
}

#[test]
fn a_refusal_names_its_field() {
    assert_eq!(refused(|d| d.server.clear()), "server");
    assert_eq!(refused(|d| d.server = "http://api".to_owned()), "server");
    assert_eq!(refused(|d| d.token.clear()), "token");
    assert_eq!(refused(|d| d.token = "a b".to_owned()), "token");
    assert_eq!(refused(|d| d.ca_pem.clear()), "ca_pem");
    assert_eq!(refused(|d| (d.trust, d.pinned) = (TRUST_PINNED.to_owned(), "ab".to_owned())), "pinned");
    assert_eq!(refused(|d| (d.sign_in, d.key_pem) = (SignIn::Certificate, String::new())), "key_pem");
    assert_eq!(refused(|d| (d.sign_in, d.kubeconfig) = (SignIn::Kubeconfig, String::new())), "kubeconfig");
    assert_eq!(refused(|d| (d.sign_in, d.context) = (SignIn::Kubeconfig, String::new())), "context");
    assert_eq!(refused(|d| d.settings.namespace_prefix = "Heddle".to_owned()), "namespace_prefix");
    assert_eq!(refused(|d| d.settings.storage = STORAGE_NAMED.to_owned()), "storage_class");
    assert_eq!(refused(|d| d.settings.storage = STORAGE_NFS.to_owned()), "nfs_server");
    assert_eq!(refused(|d| d.settings.storage = STORAGE_LOCAL.to_owned()), "kube_node");
    assert_eq!(refused(|d| d.settings.volume_gib = "much".to_owned()), "volume_gib");
    assert_eq!(refused(|d| d.settings.node_selector = "disk".to_owned()), "node_selector");
    assert_eq!(refused(|d| d.settings.tolerations = "a:Never".to_owned()), "tolerations");
    assert_eq!(refused(|d| d.settings.registry_prefix = "http://r".to_owned()), "registry_prefix");
    let balanced = |d: &mut ClusterDraft| {
        (d.settings.exposure, d.settings.annotations) = (LOAD_BALANCER.to_owned(), "=x".to_owned());
    };
    assert_eq!(refused(balanced), "annotations");
}

#[test]
fn a_kubeconfig_is_asked_for_before_the_address_that_comes_from_it() {
    let mut empty = draft(SignIn::Kubeconfig);
    for text in [&mut empty.server, &mut empty.kubeconfig, &mut empty.context] {
        text.clear();
    }
    let field = |draft: &ClusterDraft, has_some| draft.clone().parse(has_some).unwrap_err().field.unwrap();
    assert_eq!(field(&empty, false), "kubeconfig");
    empty.kubeconfig = "kind: Config".to_owned();
    assert_eq!(field(&empty, false), "context");
    empty.context = "one".to_owned();
    assert_eq!(field(&empty, false), "server");
    let mut kept = draft(SignIn::Kubeconfig);
    let given = [&mut kept.token, &mut kept.certificate_pem, &mut kept.key_pem, &mut kept.ca_pem];
    for text in given.into_iter().chain([&mut kept.kubeconfig, &mut kept.context]) {
        text.clear();
    }
    assert_eq!(kept.clone().parse(true).unwrap().2, None);
    assert_eq!(field(&kept, false), "kubeconfig");
}

#[test]
fn another_kubeconfig_is_not_used_by_the_context_of_the_first() {
    Owner::new().with(|| {
        let form = ClusterForm::new(None);
        let context = |name: &str, current| KubeconfigContext {
            name: name.to_owned(),
            server: "https://api.example:443".to_owned(),
            current,
            refused: None,
        };
        form.found(vec![context("one", false), context("two", true)]);
        assert_eq!((form.draft().context.as_str(), form.contexts.read_untracked().len()), ("two", 2));
        form.retyped();
        assert_eq!((form.draft().context.as_str(), form.contexts.read_untracked().len()), ("", 0));
    });
}

#[test]
fn stored_credentials_are_kept_when_none_are_given() {
    let mut kept = draft(SignIn::Token);
    for text in [&mut kept.token, &mut kept.certificate_pem, &mut kept.key_pem, &mut kept.kubeconfig] {
        text.clear();
    }
    assert_eq!(kept.clone().parse(true).unwrap_err().field.as_deref(), Some("token"), "an authority alone");
    kept.ca_pem.clear();
    assert_eq!(kept.parse(true).unwrap().2, None);
}

#[test]
fn entries_and_tolerations_come_back_as_they_were_typed() {
    let text = "a=1\nb/c=x=y";
    let read = entries(text, "annotations").unwrap();
    assert_eq!((read["a"].as_str(), read["b/c"].as_str()), ("1", "x=y"));
    assert_eq!(entry_lines(&read), text);
    for line in ["gpu=yes:NoSchedule", "gpu:NoExecute", "gpu=yes", "gpu", ":NoExecute"] {
        assert_eq!(toleration_lines(&[toleration(line)]), line);
    }
    let any = Toleration { key: String::new(), value: None, effect: Some("NoExecute".to_owned()) };
    assert_eq!(toleration(":NoExecute"), any);
}
