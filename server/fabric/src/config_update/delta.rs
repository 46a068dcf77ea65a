//! The smallest update that leads from one configuration to another.
//!
//! The read set names what must still have the version that we saw, the write set what becomes different. A
//! group whose membership changes gets a new version and lists all its members; otherwise only changed members
//! stand in the sets (`internal/configtxlator/update/update.go`). Contents are compared as bytes and copied.

use std::collections::BTreeMap;

use super::ConfigUpdateError;
use crate::proto::channel::{Config, ConfigGroup, ConfigPolicy, ConfigUpdate, ConfigValue};

/// A configuration has three levels of groups; more is a sign of broken input.
const DEPTH_MAX: usize = 16;

/// Computes the update for `channel`; an error when nothing would change.
pub fn delta(channel: &str, original: &Config, wanted: &Config) -> Result<ConfigUpdate, ConfigUpdateError> {
    let root = |config: &Config| {
        config.channel_group.clone().ok_or_else(|| ConfigUpdateError::Missing("/Channel".into()))
    };
    let sets = groups(&root(original)?, &root(wanted)?, 0)?;
    if !sets.changed {
        return Err(ConfigUpdateError::Unchanged);
    }
    Ok(ConfigUpdate {
        channel_id: channel.into(),
        read_set: Some(sets.read),
        write_set: Some(sets.write),
        isolated_data: BTreeMap::new(),
    })
}

/// Read and write set of one group.
struct Sets {
    read: ConfigGroup,
    write: ConfigGroup,
    changed: bool,
}

/// The members of one kind in one group.
struct Members<T> {
    read: BTreeMap<String, T>,
    write: BTreeMap<String, T>,
    /// Unchanged ones, by version only.
    same: BTreeMap<String, T>,
    /// True when one was added or removed.
    membership: bool,
}

impl<T: Clone> Members<T> {
    fn new() -> Self {
        let empty = BTreeMap::new;
        Self { read: empty(), write: empty(), same: empty(), membership: false }
    }

    fn is_changed(&self) -> bool {
        self.membership || !self.write.is_empty()
    }

    /// Read and write set when the group itself gets a new version.
    fn complete(mut self) -> (BTreeMap<String, T>, BTreeMap<String, T>) {
        self.read.extend(self.same.clone());
        self.write.extend(self.same);
        (self.read, self.write)
    }
}

/// A value or a policy: something without members of its own.
trait Leaf: Clone {
    fn equals(&self, other: &Self) -> bool;
    fn version(&self) -> u64;
    fn with_version(self, version: u64) -> Self;
    /// Without content.
    fn empty() -> Self;
}

impl Leaf for ConfigValue {
    fn equals(&self, other: &Self) -> bool {
        self.value == other.value && self.mod_policy == other.mod_policy
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn with_version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    fn empty() -> Self {
        Self::default()
    }
}

impl Leaf for ConfigPolicy {
    fn equals(&self, other: &Self) -> bool {
        self.policy == other.policy && self.mod_policy == other.mod_policy
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn with_version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    fn empty() -> Self {
        Self::default()
    }
}

fn leaves<T: Leaf>(original: &BTreeMap<String, T>, wanted: &BTreeMap<String, T>) -> Members<T> {
    let mut members = Members::new();
    members.membership = original.keys().any(|name| !wanted.contains_key(name));
    for (name, new) in wanted {
        let Some(old) = original.get(name) else {
            members.membership = true;
            members.write.insert(name.clone(), new.clone().with_version(0));
            continue;
        };
        if old.equals(new) {
            members.same.insert(name.clone(), T::empty().with_version(old.version()));
        } else {
            members.write.insert(name.clone(), new.clone().with_version(old.version().saturating_add(1)));
        }
    }
    members
}

fn children(
    original: &BTreeMap<String, ConfigGroup>,
    wanted: &BTreeMap<String, ConfigGroup>,
    depth: usize,
) -> Result<Members<ConfigGroup>, ConfigUpdateError> {
    let mut members = Members::new();
    members.membership = original.keys().any(|name| !wanted.contains_key(name));
    for (name, new) in wanted {
        let Some(old) = original.get(name) else {
            members.membership = true;
            members.write.insert(name.clone(), fresh(new, depth)?);
            continue;
        };
        let sets = groups(old, new, depth)?;
        if sets.changed {
            members.read.insert(name.clone(), sets.read);
            members.write.insert(name.clone(), sets.write);
        } else {
            members.same.insert(name.clone(), sets.read);
        }
    }
    Ok(members)
}

fn groups(original: &ConfigGroup, wanted: &ConfigGroup, depth: usize) -> Result<Sets, ConfigUpdateError> {
    if depth >= DEPTH_MAX {
        return Err(ConfigUpdateError::TooDeep);
    }
    let values = leaves(&original.values, &wanted.values);
    let policies = leaves(&original.policies, &wanted.policies);
    let children = children(&original.groups, &wanted.groups, depth + 1)?;
    let version = original.version;
    let raised = values.membership
        || policies.membership
        || children.membership
        || original.mod_policy != wanted.mod_policy;
    if !raised {
        let changed = values.is_changed() || policies.is_changed() || children.is_changed();
        let set = |groups, values, policies| ConfigGroup {
            version,
            groups,
            values,
            policies,
            mod_policy: String::new(),
        };
        let read = set(children.read, values.read, policies.read);
        let write = set(children.write, values.write, policies.write);
        return Ok(Sets { read, write, changed });
    }
    let (values_read, values_write) = values.complete();
    let (policies_read, policies_write) = policies.complete();
    let (groups_read, groups_write) = children.complete();
    let read = ConfigGroup {
        version,
        groups: groups_read,
        values: values_read,
        policies: policies_read,
        mod_policy: String::new(),
    };
    let write = ConfigGroup {
        version: version.saturating_add(1),
        groups: groups_write,
        values: values_write,
        policies: policies_write,
        mod_policy: wanted.mod_policy.clone(),
    };
    Ok(Sets { read, write, changed: true })
}

/// A new group with everything in it, all at version 0.
fn fresh(group: &ConfigGroup, depth: usize) -> Result<ConfigGroup, ConfigUpdateError> {
    if depth >= DEPTH_MAX {
        return Err(ConfigUpdateError::TooDeep);
    }
    let children = group.groups.iter().map(|(name, child)| Ok((name.clone(), fresh(child, depth + 1)?)));
    Ok(ConfigGroup {
        version: 0,
        groups: children.collect::<Result<_, ConfigUpdateError>>()?,
        values: anew(&group.values),
        policies: anew(&group.policies),
        mod_policy: group.mod_policy.clone(),
    })
}

fn anew<T: Leaf>(members: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    members.iter().map(|(name, member)| (name.clone(), member.clone().with_version(0))).collect()
}
