//! What is deployed on a chain and how ready each organization is; deploying and upgrading.

use domain::chain::{ChainVerb, ChainView};
use domain::chaincode::{ChaincodeView, DeploySpec};
use domain::id::OperationId;
use domain::name::{ChaincodeName, ChannelName, NodeName, OrganizationName};
use domain::node::NodeKind;
use leptos::prelude::*;

use super::host_new::wrong_on;
use super::{chain_name, follow, parameter};
use crate::api::ApiError;
use crate::api::chain::chain_read;
use crate::api::chaincode::{chaincode_deploy, chaincode_list, chaincode_sample};
use crate::browser::new_key;
use crate::components::copy::Copyable;
use crate::components::field::{CheckField, TextField};
use crate::components::load::load;
use crate::components::notice::Notice;
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::events;
use crate::layout::{chain_crumbs, chain_tabs};
use crate::text::{fill, say, tr, words};

mod board;
mod policy;

use policy::PolicyEditor;

/// What the page shows.
type Data = (ChainView, Vec<ChaincodeView>, DeploySpec);

/// The page.
#[component]
pub fn Chaincode() -> impl IntoView {
    let name = parameter("name");
    let tick = events::ticks(move |m| m.touches("chain", &name.read_untracked()));
    let data = Resource::new(move || (name.get(), tick.get()), |(name, _)| read(name));
    // The form and its action outlive a refresh: what is typed stays, and an answer finds its page.
    let form = Form::empty();
    let key = RwSignal::new(String::new());
    let deploy = Action::new(move |spec: &DeploySpec| chaincode_deploy(spec.clone(), key.get_untracked()));
    let refused = follow(deploy);
    let steps = board::steps();
    let step_refused = follow(steps);
    load(data, move |(chain, deployed, sample), _| {
        form.fill_once(&sample, &deployed);
        let name = chain.summary.name.to_string();
        let fields = if chain.verbs.contains(&ChainVerb::Update) {
            let organizations = chain.spec.organizations.iter().map(|one| one.name.clone()).collect();
            let peers = chain.nodes.iter().filter(|node| node.kind == NodeKind::Peer);
            let peers: Vec<NodeName> = peers.map(|node| node.name.clone()).collect();
            view! { <Deploy form=form chain=name.clone() deploy=deploy key=key organizations=organizations
            steps=steps peers=peers/> }
            .into_any()
        } else {
            view! { <p class="notice">{tr(|t| t.deploy_not_now)}</p> }.into_any()
        };
        view! {
            <Page title=words(|t| t.chaincode) crumbs=chain_crumbs(&name)>
                {chain_tabs(&name)}
                {list(&chain, deployed, form, steps)}
                {fields}
                <Notice error=step_refused/>
                <Notice error=refused/>
            </Page>
        }
        .into_any()
    })
}

async fn read(name: String) -> Result<Data, ApiError> {
    let name = chain_name(&name)?;
    let chain = chain_read(name.clone()).await?;
    let deployed = chaincode_list(name.clone()).await?;
    Ok((chain, deployed, chaincode_sample(name).await?))
}

fn list(chain: &ChainView, deployed: Vec<ChaincodeView>, form: Form, steps: board::Steps) -> AnyView {
    if deployed.is_empty() {
        return empty(|t| t.no_chaincode, |t| t.no_chaincode_hint, None);
    }
    deployed.into_iter().map(|one| card(chain, one, form, steps)).collect_view().into_any()
}

fn card(chain: &ChainView, one: ChaincodeView, form: Form, steps: board::Steps) -> AnyView {
    let (version, sequence) = (one.version.clone(), one.sequence.to_string());
    let definition =
        say(move |t| fill(t.definition, &[("version", version.clone()), ("sequence", sequence.clone())]));
    let board = board::board(chain, &one, steps);
    let draft = (!one.committed).then(|| view! { <p class="notice">{tr(|t| t.draft_hint)}</p> });
    let chain = chain.summary.name.to_string();
    let again = one.clone();
    let upgrade = move |_| form.upgrade(&again);
    view! {
        <section class="card">
            <header class="page-head">
                <h2>{one.name.to_string()} <span class="muted small">" · " {one.channel.to_string()}</span></h2>
                <div class="row">
                    <a class="button" href=format!("/chains/{chain}/invoke")>{tr(|t| t.invoke)}</a>
                    <a class="button" href="#deploy" on:click=upgrade>{tr(|t| t.upgrade)}</a>
                </div>
            </header>
            <dl class="facts">
                <dt>{tr(|t| t.version)}</dt>
                <dd>{definition}</dd>
                <dt>{tr(|t| t.image)}</dt>
                <dd><Copyable text=one.image.clone()/> " " <Copyable text=one.image_id.clone()/></dd>
                <dt>{tr(|t| t.policy)}</dt>
                <dd>{one.policy.clone().map_or_else(
                    || view! { {tr(|t| t.policy_majority)} }.into_any(),
                    |p| view! { <code>{p}</code> }.into_any(),
                )}</dd>
                <dt>{tr(|t| t.deployed)}</dt>
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
    channel: RwSignal<String>,
    name: RwSignal<String>,
    version: RwSignal<String>,
    image: RwSignal<String>,
    policy: RwSignal<String>,
    init_required: RwSignal<bool>,
}

impl Form {
    fn empty() -> Self {
        let text = || RwSignal::new(String::new());
        Self {
            filled: StoredValue::new(false),
            channel: text(),
            name: text(),
            version: text(),
            image: text(),
            policy: text(),
            init_required: RwSignal::new(false),
        }
    }

    /// Takes the sample, the first time only.
    fn fill_once(self, sample: &DeploySpec, deployed: &[ChaincodeView]) {
        if self.filled.get_value() {
            return;
        }
        self.filled.set_value(true);
        self.channel.set(sample.channel.to_string());
        self.name.set(sample.name.to_string());
        self.image.set(sample.image.clone());
        self.policy.set(sample.policy.clone().unwrap_or_default());
        self.init_required.set(sample.init_required);
        let before = deployed.iter().find(|d| d.name == sample.name && d.channel == sample.channel);
        self.version.set(before.map_or_else(|| sample.version.clone(), |d| next_version(&d.version)));
    }

    /// Fills in an upgrade of what is deployed.
    fn upgrade(self, one: &ChaincodeView) {
        self.channel.set(one.channel.to_string());
        self.name.set(one.name.to_string());
        self.image.set(one.image.clone());
        self.policy.set(one.policy.clone().unwrap_or_default());
        self.init_required.set(one.init_required);
        self.version.set(next_version(&one.version));
    }

    fn parse(self, chain: &str) -> Result<DeploySpec, domain::Error> {
        let policy = self.policy.get_untracked().trim().to_owned();
        let spec = DeploySpec {
            chain: domain::name::ChainName::parse(chain)?,
            channel: ChannelName::parse(self.channel.get_untracked().trim()).map_err(|e| e.on("channel"))?,
            name: ChaincodeName::parse(self.name.get_untracked().trim()).map_err(|e| e.on("name"))?,
            version: self.version.get_untracked().trim().to_owned(),
            image: self.image.get_untracked().trim().to_owned(),
            policy: (!policy.is_empty()).then_some(policy),
            init_required: self.init_required.get_untracked(),
            label: None,
        };
        spec.check()?;
        Ok(spec)
    }
}

/// The next whole number after the last one in a version: `1.0` → `1.1`, `3` → `4`.
fn next_version(version: &str) -> String {
    let digits = version.chars().rev().take_while(char::is_ascii_digit).count();
    let (head, tail) = version.split_at(version.len() - digits);
    tail.parse::<u64>().map_or_else(|_| format!("{version}-2"), |n| format!("{head}{}", n.saturating_add(1)))
}

type Deployment = Action<DeploySpec, Result<OperationId, ApiError>>;

#[component]
fn Deploy(
    form: Form,
    chain: String,
    deploy: Deployment,
    key: RwSignal<String>,
    organizations: Vec<OrganizationName>,
    steps: board::Steps,
    peers: Vec<NodeName>,
) -> impl IntoView {
    let wrong = RwSignal::new(None::<domain::Error>);
    let name = chain.clone();
    // Begins a definition whose steps are then taken one by one on its board.
    let install = move |_| match form.parse(&name) {
        Ok(_) if steps.pending().get_untracked() => {}
        Ok(spec) => {
            wrong.set(None);
            steps.dispatch(board::Step::Install(spec, peers.clone()));
        }
        Err(error) => wrong.set(Some(error)),
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match form.parse(&chain) {
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
    view! {
        <form class="card form" id="deploy" on:submit=submit>
            <h2>{tr(|t| t.deploy_chaincode)}</h2>
            <p class="muted">{tr(|t| t.deploy_hint)}</p>
            <div class="columns">
                <TextField id="channel" label=words(|t| t.channel) value=form.channel
                    error=wrong_on(wrong, "channel")/>
                <TextField id="name" label=words(|t| t.name) value=form.name hint=words(|t| t.name_hint)
                    error=wrong_on(wrong, "name")/>
                <TextField id="version" label=words(|t| t.version) value=form.version
                    error=wrong_on(wrong, "version")/>
            </div>
            <TextField id="image" label=words(|t| t.image) value=form.image hint=words(|t| t.image_hint)
                error=wrong_on(wrong, "image")/>
            <details class="advanced">
                <summary>{tr(|t| t.advanced)}</summary>
                <PolicyEditor expression=form.policy organizations=organizations/>
                <TextField id="policy" label=words(|t| t.policy) value=form.policy hint=words(|t| t.policy_hint)
                    error=wrong_on(wrong, "policy")/>
                <CheckField id="init_required" label=words(|t| t.init_required) value=form.init_required/>
            </details>
            <div class="row end">
                <button type="button" class="button" disabled=move || steps.pending().get() on:click=install>
                    {tr(|t| t.install_only)}
                </button>
                <button type="submit" class="button primary" disabled=move || deploy.pending().get()>
                    {tr(|t| t.deploy)}
                </button>
            </div>
        </form>
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
}
