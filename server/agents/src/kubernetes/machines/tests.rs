//! Which machines count, and how their quantities are read.

use serde_json::json;

use super::*;

fn machine(change: &serde_json::Value) -> KubeNode {
    let mut text = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "one", "labels": {"disk": "fast"}},
        "spec": {},
        "status": {
            "allocatable": {"cpu": "3500m", "memory": "8Gi"},
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}],
            "nodeInfo": {
                "architecture": "amd64", "osImage": "Debian 12", "bootID": "", "containerRuntimeVersion": "",
                "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "",
                "operatingSystem": "linux", "systemUUID": ""
            }
        }
    });
    for (part, fields) in change.as_object().unwrap() {
        for (key, value) in fields.as_object().unwrap() {
            text[part][key] = value.clone();
        }
    }
    serde_json::from_value(text).unwrap()
}

#[test]
fn a_machine_is_hindered_by_label_state_and_taint() {
    let check = |change: serde_json::Value, settings: &ClusterSettings, expect: Option<&str>| {
        assert_eq!(hindrance(&machine(&change), settings).as_deref(), expect, "{change}");
    };
    let mut settings = ClusterSettings::default();
    check(json!({}), &settings, None);
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    check(unready, &settings, Some("is not ready"));
    check(json!({"spec": {"unschedulable": true}}), &settings, Some("is closed for new pods"));
    let tainted = || json!({"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}});
    check(tainted(), &settings, Some("has the taint gpu:NoSchedule"));
    let soft = json!({"spec": {"taints": [{"key": "gpu", "effect": "PreferNoSchedule"}]}});
    check(soft, &settings, None);
    let mut tolerate = |key: &str, value: Option<&str>, effect: Option<&str>| {
        let (key, value, effect) = (key.to_owned(), value.map(str::to_owned), effect.map(str::to_owned));
        settings.tolerations = vec![Toleration { key, value, effect }];
        hindrance(&machine(&tainted()), &settings).is_none()
    };
    assert!(tolerate("gpu", None, None) && tolerate("", None, None) && tolerate("gpu", Some("yes"), None));
    assert!(tolerate("gpu", None, Some("NoSchedule")));
    assert!(!tolerate("gpu", Some("no"), None) && !tolerate("cpu", None, None));
    assert!(!tolerate("gpu", None, Some("NoExecute")));
    let mut settings = ClusterSettings::default();
    settings.node_selector.insert("disk".to_owned(), "fast".to_owned());
    check(json!({}), &settings, None);
    settings.node_selector.insert("disk".to_owned(), "slow".to_owned());
    check(json!({}), &settings, Some("has no label disk=slow"));
}

#[test]
fn what_people_should_know_is_told() {
    let pressed = json!({
        "metadata": {"name": "two"},
        "status": {"conditions": [{"type": "MemoryPressure", "status": "True"}]}
    });
    let mut all = vec![machine(&json!({})), machine(&json!({})), machine(&pressed)];
    assert_eq!(warnings(&all), ["machine two is not ready", "machine two is short of memory"]);
    let info = all[2].status.as_mut().and_then(|status| status.node_info.as_mut()).unwrap();
    info.architecture = "arm64".to_owned();
    assert_eq!(warnings(&all)[2], "the machines have different processors: amd64, arm64");
    assert_eq!((architecture(&all), operating_system(&all)), ("amd64".to_owned(), "Debian 12".to_owned()));
    assert_eq!(architecture(&[]), "");
}

#[test]
fn what_machines_have_is_added_up() {
    let one = machine(&json!({}));
    assert_eq!(allocatable(&[&one, &one]), (7_000, 16 << 30));
    assert_eq!(allocatable(&[]), (0, 0));
    let mut small = one.clone();
    let has = small.status.as_mut().and_then(|status| status.allocatable.as_mut()).unwrap();
    has.insert("memory".to_owned(), Quantity("2Gi".to_owned()));
    assert_eq!(largest(&[&small, &one, &small]), Some(8 << 30));
    assert_eq!(largest(&[]), None);
}

#[test]
fn quantities_are_read_in_all_their_spellings() {
    let check = |text: &str, expect| assert_eq!(thousandths(&Quantity(text.to_owned())), expect, "{text}");
    check("2", Some(2_000));
    check("250m", Some(250));
    check("0.5", Some(500));
    check("1.5Gi", Some(1_610_612_736_000));
    check("128974848", Some(128_974_848_000));
    check("129e6", Some(129_000_000_000));
    check("129M", Some(129_000_000_000));
    check("1Ki", Some(1_024_000));
    check("1500n", Some(1));
    check("2500u", Some(3));
    check("0", Some(0));
    check("", None);
    check("-1", None);
    check("1Zi", None);
    check("1e99", None);
    check("99999999999999999999999999999Ei", None);
}
