//! Puts objects on the cluster, by server-side apply under our own name. What is there already is proven ours first.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde::Serialize;
use serde_json::Value;

use super::names;
use super::request::{Object, called, get, within};
use crate::labels::{CHAIN, INSTALLATION};
use crate::{AgentError, NodeRef};

/// Under this name the cluster remembers which fields are ours.
const MANAGER: &str = "heddle";
/// So often an object is applied when somebody else changes it at the same moment.
const TRIES: u32 = 3;

/// Whose an object has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner<'a> {
    /// One node's.
    Node(&'a NodeRef),
    /// What the nodes of a chain share.
    Chain(&'a str, &'a str),
    /// What belongs to a portal and to no chain.
    Portal(&'a str),
    /// Whatever belongs to a portal, what belongs to its chains included.
    Anything(&'a str),
}

impl Owner<'_> {
    /// True when the labels say so.
    pub(super) fn has(self, labels: Option<&BTreeMap<String, String>>) -> bool {
        let Some(labels) = labels else { return false };
        let is = |name: &str, wanted: &str| labels.get(name).is_some_and(|found| found == wanted);
        match self {
            Self::Node(node) => names::node_of(labels).as_ref() == Some(node),
            Self::Chain(installation, chain) => is(INSTALLATION, installation) && is(CHAIN, chain),
            Self::Anything(installation) => is(INSTALLATION, installation),
            Self::Portal(installation) => is(INSTALLATION, installation) && !labels.contains_key(CHAIN),
        }
    }

    /// Refuses to go on with an object of somebody else.
    pub(super) fn prove<K: Object>(self, object: &K) -> Result<(), AgentError> {
        if self.has(object.meta().labels.as_ref()) {
            return Ok(());
        }
        let name = object.meta().name.as_deref().unwrap_or_default();
        Err(AgentError::Conflict(format!("{} exists and is not ours", called::<K>(name))))
    }
}

/// Looks an object up by name and proves that it is ours.
pub(super) async fn find<K: Object>(
    api: &Api<K>,
    name: &str,
    owner: Owner<'_>,
) -> Result<Option<K>, AgentError> {
    let found = get(api, name).await?;
    if let Some(found) = &found {
        owner.prove(found)?;
    }
    Ok(found)
}

/// Makes an object, or makes ours be as wanted.
pub(super) async fn apply<K: Object + Serialize>(
    api: &Api<K>,
    wanted: &K,
    owner: Owner<'_>,
) -> Result<K, AgentError> {
    let name = wanted.meta().name.clone().unwrap_or_default();
    let what = called::<K>(&name);
    let mut tries = 0;
    loop {
        tries += 1;
        let mut wanted = wanted.clone();
        let mut how = PatchParams::apply(MANAGER);
        if let Some(found) = find(api, &name, owner).await? {
            going(&found)?;
            // With the identity of what was proven, nothing else can be meant.
            wanted.meta_mut().uid.clone_from(&found.meta().uid);
            how = how.force();
        }
        match within(&what, api.patch(&name, &how, &Patch::Apply(&wanted))).await {
            // Somebody was there at the same moment: whose is it now?
            Err(AgentError::Conflict(_)) if tries < TRIES => {}
            ended => return ended,
        }
    }
}

/// Asks whether an object could be applied: the cluster judges it by all of its rules and keeps nothing.
pub(super) async fn try_out<K: Object + Serialize>(api: &Api<K>, wanted: &K) -> Result<(), AgentError> {
    let name = wanted.meta().name.clone().unwrap_or_default();
    let how = PatchParams::apply(MANAGER).dry_run();
    let what = format!("trial of {}", called::<K>(&name));
    within(&what, api.patch(&name, &how, &Patch::Apply(wanted))).await.map(drop)
}

/// The same of an object that gets its name from the cluster.
pub(super) async fn try_new<K: Object + Serialize>(api: &Api<K>, wanted: &K) -> Result<(), AgentError> {
    let how = PostParams { dry_run: true, field_manager: Some(MANAGER.to_owned()) };
    let what = format!("trial of a {}", K::kind(&()));
    within(&what, api.create(&how, wanted)).await.map(drop)
}

/// Makes an object that is never changed afterwards; one of ours that is there is taken as it is.
pub(super) async fn make<K: Object + Serialize>(
    api: &Api<K>,
    wanted: &K,
    owner: Owner<'_>,
) -> Result<K, AgentError> {
    let name = wanted.meta().name.as_deref().unwrap_or_default();
    match find(api, name, owner).await? {
        Some(found) => going(&found).map(|()| found),
        None => apply(api, wanted, owner).await,
    }
}

/// Changes a part of exactly this object.
pub(super) async fn change<K: Object>(
    api: &Api<K>,
    object: &ObjectMeta,
    mut part: Value,
) -> Result<K, AgentError> {
    let name = object.name.clone().unwrap_or_default();
    part["metadata"]["uid"] = Value::from(object.uid.clone());
    let how = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    within(&called::<K>(&name), api.patch(&name, &how, &Patch::Merge(&part))).await
}

/// An object that is being removed is no foundation: the same call succeeds once it is gone.
fn going<K: Object>(found: &K) -> Result<(), AgentError> {
    match found.meta().deletion_timestamp {
        None => Ok(()),
        Some(_) => {
            let name = found.meta().name.as_deref().unwrap_or_default();
            Err(AgentError::Engine { status: 0, message: format!("{} is being removed", called::<K>(name)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_carries_other_labels_is_not_ours() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let node = NodeRef::new("abc", "demo", "peer0");
        let full = labels(&[(INSTALLATION, "abc"), (CHAIN, "demo"), (crate::labels::NODE, "peer0")]);
        let shared = labels(&[(INSTALLATION, "abc"), (CHAIN, "demo")]);
        let portal = labels(&[(INSTALLATION, "abc")]);
        assert!(Owner::Node(&node).has(Some(&full)) && !Owner::Node(&node).has(Some(&shared)));
        assert!(
            Owner::Chain("abc", "demo").has(Some(&full)) && Owner::Chain("abc", "demo").has(Some(&shared))
        );
        assert!(
            !Owner::Chain("abd", "demo").has(Some(&shared))
                && !Owner::Chain("abc", "demo").has(Some(&portal))
        );
        assert!(Owner::Portal("abc").has(Some(&portal)) && !Owner::Portal("abc").has(Some(&shared)));
        assert!(!Owner::Portal("abc").has(None));
        assert!(Owner::Anything("abc").has(Some(&portal)) && Owner::Anything("abc").has(Some(&full)));
        assert!(!Owner::Anything("abd").has(Some(&full)) && !Owner::Anything("abc").has(None));
    }
}
