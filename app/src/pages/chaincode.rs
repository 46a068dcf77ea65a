//! What is deployed on a chain and how ready each organization is; deploying and upgrading.

use domain::chain::{ChainVerb, ChainView};
use domain::chaincode::{ChaincodeView, DeploySpec};
use domain::channel::ChannelView;
use domain::id::OperationId;
use domain::name::{ChaincodeName, ChannelName, NodeName, OrganizationName};
use leptos::prelude::*;

use super::host_new::wrong_on;
use super::{chain_name, follow, parameter};
use crate::api::ApiError;
use crate::api::chain::chain_read;
use crate::api::chaincode::{chaincode_deploy, chaincode_list, chaincode_sample};
use crate::api::channel::channel_list;
use crate::browser::new_key;
use crate::components::copy::Copyable;
use crate::components::field::{CheckField, SelectField, TextField, toggle};
use crate::components::load::{load_live, take_in};
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::components::unsaved::guarded;
use crate::events;
use crate::fetched::{Fetched, again};
use crate::layout::{chain_crumbs, chain_tabs};
use crate::text::{fill, say, tr, words};

mod board;
mod package;
mod policy;

use package::Package;
use policy::{PolicyEditor, PolicyForm};

/// What can be deployed now, and where: the sample filled in, and the chain's channels.
type Offer = (DeploySpec, Vec<ChannelView>);
/// What the page shows; there is an offer while the chain runs, for those who manage it.
type Data = (ChainView, Vec<ChaincodeView>, Option<Offer>);

/// The page.
#[component]
pub fn Chaincode() -> impl IntoView {
    let name = parameter("name");
    let tick = events::ticks(move |m| m.touches("chain", &name.read_untracked()));
    let data = Fetched::new(move || (name.get(), tick.get()), |(name, _)| read(name));
    // The form and its action outlive a refresh: what is typed stays, and an answer finds its page.
    let form = Form::empty();
    let key = RwSignal::new(String::new());
    let deploy = Action::new(move |spec: &DeploySpec| {
        let (spec, key) = (spec.clone(), key.get_untracked());
        again(move || chaincode_deploy(spec.clone(), key.clone()))
    });
    let refused = follow(deploy);
    let steps = board::steps();
    let step_refused = follow(steps);
    load_live(data, move |data: RwSignal<Data>, _| {
        let name = data.with_untracked(|(chain, ..)| chain.summary.name.to_string());
        let fields = fields(data, &name, form, Deploying { deploy, key, steps });
        view! {
            <Page title=words(|t| t.chaincode) crumbs=chain_crumbs(&name)>
                {chain_tabs(&name)}
                {move || data.with(|(chain, deployed, _)| list(chain, deployed, form, steps))}
                {fields}
                <Notice error=step_refused/>
                <Notice error=refused/>
            </Page>
        }
        .into_any()
    })
}

/// What a click on the form begins.
#[derive(Clone, Copy)]
struct Deploying {
    deploy: Deployment,
    /// Of the attempt.
    key: RwSignal<String>,
    steps: board::Steps,
}

/// The form while there is an offer: it stays as it is while the page around it follows what the portal says.
fn fields(data: RwSignal<Data>, chain: &str, form: Form, deploying: Deploying) -> AnyView {
    take_in(move || {
        data.with(|(_, deployed, offer)| {
            if let Some((sample, channels)) = offer {
                form.fill(sample, channels.clone(), deployed);
            }
        });
    });
    let chain = StoredValue::new(chain.to_owned());
    view! {
        <Show
            when=move || data.with(|(_, _, offer)| offer.is_some())
            fallback=|| view! { <p class="notice">{tr(|t| t.deploying().deploy_not_now)}</p> }
        >
            <Deploy form=form chain=chain.get_value() deploying=deploying/>
        </Show>
    }
    .into_any()
}

async fn read(name: String) -> Result<Data, ApiError> {
    let name = chain_name(&name)?;
    let chain = chain_read(name.clone()).await?;
    let deployed = chaincode_list(name.clone()).await?;
    if !chain.verbs.contains(&ChainVerb::Update) {
        return Ok((chain, deployed, None));
    }
    let channels = channel_list(name.clone()).await?;
    Ok((chain, deployed, Some((chaincode_sample(name).await?, channels))))
}

fn list(chain: &ChainView, deployed: &[ChaincodeView], form: Form, steps: board::Steps) -> AnyView {
    if deployed.is_empty() {
        return empty(|t| t.no_chaincode, |t| t.no_chaincode_hint, None);
    }
    deployed.iter().map(|one| card(chain, one.clone(), form, steps)).collect_view().into_any()
}

fn card(chain: &ChainView, one: ChaincodeView, form: Form, steps: board::Steps) -> AnyView {
    let (version, sequence) = (one.version.clone(), one.sequence.to_string());
    let definition = say(move |t| {
        fill(t.deploying().definition, &[("version", version.clone()), ("sequence", sequence.clone())])
    });
    let board = board::board(chain, &one, steps);
    let draft = (!one.committed).then(|| view! { <p class="notice">{tr(|t| t.deploying().draft_hint)}</p> });
    let chain = chain.summary.name.to_string();
    let again = one.clone();
    let digest = one.image_digest.clone().map(|digest| view! { " " <Copyable text=digest/> });
    let upgrade = move |_| form.upgrade(&again);
    view! {
        <section class="card">
            <header class="page-head">
                <h2>{one.name.to_string()} <span class="muted small">" · " {one.channel.to_string()}</span></h2>
                <div class="row">
                    <a class="button" href=format!("/chains/{chain}/invoke")>{tr(|t| t.invoke)}</a>
                    <a class="button" href="#deploy" on:click=upgrade>{tr(|t| t.deploying().upgrade)}</a>
                </div>
            </header>
            <dl class="facts">
                <dt>{tr(|t| t.version)}</dt>
                <dd>{definition}</dd>
                <dt>{tr(|t| t.image)}</dt>
                <dd><Copyable text=one.image.clone()/> " " <Copyable text=one.image_id.clone()/> {digest}</dd>
                <dt>{tr(|t| t.policy)}</dt>
                <dd>{one.policy.clone().map_or_else(
                    || view! { {tr(|t| t.deploying().policy_majority)} }.into_any(),
                    |p| view! { <code>{p}</code> }.into_any(),
                )}</dd>
                <dt>{tr(|t| t.deploying().deployed)}</dt>
                <dd><Time ms=one.deployed_ms/></dd>
            </dl>
            {draft}
            {board}
        </section>
    }
    .into_any()
}

/// The fields of a deployment.
#[derive(Clone, Copy)]
struct Form {
    filled: StoredValue<bool>,
    channels: RwSignal<Vec<ChannelView>>,
    channel: RwSignal<String>,
    name: RwSignal<String>,
    version: RwSignal<String>,
    image: RwSignal<String>,
    policy: PolicyForm,
    init_required: RwSignal<bool>,
    package: Package,
    /// What is wrong with what was typed; a refresh of the page leaves it there.
    wrong: RwSignal<Option<domain::Error>>,
    /// Peers that do not get the package.
    left_out: RwSignal<Vec<NodeName>>,
}

impl Form {
    fn empty() -> Self {
        let text = || RwSignal::new(String::new());
        Self {
            filled: StoredValue::new(false),
            channels: RwSignal::new(Vec::new()),
            channel: text(),
            name: text(),
            version: text(),
            image: text(),
            policy: PolicyForm::empty(),
            init_required: RwSignal::new(false),
            package: Package::none(),
            wrong: RwSignal::new(None),
            left_out: RwSignal::new(Vec::new()),
        }
    }

    /// Takes the channels, and the first time the sample.
    fn fill(self, sample: &DeploySpec, mut channels: Vec<ChannelView>, deployed: &[ChaincodeView]) {
        // Heights grow while somebody chooses: what is not shown here must not draw the choices anew.
        for channel in &mut channels {
            channel.height = None;
            // A peer that does not serve the channel cannot run its chaincode.
            channel.peers.retain(|peer| peer.joined != Some(false));
            channel.peers.iter_mut().for_each(|peer| (peer.joined, peer.height) = (None, None));
        }
        if *self.channels.read_untracked() != channels {
            self.channels.set(channels);
        }
        if self.filled.get_value() {
            return;
        }
        self.filled.set_value(true);
        self.channel.set(sample.channel.to_string());
        self.name.set(sample.name.to_string());
        self.image.set(sample.image.clone());
        self.policy.take(sample.policy.as_deref());
        self.init_required.set(sample.init_required);
        let before = deployed.iter().find(|d| d.name == sample.name && d.channel == sample.channel);
        self.version.set(before.map_or_else(|| sample.version.clone(), |d| next_version(&d.version)));
    }

    /// Fills in an upgrade of what is deployed.
    fn upgrade(self, one: &ChaincodeView) {
        self.channel.set(one.channel.to_string());
        self.name.set(one.name.to_string());
        self.image.set(one.image.clone());
        self.policy.take(one.policy.as_deref());
        self.init_required.set(one.init_required);
        self.version.set(next_version(&one.version));
        self.package.clear();
    }

    /// Something of the chosen channel; nothing while none is chosen.
    fn here<T: Default>(self, pick: impl Fn(&ChannelView) -> T) -> T {
        let channel = self.channel.read();
        let channels = self.channels.read();
        channels.iter().find(|one| one.name.as_str() == channel.as_str()).map(pick).unwrap_or_default()
    }

    fn organizations(self) -> Vec<OrganizationName> {
        self.here(|channel| channel.organizations.clone())
    }

    fn peers(self) -> Vec<NodeName> {
        self.here(|channel| channel.peers.iter().map(|peer| peer.node.clone()).collect())
    }

    /// The peers that get the package, at least one.
    fn parse_peers(self) -> Result<Vec<NodeName>, domain::Error> {
        remaining(untrack(|| self.peers()), &self.left_out.get_untracked())
    }

    /// The peers of a whole deployment.
    fn chosen_peers(self) -> Result<Vec<NodeName>, domain::Error> {
        chosen(untrack(|| self.peers()), &self.left_out.get_untracked())
    }

    fn parse(self, chain: &str) -> Result<DeploySpec, domain::Error> {
        let spec = DeploySpec {
            chain: domain::name::ChainName::parse(chain)?,
            channel: ChannelName::parse(self.channel.get_untracked().trim()).map_err(|e| e.on("channel"))?,
            name: ChaincodeName::parse(self.name.get_untracked().trim()).map_err(|e| e.on("name"))?,
            version: self.version.get_untracked().trim().to_owned(),
            image: self.image.get_untracked().trim().to_owned(),
            policy: self.policy.parse()?,
            init_required: self.init_required.get_untracked(),
            label: self.package.label(),
            peers: Vec::new(),
        };
        spec.check()?;
        Ok(spec)
    }
}

/// The peers that are not left out, at least one.
fn remaining(mut peers: Vec<NodeName>, left_out: &[NodeName]) -> Result<Vec<NodeName>, domain::Error> {
    peers.retain(|peer| !left_out.contains(peer));
    if peers.is_empty() {
        return Err(domain::Error::invalid(domain::Code::FieldMissing).on("peers"));
    }
    Ok(peers)
}

/// The same for a deployment, where none means all: also those that join while it runs.
fn chosen(peers: Vec<NodeName>, left_out: &[NodeName]) -> Result<Vec<NodeName>, domain::Error> {
    if peers.iter().any(|peer| left_out.contains(peer)) { remaining(peers, left_out) } else { Ok(Vec::new()) }
}

/// The next whole number after the last one in a version: `1.0` → `1.1`, `3` → `4`.
fn next_version(version: &str) -> String {
    let digits = version.chars().rev().take_while(char::is_ascii_digit).count();
    let (head, tail) = version.split_at(version.len() - digits);
    tail.parse::<u64>().map_or_else(|_| format!("{version}-2"), |n| format!("{head}{}", n.saturating_add(1)))
}

type Deployment = Action<DeploySpec, Result<OperationId, ApiError>>;

#[component]
fn Deploy(form: Form, chain: String, deploying: Deploying) -> impl IntoView {
    let Deploying { deploy, key, steps } = deploying;
    let wrong = form.wrong;
    let name = chain.clone();
    let package = form.package.field(&chain);
    // Begins a definition whose steps are then taken one by one on its board.
    let parse = move || -> Result<_, domain::Error> { Ok((form.parse(&name)?, form.parse_peers()?)) };
    let install = move |_| match parse() {
        Ok(_) if steps.pending().get_untracked() => {}
        Ok((spec, peers)) => {
            wrong.set(None);
            steps.dispatch(board::Step::Install(spec, peers));
        }
        Err(error) => wrong.set(Some(error)),
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let parsed = form.parse(&chain);
        let parsed = parsed.and_then(|spec| Ok(DeploySpec { peers: form.chosen_peers()?, ..spec }));
        match parsed {
            Ok(_) if deploy.pending().get_untracked() => {}
            Ok(spec) => {
                wrong.set(None);
                // A key per attempt: what is clicked twice before the answer is one deployment.
                key.set(new_key());
                deploy.dispatch(spec);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    let dirty = guarded();
    view! {
        <form method="post" class="card form" id="deploy" on:input=move |_| dirty.set(true) on:submit=submit>
            <h2>{tr(|t| t.deploy_chaincode)}</h2>
            <p class="muted">{tr(|t| t.deploying().deploy_hint)}</p>
            <NeedsScript/>
            <Definition form=form wrong=wrong/>
            <details class="advanced">
                <summary>{tr(|t| t.advanced)}</summary>
                {package}
                <PolicyEditor form=form.policy organizations=Signal::derive(move || form.organizations())/>
                <TextField id="policy" label=words(|t| t.policy) value=form.policy.expression
                    hint=words(|t| t.policy_hint) error=wrong_on(wrong, "policy")/>
                <CheckField id="init_required" label=words(|t| t.init_required) value=form.init_required/>
                <Peers form=form wrong=wrong/>
            </details>
            <div class="row end">
                <button type="button" class="button" disabled=move || steps.pending().get() on:click=install>
                    {tr(|t| t.deploying().install_only)}
                </button>
                <button type="submit" class="button primary" disabled=move || deploy.pending().get()>
                    {tr(|t| t.deploying().deploy)}
                </button>
            </div>
        </form>
    }
}

/// What is deployed where.
#[component]
fn Definition(form: Form, wrong: RwSignal<Option<domain::Error>>) -> impl IntoView {
    let channels = Signal::derive(move || {
        let channels = form.channels.read();
        channels.iter().map(|one| (one.name.to_string(), one.name.to_string())).collect()
    });
    view! {
        <div class="columns">
            <SelectField id="channel" label=words(|t| t.channel) value=form.channel options=channels
                error=wrong_on(wrong, "channel")/>
            <TextField id="name" label=words(|t| t.name) value=form.name hint=words(|t| t.name_hint)
                error=wrong_on(wrong, "name")/>
            <TextField id="version" label=words(|t| t.version) value=form.version
                error=wrong_on(wrong, "version")/>
        </div>
        <TextField id="image" label=words(|t| t.image) value=form.image hint=words(|t| t.deploying().image_hint)
            error=wrong_on(wrong, "image")/>
    }
}

/// Which peers of the channel's members get the package.
#[component]
fn Peers(form: Form, wrong: RwSignal<Option<domain::Error>>) -> impl IntoView {
    let choice = move |peer: NodeName| {
        let (key, same) = (peer.clone(), peer.clone());
        view! {
            <label class="check">
                <input
                    type="checkbox"
                    name="peers"
                    value=peer.to_string()
                    prop:checked=move || !form.left_out.read().contains(&same)
                    on:change=move |_| toggle(form.left_out, &key)
                />
                <span>{peer.to_string()}</span>
            </label>
        }
    };
    let peers_wrong = wrong_on(wrong, "peers");
    view! {
        <fieldset class="field">
            <legend>{tr(|t| t.deploying().install_peers)}</legend>
            {move || form.peers().into_iter().map(choice).collect_view()}
            <p class="field-error" aria-live="polite">{move || peers_wrong.get()}</p>
        </fieldset>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_version_counts_on() {
        for (version, next) in
            [("1", "2"), ("1.0", "1.1"), ("v9", "v10"), ("1.9", "1.10"), ("beta", "beta-2")]
        {
            assert_eq!(next_version(version), next);
        }
    }

    #[test]
    fn a_deployment_names_peers_only_where_some_are_left_out() {
        let peers = |names: &[&str]| -> Vec<NodeName> {
            names.iter().map(|name| NodeName::parse(name).unwrap()).collect()
        };
        let all = || peers(&["peer0-org1", "peer0-org2"]);
        assert_eq!(chosen(all(), &[]).unwrap(), peers(&[]));
        // What is left out of another channel does not count here.
        assert_eq!(chosen(all(), &peers(&["peer9-org9"])).unwrap(), peers(&[]));
        assert_eq!(chosen(all(), &peers(&["peer0-org1"])).unwrap(), peers(&["peer0-org2"]));
        assert_eq!(chosen(all(), &all()).unwrap_err().field.as_deref(), Some("peers"));
    }
}
