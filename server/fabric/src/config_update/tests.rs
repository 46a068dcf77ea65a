use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::proto::channel::{ConfigPolicy, Policy};

/// What an ordering node does with an update (`common/configtx/update.go`), reduced to versions and members.
fn apply(old: Option<&ConfigGroup>, read: Option<&ConfigGroup>, write: &ConfigGroup) -> ConfigGroup {
    let nothing = ConfigGroup::default();
    let from = old.unwrap_or(&nothing);
    let unseen = read.unwrap_or(&nothing);
    if let (Some(old), Some(read)) = (old, read) {
        assert_eq!(read.version, old.version, "the read set must name the current version");
    }
    let raised = old.is_none_or(|old| write.version != old.version);
    assert_eq!(write.version, old.map_or(0, |old| old.version + u64::from(raised)));
    let mut new = from.clone();
    new.version = write.version;
    if raised {
        new.mod_policy.clone_from(&write.mod_policy);
        new.values.retain(|name, _| write.values.contains_key(name));
        new.policies.retain(|name, _| write.policies.contains_key(name));
        new.groups.retain(|name, _| write.groups.contains_key(name));
    }
    for (name, value) in &write.values {
        let old = from.values.get(name);
        assert!(old.is_some() || raised, "a new member needs a new version of its group");
        if old.is_none_or(|old| value.version != old.version) {
            assert_eq!(value.version, old.map_or(0, |old| old.version + 1));
            new.values.insert(name.clone(), value.clone());
        } else {
            assert!(value.value.is_empty() && unseen.values.contains_key(name));
        }
    }
    for (name, policy) in &write.policies {
        let old = from.policies.get(name);
        assert!(old.is_some() || raised, "a new member needs a new version of its group");
        if old.is_none_or(|old| policy.version != old.version) {
            assert_eq!(policy.version, old.map_or(0, |old| old.version + 1));
            new.policies.insert(name.clone(), policy.clone());
        }
    }
    for (name, group) in &write.groups {
        let old = from.groups.get(name);
        assert!(old.is_some() || raised, "a new member needs a new version of its group");
        new.groups.insert(name.clone(), apply(old, unseen.groups.get(name), group));
    }
    new
}

/// The same tree with all versions at zero.
fn content(group: &ConfigGroup) -> ConfigGroup {
    let mut plain = group.clone();
    plain.version = 0;
    plain.values.values_mut().for_each(|value| value.version = 0);
    plain.policies.values_mut().for_each(|policy| policy.version = 0);
    plain.groups.values_mut().for_each(|group| *group = content(group));
    plain
}

fn config(root: ConfigGroup) -> Config {
    Config { sequence: 0, channel_group: Some(root) }
}

fn groups() -> impl Strategy<Value = ConfigGroup> {
    let name = || "[abc]";
    let guard = || "[xy]";
    let value = (0_u64..4, 1_u8..4, guard()).prop_map(|(version, byte, mod_policy)| ConfigValue {
        version,
        value: vec![byte],
        mod_policy,
    });
    let policy = (0_u64..4, 1_u8..4, guard()).prop_map(|(version, byte, mod_policy)| ConfigPolicy {
        version,
        policy: Some(Policy { r#type: 1, value: vec![byte] }),
        mod_policy,
    });
    let members = (
        0_u64..4,
        prop::collection::btree_map(name(), value, 0..3),
        prop::collection::btree_map(name(), policy, 0..3),
        guard(),
    );
    let leaf = members.prop_map(|(version, values, policies, mod_policy)| ConfigGroup {
        version,
        groups: BTreeMap::new(),
        values,
        policies,
        mod_policy,
    });
    leaf.clone().prop_recursive(3, 12, 3, move |inner| {
        (leaf.clone(), prop::collection::btree_map("[abc]", inner, 0..3))
            .prop_map(|(group, groups)| ConfigGroup { groups, ..group })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_update_leads_exactly_to_the_wanted_configuration(old in groups(), wanted in groups()) {
        let update = delta("c", &config(old.clone()), &config(wanted.clone()));
        if content(&old) == content(&wanted) {
            prop_assert_eq!(update.unwrap_err(), ConfigUpdateError::Unchanged);
        } else {
            let update = update.unwrap();
            let (read, write) = (update.read_set.unwrap(), update.write_set.unwrap());
            prop_assert_eq!(content(&apply(Some(&old), Some(&read), &write)), content(&wanted));
        }
    }
}

fn small_config() -> Config {
    let value = |value: Vec<u8>| ConfigValue { version: 3, value, mod_policy: "Admins".into() };
    let consensus = ConsensusType { r#type: "etcdraft".into(), ..ConsensusType::default() };
    let mut orderer = ConfigGroup { version: 1, mod_policy: "Admins".into(), ..ConfigGroup::default() };
    orderer.values.insert("ConsensusType".into(), value(consensus.encode_to_vec()));
    orderer
        .values
        .insert("BatchTimeout".into(), value(BatchTimeout { timeout: "2s".into() }.encode_to_vec()));
    // Bytes with a field that no known message has.
    orderer.values.insert("FromTheFuture".into(), value(vec![0xf8, 0x7f, 1]));
    let mut root = ConfigGroup::default();
    root.groups.insert("Orderer".into(), orderer);
    config(root)
}

#[test]
fn only_the_changed_value_is_written() {
    let old = small_config();
    let wanted = set_batch_timeout(&old, 1500).unwrap();
    let update = delta("mychannel", &old, &wanted).unwrap();
    let written = &update.write_set.unwrap().groups["Orderer"];
    assert_eq!(written.version, 1);
    assert_eq!(written.values.keys().collect::<Vec<_>>(), ["BatchTimeout"]);
    assert_eq!(written.values["BatchTimeout"].version, 4);
    let timeout = BatchTimeout::decode(written.values["BatchTimeout"].value.as_slice()).unwrap();
    assert_eq!(timeout.timeout, "1.5s");
    assert_eq!(update.read_set.unwrap().groups["Orderer"].values, BTreeMap::new());
    assert_eq!(
        wanted.channel_group.unwrap().groups["Orderer"].values["FromTheFuture"].value,
        [0xf8, 0x7f, 1]
    );
}

#[test]
fn impossible_changes_are_refused() {
    let old = small_config();
    assert_eq!(set_batch_timeout(&old, 0), Err(ConfigUpdateError::Timeout));
    let missing = ConfigUpdateError::Missing("/Channel/Application/Org1MSP".into());
    assert_eq!(set_anchor_peers(&old, "Org1MSP", &[]), Err(missing));
    assert_eq!(delta("mychannel", &old, &old), Err(ConfigUpdateError::Unchanged));
}

#[test]
fn a_bft_channel_gets_the_timeout_in_both_places() {
    let mut old = small_config();
    let orderer = old.channel_group.as_mut().unwrap().groups.get_mut("Orderer").unwrap();
    let options = smartbft::Options { request_pool_size: 7, ..smartbft::Options::default() };
    let consensus =
        ConsensusType { r#type: "BFT".into(), metadata: options.encode_to_vec(), ..ConsensusType::default() };
    orderer.values.get_mut("ConsensusType").unwrap().value = consensus.encode_to_vec();
    let wanted = set_batch_timeout(&old, 100).unwrap().channel_group.unwrap();
    let consensus = &wanted.groups["Orderer"].values["ConsensusType"].value;
    let consensus = ConsensusType::decode(consensus.as_slice()).unwrap();
    let options = smartbft::Options::decode(consensus.metadata.as_slice()).unwrap();
    assert_eq!((options.request_batch_max_interval.as_str(), options.request_pool_size), ("100ms", 7));
}

#[test]
fn an_organization_gets_another_revocation_list_and_keeps_the_rest() {
    let mut old = small_config();
    let members =
        FabricMspConfig { name: "Org1MSP".into(), root_certs: vec![vec![7]], ..FabricMspConfig::default() };
    let msp = MspConfig { r#type: 0, config: members.encode_to_vec() };
    let value = ConfigValue { version: 2, value: msp.encode_to_vec(), mod_policy: "Admins".into() };
    let org = ConfigGroup { values: [("MSP".to_owned(), value)].into(), ..ConfigGroup::default() };
    let application = ConfigGroup { groups: [("Org1MSP".to_owned(), org)].into(), ..ConfigGroup::default() };
    old.channel_group.as_mut().unwrap().groups.insert("Application".into(), application);
    assert_eq!(revocations(&old, "Org1MSP").unwrap(), Vec::<String>::new());
    let wanted =
        set_revocations(&set_revocations(&old, "Org1MSP", "one").unwrap(), "Org1MSP", "two").unwrap();
    assert_eq!(revocations(&wanted, "Org1MSP").unwrap(), ["two"]);
    let update = delta("mychannel", &old, &wanted).unwrap();
    let written = &update.write_set.unwrap().groups["Application"].groups["Org1MSP"].values["MSP"];
    assert_eq!((written.version, written.mod_policy.as_str()), (3, "Admins"));
    let msp = MspConfig::decode(written.value.as_slice()).unwrap();
    let kept = FabricMspConfig::decode(msp.config.as_slice()).unwrap();
    assert_eq!((kept.name.as_str(), kept.root_certs), ("Org1MSP", vec![vec![7]]));
    let missing = ConfigUpdateError::Missing("/Channel/Application/Org9MSP".into());
    assert_eq!(set_revocations(&old, "Org9MSP", "one"), Err(missing));
}
