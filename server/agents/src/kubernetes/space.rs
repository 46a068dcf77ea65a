//! The namespaces: one for each chain, and one of the portal's own for what belongs to no chain.
//!
//! To remove a chain is to remove its namespace, and then what a namespace does not hold. A namespace in which somebody
//! else keeps something is not removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    Namespace, PersistentVolume, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, PartialObjectMeta};
use kube::{Api, Resource};
use tokio::time::Instant;

use super::apply::{self, Owner};
use super::cluster::{Cluster, selector};
use super::request::{self, Object};
use super::{data, errands, manifest, names};
use crate::labels::{CHAIN, INSTALLATION, PURPOSE};
use crate::{AgentError, Removed, SpaceSpec};

/// Purpose of the portal's own namespace.
const HOME: &str = "home";
/// The account of pods that name none; the cluster makes it a moment after the namespace.
const DEFAULT_ACCOUNT: &str = "default";
/// It is there by then.
const ACCOUNT_MAX: Duration = Duration::from_secs(30);
/// A namespace is gone by then, with all that is in it.
const REMOVAL_MAX: Duration = Duration::from_secs(300);
/// So long whoever needs the portal's own namespace waits for the one that a removed host leaves behind.
const HOME_REMOVAL_MAX: Duration = Duration::from_secs(60);
/// What storage classes made is given back by then.
const VOLUMES_MAX: Duration = Duration::from_secs(120);
/// Marks the Secret of a service account's token.
const ACCOUNT_OF_TOKEN: &str = "kubernetes.io/service-account.name";
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Makes the namespace of a chain and what its nodes share, or finds them.
pub(super) async fn ensure(cluster: &Cluster, space: &SpaceSpec) -> Result<(), AgentError> {
    space.check().map_err(|error| AgentError::Refused(error.to_string()))?;
    home(cluster, &space.installation).await?;
    let owner = Owner::Chain(&space.installation, &space.chain);
    let objects = manifest::space(space, cluster.options());
    let name = cluster.namespace(&space.installation, &space.chain);
    apply::apply(&cluster.everywhere(), &objects.namespace, owner).await?;
    apply::apply(&cluster.within(&name), &objects.account, owner).await?;
    for policy in &objects.policies {
        apply::apply(&cluster.within(&name), policy, owner).await?;
    }
    pull_secret(cluster, &name, objects.pull_secret.as_ref(), owner).await
}

/// Puts the names for registries into a namespace, or takes those of before out of it: a password that was removed is
/// left nowhere. What has that name and is not ours stays.
async fn pull_secret(
    cluster: &Cluster,
    namespace: &str,
    wanted: Option<&Secret>,
    owner: Owner<'_>,
) -> Result<(), AgentError> {
    let secrets: Api<Secret> = cluster.within(namespace);
    if let Some(wanted) = wanted {
        return apply::apply(&secrets, wanted, owner).await.map(drop);
    }
    match request::get(&secrets, names::REGISTRIES).await? {
        Some(found) if owner.has(found.metadata.labels.as_ref()) => {
            request::delete(&secrets, &found, DeleteParams::default()).await.map(drop)
        }
        Some(_) | None => Ok(()),
    }
}

/// Makes the portal's own namespace, or finds it, and tells its name.
pub(super) async fn home(cluster: &Cluster, installation: &str) -> Result<String, AgentError> {
    // Checks the name too.
    selector(installation, None)?;
    let name = cluster.home(installation);
    let owner = Owner::Portal(installation);
    let labels = BTreeMap::from([
        (INSTALLATION.to_owned(), installation.to_owned()),
        (PURPOSE.to_owned(), HOME.to_owned()),
    ]);
    let metadata = |namespace: Option<&String>, name: &str| ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.cloned(),
        labels: Some(labels.clone()),
        ..ObjectMeta::default()
    };
    let wanted = Namespace { metadata: metadata(None, &name), ..Namespace::default() };
    let namespaces: Api<Namespace> = cluster.everywhere();
    await_removal(&namespaces, &name, owner).await?;
    apply::make(&namespaces, &wanted, owner).await?;
    // The names for registries are those of chains; here they belong to no chain.
    let like = SpaceSpec {
        installation: installation.to_owned(),
        chain: HOME.to_owned(),
        operation: HOME.to_owned(),
    };
    let wanted = manifest::space(&like, cluster.options()).pull_secret;
    let wanted = wanted.map(|secret| Secret { metadata: metadata(Some(&name), names::REGISTRIES), ..secret });
    pull_secret(cluster, &name, wanted.as_ref(), owner).await?;
    let accounts: Api<ServiceAccount> = cluster.within(&name);
    let deadline = Instant::now() + ACCOUNT_MAX;
    while request::get(&accounts, DEFAULT_ACCOUNT).await?.is_none() {
        if Instant::now() >= deadline {
            let what = format!("account {DEFAULT_ACCOUNT} of namespace {name}");
            return Err(AgentError::Timeout { what, after: ACCOUNT_MAX });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(name)
}

/// Waits until a namespace that is being removed is gone: a host that was removed and is added again at once finds its own
/// one so. One that takes longer is refused like a chain's, by whoever applies it, and the next try waits again.
async fn await_removal(api: &Api<Namespace>, name: &str, owner: Owner<'_>) -> Result<(), AgentError> {
    let found = apply::find(api, name, owner).await?;
    let Some(found) = found.filter(|found| found.metadata.deletion_timestamp.is_some()) else {
        return Ok(());
    };
    match request::gone(api, &found, HOME_REMOVAL_MAX).await {
        Err(AgentError::Timeout { .. }) => Ok(()),
        ended => ended,
    }
}

/// Names of the chains of an installation that have a namespace, also one with a former prefix.
pub(super) async fn list(cluster: &Cluster, installation: &str) -> Result<BTreeSet<String>, AgentError> {
    let api: Api<Namespace> = cluster.everywhere();
    let namespaces = request::list(&api, Some(&selector(installation, None)?)).await?;
    let chain = |found: Namespace| found.metadata.labels?.remove(CHAIN);
    Ok(namespaces.into_iter().filter_map(chain).collect())
}

/// Refuses to go on without a chain's namespace.
pub(super) async fn require(cluster: &Cluster, installation: &str, chain: &str) -> Result<(), AgentError> {
    let name = cluster.namespace(installation, chain);
    let found =
        apply::find(&cluster.everywhere::<Namespace>(), &name, Owner::Chain(installation, chain)).await?;
    let Some(found) = found else {
        return Err(AgentError::NotFound(format!("namespace {name} (is the chain's space made?)")));
    };
    match found.metadata.deletion_timestamp {
        None => Ok(()),
        Some(_) => {
            Err(AgentError::Engine { status: 0, message: format!("namespace {name} is being removed") })
        }
    }
}

/// Removes all that belongs to a chain and verifies that nothing is left. With a mark the folders of its data stay, under
/// a name that holds it.
pub(super) async fn remove(
    cluster: &Cluster,
    installation: &str,
    chain: &str,
    keep: Option<&str>,
) -> Result<Removed, AgentError> {
    let scan = Scan { cluster, installation, chain, labels: selector(installation, Some(chain))? };
    let api: Api<Namespace> = cluster.everywhere();
    // By label, so that also a namespace with a former prefix is found.
    let namespaces: Vec<Namespace> = scan.ours(&api).await?;
    let mut removed = Removed::default();
    let mut claimed = Vec::new();
    for namespace in &namespaces {
        let name = namespace.metadata.name.clone().unwrap_or_default();
        refuse_strangers(cluster, &name, scan.owner()).await?;
        claimed.extend(scan.collect(&name, &mut removed).await?);
    }
    // One that goes already refuses to be told again.
    for namespace in namespaces.iter().filter(|found| found.metadata.deletion_timestamp.is_none()) {
        request::delete(&api, namespace, DeleteParams::foreground()).await?;
    }
    for name in namespaces.iter().filter_map(|found| found.metadata.name.as_deref()) {
        scan.hurry(name, keep.is_some()).await;
    }
    for namespace in &namespaces {
        request::gone(&api, namespace, REMOVAL_MAX).await.map_err(|error| stuck(error, namespace))?;
    }
    let is_cleared = scan.volumes(&claimed, keep, &mut removed).await?;
    errands::sweep(cluster, installation, chain).await?;
    let left = scan.left().await?;
    if !left.is_empty() {
        return Err(AgentError::Engine { status: 0, message: format!("still there: {}", left.join(", ")) });
    }
    if !is_cleared {
        return Err(errands::left_folder(cluster, &cluster.namespace(installation, chain)));
    }
    Ok(removed)
}

/// Removes the portal's own namespace, unless chains of the portal are on the cluster: it is made again for whoever needs
/// it. One in which the portal itself runs, or somebody else keeps something, stays.
pub(super) async fn remove_home(cluster: &Cluster, installation: &str) -> Result<Removed, AgentError> {
    let labels = selector(installation, None)?;
    let api: Api<Namespace> = cluster.everywhere();
    let name = cluster.home(installation);
    let is_of_chain =
        |found: &Namespace| found.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(CHAIN));
    let is_needed = request::list(&api, Some(&labels)).await?.iter().any(is_of_chain)
        || cluster.options().portal_namespace.as_ref() == Some(&name);
    let mut removed = Removed::default();
    if is_needed {
        return Ok(removed);
    }
    let Some(home) = apply::find(&api, &name, Owner::Portal(installation)).await? else {
        return Ok(removed);
    };
    refuse_strangers(cluster, &name, Owner::Anything(installation)).await?;
    if home.metadata.deletion_timestamp.is_none() {
        request::delete(&api, &home, DeleteParams::foreground()).await?;
    }
    request::gone(&api, &home, REMOVAL_MAX).await.map_err(|error| stuck(error, &home))?;
    removed.networks.push(name);
    Ok(removed)
}

/// Somebody else's objects in a namespace are not ours to remove. Only those are looked at that people put
/// there: clusters put some of their own into every namespace. That is why no ConfigMap counts (certificates of the
/// cluster and of meshes are put everywhere, and nothing marks them), and no Secret that goes with another object.
async fn refuse_strangers(cluster: &Cluster, namespace: &str, owner: Owner<'_>) -> Result<(), AgentError> {
    let mut strangers = Vec::new();
    note_strangers::<StatefulSet>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<Deployment>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<DaemonSet>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<Job>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<CronJob>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<Pod>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<PersistentVolumeClaim>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<Service>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<Ingress>(cluster, namespace, owner, &mut strangers).await?;
    note_strangers::<PartialObjectMeta<Secret>>(cluster, namespace, owner, &mut strangers).await?;
    if strangers.is_empty() {
        return Ok(());
    }
    let names = strangers.join(", ");
    Err(AgentError::Conflict(format!("others keep something in namespace {namespace}: {names}")))
}

async fn note_strangers<K>(
    cluster: &Cluster,
    namespace: &str,
    owner: Owner<'_>,
    into: &mut Vec<String>,
) -> Result<(), AgentError>
where
    K: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let all = request::list(&cluster.within::<K>(namespace), None).await?;
    let is_secret = K::kind(&()) == "Secret";
    let belongs =
        |metadata: &ObjectMeta| owner.has(metadata.labels.as_ref()) || (is_secret && is_attached(metadata));
    let others = all.iter().filter(|object| !belongs(object.meta()));
    into.extend(others.map(|object| request::called::<K>(object.meta().name.as_deref().unwrap_or_default())));
    Ok(())
}

/// Says that a namespace does not go because something in it does not.
fn stuck(error: AgentError, namespace: &Namespace) -> AgentError {
    match error {
        AgentError::Timeout { what, after } => {
            let name = namespace.metadata.name.as_deref().unwrap_or_default();
            let what = format!("{what} (the conditions of namespace {name} say what holds it)");
            AgentError::Timeout { what, after }
        }
        other => other,
    }
}

/// A Secret that goes with another object: the cluster or a controller made it, and makes it again.
fn is_attached(secret: &ObjectMeta) -> bool {
    let is_owned = secret.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    let is_token = secret.annotations.as_ref().is_some_and(|all| all.contains_key(ACCOUNT_OF_TOKEN));
    is_owned || is_token
}

/// Lists what belongs to one chain.
struct Scan<'a> {
    cluster: &'a Cluster,
    installation: &'a str,
    chain: &'a str,
    labels: String,
}

impl Scan<'_> {
    fn owner(&self) -> Owner<'_> {
        Owner::Chain(self.installation, self.chain)
    }

    /// What carries the chain's labels.
    async fn ours<K: Object>(&self, api: &Api<K>) -> Result<Vec<K>, AgentError> {
        let mut found = request::list(api, Some(&self.labels)).await?;
        found.retain(|object| self.owner().has(object.meta().labels.as_ref()));
        Ok(found)
    }

    /// Notes what goes with a namespace, and tells which volumes storage classes made for it.
    async fn collect(&self, namespace: &str, removed: &mut Removed) -> Result<Vec<String>, AgentError> {
        let cluster = self.cluster;
        let within =
            |metadata: &ObjectMeta| format!("{namespace}/{}", metadata.name.as_deref().unwrap_or_default());
        for found in self.ours(&cluster.within::<StatefulSet>(namespace)).await? {
            removed.nodes.push(within(&found.metadata));
        }
        for found in self.ours(&cluster.within::<Deployment>(namespace)).await? {
            removed.nodes.push(within(&found.metadata));
        }
        let mut claimed = Vec::new();
        for found in self.ours(&cluster.within::<PersistentVolumeClaim>(namespace)).await? {
            removed.volumes.push(within(&found.metadata));
            claimed.extend(found.spec.and_then(|spec| spec.volume_name));
        }
        for found in self.ours(&cluster.within::<PartialObjectMeta<Secret>>(namespace)).await? {
            // The one by which images are pulled belongs to no node.
            if found.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(crate::labels::NODE)) {
                removed.volumes.push(within(&found.metadata));
            }
        }
        for found in self.ours(&cluster.within::<NetworkPolicy>(namespace)).await? {
            removed.networks.push(within(&found.metadata));
        }
        removed.networks.push(namespace.to_owned());
        Ok(claimed)
    }

    /// Ends the pods of a namespace that goes, and gives their claims back. The cluster does both as well, but looks at a
    /// namespace seconds after it was told to remove it and seconds after each kind that was not gone at once: half of
    /// what a removal took. New pods are refused there by now. A process whose data stays has the time to close it.
    async fn hurry(&self, namespace: &str, is_kept: bool) {
        let how = DeleteParams { grace_period_seconds: (!is_kept).then_some(1), ..DeleteParams::default() };
        // What fails here is left to the cluster; one that does not answer is not asked as often as there are objects.
        let _left_to_the_cluster = async {
            self.end_all::<Pod>(namespace, &how).await?;
            self.end_all::<PersistentVolumeClaim>(namespace, &DeleteParams::default()).await
        }
        .await;
    }

    async fn end_all<K>(&self, namespace: &str, how: &DeleteParams) -> Result<(), AgentError>
    where
        K: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let api: Api<K> = self.cluster.within(namespace);
        for found in self.ours(&api).await? {
            request::delete(&api, &found, how.clone()).await?;
        }
        Ok(())
    }

    /// Removes our own volumes, which are in no namespace, and waits until those of storage classes are given back. False
    /// when the folders of our own ones are left.
    async fn volumes(
        &self,
        claimed: &[String],
        keep: Option<&str>,
        removed: &mut Removed,
    ) -> Result<bool, AgentError> {
        let api: Api<PersistentVolume> = self.cluster.everywhere();
        let own = data::permitted(self.cluster, self.ours(&api).await)?;
        // As long as there is a volume its folder may be there: an interrupted removal goes on from here.
        let is_cleared = match keep {
            _ if own.is_empty() => true,
            None => errands::remove_folder(self.cluster, self.installation, self.chain, None).await?,
            // A folder that cannot be put aside keeps its volumes: another try finds it, and no later chain may.
            Some(mark) => {
                let kept = errands::keep_folder(self.cluster, self.installation, self.chain, mark).await?;
                removed.kept.push(kept);
                true
            }
        };
        for volume in own {
            request::delete(&api, &volume, DeleteParams::default()).await?;
            request::gone(&api, &volume, VOLUMES_MAX).await?;
            removed.volumes.extend(volume.metadata.name);
        }
        for name in claimed {
            let found = request::get(&api, name).await;
            let Some(volume) = data::permitted(self.cluster, found)? else { continue };
            let spec = volume.spec.as_ref();
            // One that is kept, by the storage class's own rule, is for its admin to decide about.
            if spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()) == Some("Delete") {
                request::gone(&api, &volume, VOLUMES_MAX).await?;
            }
        }
        Ok(is_cleared)
    }

    /// Whatever still carries the chain's labels, anywhere.
    async fn left(&self) -> Result<Vec<String>, AgentError> {
        let mut left = Vec::new();
        self.still::<Namespace>(&mut left).await?;
        let volumes = self.ours(&self.cluster.everywhere::<PersistentVolume>()).await;
        for volume in data::permitted(self.cluster, volumes)? {
            let name = volume.metadata.name.unwrap_or_default();
            left.push(request::called::<PersistentVolume>(&name));
        }
        self.still::<StatefulSet>(&mut left).await?;
        self.still::<Deployment>(&mut left).await?;
        self.still::<Pod>(&mut left).await?;
        self.still::<PersistentVolumeClaim>(&mut left).await?;
        self.still::<PartialObjectMeta<Secret>>(&mut left).await?;
        self.still::<Service>(&mut left).await?;
        Ok(left)
    }

    async fn still<K: Object>(&self, left: &mut Vec<String>) -> Result<(), AgentError> {
        for found in self.ours(&self.cluster.everywhere::<K>()).await? {
            left.push(request::called::<K>(found.meta().name.as_deref().unwrap_or_default()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_secret_that_goes_with_another_object_is_nobodys_own() {
        let check = |metadata: Value, expect: bool| {
            let read: ObjectMeta = serde_json::from_value(metadata.clone()).unwrap();
            assert_eq!(is_attached(&read), expect, "{metadata}");
        };
        let owner = json!({"apiVersion": "v1", "kind": "ServiceAccount", "name": "default", "uid": "u1"});
        check(json!({"name": "a", "ownerReferences": [owner]}), true);
        check(json!({"name": "a", "annotations": {"kubernetes.io/service-account.name": "default"}}), true);
        check(
            json!({"name": "a", "annotations": {"example.com/note": "mine"}, "ownerReferences": []}),
            false,
        );
        check(json!({"name": "a"}), false);
    }
}
