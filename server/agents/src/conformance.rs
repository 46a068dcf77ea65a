//! What every kind of host must do alike.
//!
//! Each check makes a chain of its own, tries one promise of the trait and removes the chain again. The image
//! of the fixture prints `boot N` when it starts for the N-th time on the same data, and then waits to be ended.
//! Nothing here may know which kind of host answers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use crate::{
    Agent, AgentError, DataVolume, Limits, LogOptions, MissingWhy, NodeChange, NodeEvent, NodeFile,
    NodeNetwork, NodeRef, NodeSpec, NodeState, NodeStatus, PortSpec, Publish, Selector, SpaceSpec,
};

mod archive;
mod folders;
mod rehearsal;

/// Nothing that is awaited here may take longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What nodes get to end in; the fixture's image ends at once.
const GRACE: Duration = Duration::from_secs(5);

/// A host to be tried.
pub struct Fixture<'a> {
    /// The host.
    pub agent: &'a dyn Agent,
    /// Two installation ids that nobody else uses on this host.
    pub installations: [String; 2],
    /// An image that is on the host and behaves as the module says.
    pub image: String,
    /// A port of the host that is free.
    pub free_port: u16,
    /// Destroys a node's process and data behind the agent's back.
    pub lose_data: &'a (dyn Fn(NodeRef) -> BoxFuture<'static, ()> + Send + Sync),
    /// Images are given to the host as archives; else it gets them from registries alone, and says so.
    pub loads_archives: bool,
    /// The host measures what nodes use; else it says that it does not.
    pub has_metrics: bool,
}

/// A promise that a host did not keep.
#[derive(Debug)]
pub struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

impl From<AgentError> for Broken {
    fn from(error: AgentError) -> Self {
        Self(format!("unexpected error: {error}"))
    }
}

type Kept = Result<(), Broken>;

fn expect(holds: bool, promise: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err(Broken(promise())) }
}

/// Tries every promise, one after the other.
pub async fn suite(fixture: &Fixture<'_>) -> Kept {
    images(fixture).await?;
    archives(fixture).await?;
    spaces(fixture).await?;
    rehearsal::a_rehearsal_makes_nothing(fixture).await?;
    life_of_a_node(fixture).await?;
    a_changed_node_keeps_its_data(fixture).await?;
    files_tell_what_a_node_was(fixture).await?;
    lost_data_is_not_replaced(fixture).await?;
    folders::kept_data_is_found_by_no_later_chain(fixture).await?;
    installations_do_not_see_each_other(fixture).await?;
    ports_collide_with_a_typed_error(fixture).await?;
    changes_are_told(fixture).await?;
    bad_names_are_refused(fixture).await
}

impl Fixture<'_> {
    /// The image that the suite loads and leaves on the host: no verb removes images.
    pub fn loaded_image(&self) -> String {
        format!("heddle.local/conformance-{}:1", self.installations[0])
    }

    fn space(&self, chain: &str) -> SpaceSpec {
        SpaceSpec {
            installation: self.installations[0].clone(),
            chain: chain.to_owned(),
            operation: "op-1".into(),
        }
    }

    fn spec(&self, chain: &str, node: &str) -> NodeSpec {
        NodeSpec {
            installation: self.installations[0].clone(),
            chain: chain.to_owned(),
            node: node.to_owned(),
            kind: "peer".into(),
            image: self.image.clone(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            environment: BTreeMap::from([("NODE_DATA".into(), "/data".into())]),
            files: vec![NodeFile {
                path: "keys/node.key".into(),
                content: Zeroizing::new(b"secret".to_vec()),
                mode: 0o600,
                secret: true,
            }],
            data_path: Some("/data".into()),
            config_path: "/etc/heddle".into(),
            working_dir: None,
            ports: Vec::new(),
            health_port: None,
            aliases: vec![format!("{node}.example")],
            network: NodeNetwork::ChainAndChaincode,
            limits: Limits { memory_mib: 64, cpu_milli: 500, pids: 64 },
            operation: "op-1".into(),
            user: None,
            read_only_root: true,
            refuse_image_volumes: false,
            allow_new_data: false,
        }
    }

    async fn list(&self, chain: &str) -> Result<Vec<NodeStatus>, Broken> {
        let selector =
            Selector { installation: self.installations[0].clone(), chain: Some(chain.to_owned()) };
        Ok(self.agent.list_nodes(&selector).await?)
    }

    /// Waits until a node is as wanted.
    async fn wait(
        &self,
        node: &NodeRef,
        what: &str,
        wanted: impl Fn(&NodeStatus) -> bool,
    ) -> Result<NodeStatus, Broken> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.list(&node.chain).await?.into_iter().find(|status| status.node == *node);
            match found {
                Some(status) if wanted(&status) => return Ok(status),
                last if Instant::now() > deadline => {
                    return Err(Broken(format!("{node} never became {what}, last {last:?}")));
                }
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Waits until a node has printed a line.
    async fn wait_for_line(&self, node: &NodeRef, line: &str) -> Kept {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines(node, None).await?;
            if lines.iter().any(|text| text == line) {
                return Ok(());
            }
            expect(Instant::now() < deadline, || format!("{node} never printed {line:?}, only {lines:?}"))?;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn lines(&self, node: &NodeRef, tail: Option<u32>) -> Result<Vec<String>, Broken> {
        let mut lines = self.agent.logs(node, &LogOptions { tail, ..LogOptions::default() }).await?;
        let mut texts = Vec::new();
        while let Some(line) = lines.next().await {
            texts.push(line?.text);
        }
        Ok(texts)
    }

    /// Removes a chain and proves that nothing is left.
    async fn clear(&self, chain: &str) -> Kept {
        self.agent.remove_space(&self.installations[0], chain).await?;
        let again = self.agent.remove_space(&self.installations[0], chain).await?;
        expect(again.is_empty(), || format!("removing {chain} twice removed {again:?} the second time"))?;
        let left = self.list(chain).await?;
        expect(left.is_empty(), || format!("left over of {chain}: {left:?}"))
    }
}

/// An image that is there is not pulled; one that is nowhere is named as missing.
pub async fn images(f: &Fixture<'_>) -> Kept {
    let mut pulled = 0;
    let found = f.agent.ensure_image(&f.image, None, &mut |_| pulled += 1).await?;
    expect(pulled == 0, || "an image that was there was pulled".into())?;
    expect(found.id.starts_with("sha256:"), || format!("the image's id is {}", found.id))?;
    expect(f.agent.image(&f.image).await?.as_ref() == Some(&found), || {
        "two looks at an image differ".into()
    })?;
    let by_id = f.agent.image(&found.id).await?.map(|image| image.id);
    expect(by_id.as_ref() == Some(&found.id), || format!("{} is {by_id:?} by its id", found.id))?;
    let absent = "heddle.local/nobody-has-this:1";
    expect(f.agent.image(absent).await?.is_none(), || format!("{absent} is on the host"))?;
    let missing = f.agent.ensure_image(absent, None, &mut |_| ()).await;
    let typed = matches!(&missing, Err(AgentError::ImageMissing { why: MissingWhy::LocalOnly, .. }));
    expect(typed, || format!("a missing local image gave {missing:?}"))?;
    let asked = f.agent.ask_registry(absent, None).await;
    let typed = matches!(&asked, Err(AgentError::ImageMissing { why: MissingWhy::LocalOnly, .. }));
    expect(typed, || format!("asking a registry for a local image gave {asked:?}"))
}

/// An archive becomes the images that its index tells of; again it changes nothing, and it takes no other image's
/// name.
pub async fn archives(f: &Fixture<'_>) -> Kept {
    let name = f.loaded_image();
    let checked = archive::of(&name, &["/var/left"]).await?;
    if !f.loads_archives {
        let refused = f.agent.load_image(&checked).await;
        return expect(matches!(refused, Err(AgentError::Refused(_))), || {
            format!("an archive gave {refused:?}")
        });
    }
    let loaded = f.agent.load_image(&checked).await?;
    let [image] = loaded.as_slice() else {
        return Err(Broken(format!("an archive of one image became {loaded:?}")));
    };
    expect(checked.images().iter().any(|archived| archived.is(&image.id)), || {
        format!("{:?} became {image:?}", checked.images())
    })?;
    let known = image.reference == name && image.local_only && image.volumes == ["/var/left"];
    expect(known, || format!("what was loaded is known as {image:?}"))?;
    let again = f.agent.load_image(&checked).await?;
    expect(again == loaded, || format!("the same archive again became {again:?}"))?;
    let taken = f.agent.load_image(&archive::of(&name, &[]).await?).await;
    expect(matches!(taken, Err(AgentError::Conflict(_))), || format!("a taken name gave {taken:?}"))?;
    let now = f.agent.image(&name).await?;
    expect(now.as_ref() == Some(image), || format!("{name} is {now:?} instead of {image:?}"))
}

/// A space is made once however often it is asked for, and goes without a trace.
pub async fn spaces(f: &Fixture<'_>) -> Kept {
    f.agent.ensure_space(&f.space("space")).await?;
    f.agent.ensure_space(&f.space("space")).await?;
    let listed = f.agent.list_spaces(&f.installations[0]).await?;
    expect(listed.contains("space"), || "a space without nodes is not listed".into())?;
    let removed = f.agent.remove_space(&f.installations[0], "space").await?;
    expect(!removed.networks.is_empty(), || "removing a space removed no network".into())?;
    let listed = f.agent.list_spaces(&f.installations[0]).await?;
    expect(!listed.contains("space"), || "a removed space is still listed".into())?;
    f.clear("space").await?;
    let without = f.agent.ensure_node(&f.spec("space", "peer0")).await;
    expect(without.is_err(), || "a node was made without its chain's space".into())?;
    f.clear("space").await
}

/// Make, adopt, stop, start, restart, remove.
pub async fn life_of_a_node(f: &Fixture<'_>) -> Kept {
    f.agent.ensure_space(&f.space("life")).await?;
    let spec = f.spec("life", "peer0");
    let node = spec.node_ref();
    let made = f.agent.ensure_node(&spec).await?;
    expect(made.node == node && made.kind == "peer" && made.operation == "op-1", || {
        format!("made {made:?}")
    })?;
    expect(made.data_volume == DataVolume::Present, || "a new node has no data volume".into())?;
    let running = f.wait(&node, "running", |status| status.state == NodeState::Running).await?;
    expect(running.started_at.is_some() && running.restarts == 0, || format!("it runs as {running:?}"))?;
    f.wait_for_line(&node, "boot 1").await?;

    let other_operation = NodeSpec { operation: "op-2".into(), ..spec.clone() };
    let adopted = f.agent.ensure_node(&other_operation).await?;
    expect(adopted.started_at == running.started_at, || "an equal node was not adopted".into())?;

    usage(f, &node).await?;

    f.agent.stop(&node, GRACE).await?;
    f.agent.stop(&node, GRACE).await?;
    let stopped = f.wait(&node, "stopped", |status| status.state == NodeState::Stopped).await?;
    expect(stopped.exit_code == Some(0), || format!("a stopped node ended with {:?}", stopped.exit_code))?;
    f.agent.start(&node).await?;
    f.agent.start(&node).await?;
    f.wait_for_line(&node, "boot 2").await?;
    f.agent.restart(&node, GRACE).await?;
    f.wait_for_line(&node, "boot 3").await?;
    // Only what the host does by itself counts as a restart.
    let again = f.wait(&node, "running", |status| status.state == NodeState::Running).await?;
    expect(again.started_at != running.started_at && again.restarts == 0, || format!("again {again:?}"))?;
    expect(f.lines(&node, Some(1)).await?.len() == 1, || "the last line is not one line".into())?;

    let removed = f.agent.remove_node(&node, false).await?;
    expect(removed.nodes.len() == 1 && removed.volumes.len() == 2, || format!("removed {removed:?}"))?;
    expect(f.agent.remove_node(&node, false).await?.is_empty(), || "a node was removed twice".into())?;
    let gone = f.agent.start(&node).await;
    expect(matches!(gone, Err(AgentError::NotFound(_))), || {
        format!("starting a removed node gave {gone:?}")
    })?;
    f.clear("life").await
}

/// A running node's use is told within its limit, by a host that measures.
async fn usage(f: &Fixture<'_>, node: &NodeRef) -> Kept {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match f.agent.stats(node).await {
            Ok(usage) => {
                return expect(f.has_metrics && usage.memory_limit == 64 << 20, || {
                    format!("the use is {usage:?}")
                });
            }
            Err(AgentError::Refused(_)) if !f.has_metrics => return Ok(()),
            // A host that measures now and then may not have looked at it yet.
            Err(AgentError::NotFound(_)) if f.has_metrics && Instant::now() < deadline => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What is left of a node without a container still says what it was and who made it.
fn is_told(left: &NodeStatus, kind: &str) -> Kept {
    expect(left.kind == kind && left.operation == "op-1", || format!("of a {kind} is left {left:?}"))
}

/// Another specification replaces the node but not its data; so does removing it and keeping the data.
pub async fn a_changed_node_keeps_its_data(f: &Fixture<'_>) -> Kept {
    f.agent.ensure_space(&f.space("change")).await?;
    let spec = f.spec("change", "peer0");
    let node = spec.node_ref();
    let before = f.agent.ensure_node(&spec).await?;
    f.wait_for_line(&node, "boot 1").await?;
    let mut changed = spec.clone();
    *changed.files[0].content = b"another secret".to_vec();
    let after = f.agent.ensure_node(&changed).await?;
    expect(after.fingerprint != before.fingerprint, || "the changed node was not replaced".into())?;
    f.wait_for_line(&node, "boot 2").await?;

    f.agent.remove_node(&node, true).await?;
    let left = f.wait(&node, "missing", |status| status.state == NodeState::Missing).await?;
    expect(left.data_volume == DataVolume::Present, || "the kept data is not there".into())?;
    is_told(&left, "peer")?;
    f.agent.ensure_node(&changed).await?;
    f.wait_for_line(&node, "boot 3").await?;
    f.clear("change").await
}

/// A node without data of which only the files are left is listed as what it was, and comes back.
pub async fn files_tell_what_a_node_was(f: &Fixture<'_>) -> Kept {
    f.agent.ensure_space(&f.space("files")).await?;
    let spec = NodeSpec {
        kind: "chaincode".into(),
        environment: BTreeMap::new(),
        data_path: None,
        ..f.spec("files", "server0")
    };
    let node = spec.node_ref();
    f.agent.ensure_node(&spec).await?;
    f.wait_for_line(&node, "boot 1").await?;
    f.agent.remove_node(&node, true).await?;
    let left = f.wait(&node, "missing", |status| status.state == NodeState::Missing).await?;
    expect(left.data_volume == DataVolume::None, || format!("without data there is {left:?}"))?;
    is_told(&left, "chaincode")?;
    let gone = f.agent.start(&node).await;
    expect(matches!(gone, Err(AgentError::NotFound(_))), || format!("files alone were started: {gone:?}"))?;
    f.agent.ensure_node(&spec).await?;
    f.wait_for_line(&node, "boot 1").await?;
    f.clear("files").await
}

/// A node that lost its data is shown as such and starts empty only when that is allowed.
pub async fn lost_data_is_not_replaced(f: &Fixture<'_>) -> Kept {
    f.agent.ensure_space(&f.space("lost")).await?;
    let spec = NodeSpec { kind: "orderer".into(), ..f.spec("lost", "orderer0") };
    let node = spec.node_ref();
    f.agent.ensure_node(&spec).await?;
    f.wait_for_line(&node, "boot 1").await?;
    (f.lose_data)(node.clone()).await;
    let seen = f.wait(&node, "without data", |status| status.data_volume == DataVolume::Missing).await?;
    expect(seen.state == NodeState::Missing, || format!("a destroyed node is {:?}", seen.state))?;
    is_told(&seen, "orderer")?;
    let refused = f.agent.ensure_node(&spec).await;
    expect(matches!(refused, Err(AgentError::DataLost(_))), || {
        format!("a node without its data gave {refused:?}")
    })?;
    let still = f.wait(&node, "without data", |status| status.data_volume == DataVolume::Missing).await?;
    expect(still.state == NodeState::Missing, || "the refused node was made all the same".into())?;
    f.agent.ensure_node(&NodeSpec { allow_new_data: true, ..spec }).await?;
    f.wait_for_line(&node, "boot 1").await?;
    f.clear("lost").await
}

/// The same chain and node of another installation are other objects.
pub async fn installations_do_not_see_each_other(f: &Fixture<'_>) -> Kept {
    let [ours, theirs] = &f.installations;
    let their_space = SpaceSpec { installation: theirs.clone(), ..f.space("twin") };
    f.agent.ensure_space(&f.space("twin")).await?;
    f.agent.ensure_space(&their_space).await?;
    let our_spec = f.spec("twin", "peer0");
    let their_spec = NodeSpec { installation: theirs.clone(), ..our_spec.clone() };
    f.agent.ensure_node(&our_spec).await?;
    f.agent.ensure_node(&their_spec).await?;
    for (installation, spec) in [(ours, &our_spec), (theirs, &their_spec)] {
        let selector = Selector { installation: installation.clone(), chain: None };
        let seen: Vec<NodeRef> = f.agent.list_nodes(&selector).await?.into_iter().map(|s| s.node).collect();
        expect(seen == [spec.node_ref()], || format!("{installation} sees {seen:?}"))?;
    }
    f.clear("twin").await?;
    let selector = Selector { installation: theirs.clone(), chain: None };
    let theirs_left = f.agent.list_nodes(&selector).await?;
    let runs = theirs_left.len() == 1 && theirs_left.iter().all(|status| status.state == NodeState::Running);
    expect(runs, || format!("removing one installation's chain left the other's as {theirs_left:?}"))?;
    f.agent.remove_space(theirs, "twin").await?;
    Ok(())
}

/// A port is published where it was asked for, counted as used, and taken only once.
pub async fn ports_collide_with_a_typed_error(f: &Fixture<'_>) -> Kept {
    f.agent.ensure_space(&f.space("ports")).await?;
    let fixed = PortSpec { container: 7051, publish: Publish::Fixed(f.free_port) };
    let assigned = PortSpec { container: 9443, publish: Publish::Assigned };
    let internal = PortSpec { container: 7052, publish: Publish::Internal };
    let first = NodeSpec { ports: vec![fixed, assigned, internal], ..f.spec("ports", "peer0") };
    let made = f.agent.ensure_node(&first).await?;
    // Whether an assigned port has an address of its own is for the kind of host to say.
    let published: Vec<u16> = made.ports.keys().copied().filter(|port| *port != 9443).collect();
    expect(published == [7051], || format!("published are {:?}", made.ports))?;
    let at = made.ports.get(&7051).map(std::net::SocketAddr::port);
    expect(at == Some(f.free_port), || format!("the fixed port is {at:?}"))?;
    expect(f.agent.used_ports().await?.contains(&f.free_port), || "the port is not counted as used".into())?;

    let second = NodeSpec { ports: vec![fixed], ..f.spec("ports", "peer1") };
    let refused = f.agent.ensure_node(&second).await;
    expect(refused == Err(AgentError::PortTaken(f.free_port)), || format!("a taken port gave {refused:?}"))?;
    let moved = NodeSpec { ports: vec![assigned], ..second };
    f.agent.ensure_node(&moved).await?;
    f.agent.stop(&first.node_ref(), GRACE).await?;
    let used = f.agent.used_ports().await?;
    expect(used.contains(&f.free_port), || "a stopped node's port is not counted as used".into())?;
    f.clear("ports").await?;
    let used = f.agent.used_ports().await?;
    expect(!used.contains(&f.free_port), || "a removed node's port is still counted as used".into())?;
    let answering = f.agent.answering_ports(&[f.free_port]).await?;
    expect(answering.is_empty(), || "a removed node's port still answers".into())
}

/// A watch begins with `Resync` and tells of starts and ends.
pub async fn changes_are_told(f: &Fixture<'_>) -> Kept {
    let mut events = f.agent.watch_nodes(&f.installations[0]);
    let mut next = async || loop {
        match tokio::time::timeout(PATIENCE, events.next()).await {
            // Only some hosts tell it, and when is theirs to decide.
            Ok(Some(NodeEvent::Changed { change: NodeChange::Readiness, .. })) => {}
            Ok(Some(event)) => break Ok(event),
            _ => break Err(Broken("the watch tells nothing".into())),
        }
    };
    let first = next().await?;
    expect(first == NodeEvent::Resync, || format!("the watch began with {first:?}"))?;
    f.agent.ensure_space(&f.space("watch")).await?;
    let spec = f.spec("watch", "peer0");
    let node = spec.node_ref();
    f.agent.ensure_node(&spec).await?;
    f.wait_for_line(&node, "boot 1").await?;
    f.agent.stop(&node, GRACE).await?;
    f.agent.remove_node(&node, false).await?;
    for change in [NodeChange::Created, NodeChange::Started, NodeChange::Ended(Some(0)), NodeChange::Removed]
    {
        let told = next().await?;
        let expected = NodeEvent::Changed { node: node.clone(), change };
        expect(told == expected, || format!("told {told:?} instead of {expected:?}"))?;
    }
    f.clear("watch").await
}

/// A name that is none never reaches the host.
pub async fn bad_names_are_refused(f: &Fixture<'_>) -> Kept {
    let spec = NodeSpec { node: "../peer".into(), ..f.spec("names", "peer0") };
    let refused = f.agent.ensure_node(&spec).await;
    expect(matches!(refused, Err(AgentError::Refused(_))), || format!("a bad name gave {refused:?}"))?;
    for (installation, chain) in [("", "names"), (f.installations[0].as_str(), ""), ("a=b", "names")] {
        let refused = f.agent.remove_space(installation, chain).await;
        let typed = matches!(refused, Err(AgentError::Refused(_)));
        expect(typed, || format!("removing {installation:?}/{chain:?} gave {refused:?}"))?;
    }
    Ok(())
}
