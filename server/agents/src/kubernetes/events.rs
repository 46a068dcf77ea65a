//! Tells when nodes change, from watches of what runs them and of their pods.
//!
//! However many ask, a portal has one watch of each kind on a cluster: it is shared, begins with the first who asks and
//! ends with the last. A watch that was interrupted, or whose moment the server has forgotten, begins anew with a list,
//! and says `Resync` when it is complete again.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::{self, Config, Event, watcher};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use self::changes::Changes;
use super::cluster::{Cluster, selector};
use super::{pods, request};
use crate::{AgentError, NodeEvent};

mod changes;

/// Events that wait for a slow reader; one that is later than that is told to list.
const QUEUE: usize = 1024;
/// First and longest pause after a failure.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// The watches of one cluster, by portal.
pub(super) struct Watches {
    cluster: Arc<Cluster>,
    shared: Mutex<HashMap<String, Shared>>,
}

/// What the readers of one portal's watch share.
struct Shared {
    events: broadcast::Sender<NodeEvent>,
    /// The watch is complete: who comes now may list and will miss nothing.
    is_live: bool,
}

impl Watches {
    pub(super) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster, shared: Mutex::new(HashMap::new()) }
    }

    /// A reader of a portal's watch, and whether that is complete; the watch begins when nobody has begun it.
    fn join(self: &Arc<Self>, installation: &str, labels: String) -> (broadcast::Receiver<NodeEvent>, bool) {
        let mut all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = all.get(installation) {
            return (shared.events.subscribe(), shared.is_live);
        }
        let (events, reader) = broadcast::channel(QUEUE);
        all.insert(installation.to_owned(), Shared { events: events.clone(), is_live: false });
        let watch =
            Watch { watches: Arc::clone(self), installation: installation.to_owned(), labels, events };
        tokio::spawn(watch.run());
        (reader, false)
    }

    /// Tells all readers, and remembers for those to come whether the watch is complete.
    fn tell(&self, installation: &str, event: NodeEvent) {
        let mut all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shared) = all.get_mut(installation) else { return };
        match event {
            NodeEvent::Resync => shared.is_live = true,
            NodeEvent::Interrupted(_) => shared.is_live = false,
            NodeEvent::Changed { .. } => {}
        }
        // Nobody reads any more: the watch ends soon.
        let _nobody = shared.events.send(event);
    }

    /// Forgets a watch that nobody reads; false when somebody has come meanwhile.
    fn leave(&self, installation: &str) -> bool {
        let mut all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let is_read = all.get(installation).is_some_and(|shared| shared.events.receiver_count() > 0);
        if !is_read {
            all.remove(installation);
        }
        !is_read
    }
}

/// Watches an installation's nodes until the stream is dropped.
pub(super) fn watch(watches: &Arc<Watches>, installation: &str) -> BoxStream<'static, NodeEvent> {
    let Ok(labels) = selector(installation, None) else { return futures::stream::empty().boxed() };
    let (reader, is_live) = watches.join(installation, labels);
    let first = futures::stream::iter(is_live.then_some(NodeEvent::Resync));
    let rest = futures::stream::unfold(reader, |mut reader| async move {
        match reader.recv().await {
            Ok(event) => Some((event, reader)),
            Err(RecvError::Lagged(_)) => Some((NodeEvent::Resync, reader)),
            Err(RecvError::Closed) => None,
        }
    });
    first.chain(rest).boxed()
}

/// One watch of each kind.
struct Watch {
    watches: Arc<Watches>,
    installation: String,
    labels: String,
    events: broadcast::Sender<NodeEvent>,
}

/// What one of the kinds tells.
enum Told {
    /// Something that runs a node, there before or now.
    Controller(ObjectMeta),
    ControllerGone(ObjectMeta),
    Pod(Box<Pod>),
    PodGone(Box<Pod>),
    /// The list of a kind begins anew.
    Begins(usize),
    /// The list of a kind is complete.
    Complete(usize),
    Failed(AgentError),
}

type Tales = SelectAll<Pin<Box<dyn Stream<Item = Told> + Send>>>;

/// The kinds that are watched.
const KINDS: usize = 3;

impl Watch {
    async fn run(self) {
        let mut pause = PAUSE_MIN;
        loop {
            let failed = tokio::select! {
                () = self.events.closed() => None,
                failed = self.follow(&mut pause) => Some(failed),
            };
            let Some(error) = failed else {
                if self.watches.leave(&self.installation) {
                    return;
                }
                continue;
            };
            self.watches.tell(&self.installation, NodeEvent::Interrupted(error.to_string()));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Follows all kinds until one fails.
    async fn follow(&self, pause: &mut Duration) -> AgentError {
        let mut tales = self.begin();
        let mut changes = Changes::default();
        let mut complete = [false; KINDS];
        let mut is_live = false;
        while let Some(told) = tales.next().await {
            let happened = match told {
                Told::Controller(metadata) => changes.controller(&metadata),
                Told::ControllerGone(metadata) => changes.controller_gone(&metadata),
                Told::Pod(pod) => changes.pod(&pod),
                Told::PodGone(pod) => changes.pod_gone(&pod),
                Told::Begins(kind) => {
                    // The server has forgotten the moment that we knew: what happened since is in no event.
                    if is_live {
                        let what = "the server has forgotten the moment of the watch".to_owned();
                        return AgentError::Engine { status: 410, message: what };
                    }
                    complete[kind] = false;
                    continue;
                }
                Told::Complete(kind) => {
                    complete[kind] = true;
                    if !is_live && complete.iter().all(|complete| *complete) {
                        is_live = true;
                        *pause = PAUSE_MIN;
                        let (nodes, pods) = changes.counts();
                        tracing::info!("a cluster is watched from now on: {nodes} nodes with {pods} pods");
                        self.watches.tell(&self.installation, NodeEvent::Resync);
                    }
                    continue;
                }
                Told::Failed(error) => return error,
            };
            // Until the watch is complete everything is old: the list that follows `Resync` shows it.
            if is_live {
                for (node, change) in happened {
                    self.watches.tell(&self.installation, NodeEvent::Changed { node, change });
                }
            }
        }
        AgentError::Unreachable("the watches have ended".to_owned())
    }

    fn begin(&self) -> Tales {
        let config =
            || Config::default().labels(&self.labels).timeout(pods::WATCH_SECONDS).page_size(request::PAGE);
        let cluster = &self.watches.cluster;
        let sets: Api<PartialObjectMeta<StatefulSet>> = cluster.everywhere();
        let deployments: Api<PartialObjectMeta<Deployment>> = cluster.everywhere();
        let all: Api<pods::Lean> = cluster.everywhere();
        let mut tales = Tales::new();
        tales.push(Box::pin(watcher(sets, config()).map(|event| {
            tale(
                0,
                event,
                |object| Told::Controller(object.metadata),
                |object| Told::ControllerGone(object.metadata),
            )
        })));
        tales.push(Box::pin(watcher(deployments, config()).map(|event| {
            tale(
                1,
                event,
                |object| Told::Controller(object.metadata),
                |object| Told::ControllerGone(object.metadata),
            )
        })));
        tales.push(Box::pin(watcher(all, config()).map(|event| {
            tale(2, event, |pod| Told::Pod(Box::new(pod.0)), |pod| Told::PodGone(Box::new(pod.0)))
        })));
        tales
    }
}

fn tale<K>(
    kind: usize,
    event: Result<Event<K>, watcher::Error>,
    is: impl FnOnce(K) -> Told,
    gone: impl FnOnce(K) -> Told,
) -> Told {
    match event {
        Ok(Event::Init) => Told::Begins(kind),
        Ok(Event::InitApply(object) | Event::Apply(object)) => is(object),
        Ok(Event::InitDone) => Told::Complete(kind),
        Ok(Event::Delete(object)) => gone(object),
        Err(error) => Told::Failed(pods::watch_failure(error, "watch of nodes")),
    }
}
