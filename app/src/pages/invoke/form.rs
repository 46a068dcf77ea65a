//! What somebody has typed about a call, and what it means.

use domain::chain::ChainView;
use domain::chaincode::ChaincodeView;
use domain::name::{ChainName, ChaincodeName, ChannelName, OrganizationName};
use domain::transaction::CallSpec;
use leptos::prelude::*;

use super::arguments::{from_json, from_lines, transient_from_json};

/// Mark of the sample in names and images.
const SAMPLE: &str = "example02";

/// What the form must know of a deployed chaincode.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deployed {
    channel: String,
    name: String,
    is_sample: bool,
    init_required: bool,
}

/// The fields; they outlive a refresh of the page's data.
#[derive(Clone, Copy)]
pub struct Form {
    filled: StoredValue<bool>,
    deployed: RwSignal<Vec<Deployed>>,
    pub channel: RwSignal<String>,
    pub chaincode: RwSignal<String>,
    pub organization: RwSignal<String>,
    pub function: RwSignal<String>,
    pub mode: RwSignal<String>,
    pub list: RwSignal<String>,
    pub json: RwSignal<String>,
    pub transient: RwSignal<String>,
    /// Organizations that must endorse; none: the peer chooses.
    pub endorsers: RwSignal<Vec<String>>,
    pub is_init: RwSignal<bool>,
    pub channels: Signal<Vec<(String, String)>>,
    pub chaincodes: Signal<Vec<(String, String)>>,
    pub organizations: RwSignal<Vec<(String, String)>>,
}

fn pair(text: &str) -> (String, String) {
    (text.to_owned(), text.to_owned())
}

impl Form {
    /// Nothing yet.
    pub fn empty() -> Self {
        let text = |value: &str| RwSignal::new(value.to_owned());
        let deployed = RwSignal::new(Vec::<Deployed>::new());
        let channel = text("");
        let channels = Signal::derive(move || {
            let mut names: Vec<String> = deployed.read().iter().map(|one| one.channel.clone()).collect();
            names.dedup();
            names.iter().map(|name| pair(name)).collect()
        });
        let chaincodes = Signal::derive(move || {
            let here = channel.get();
            deployed.read().iter().filter(|one| one.channel == here).map(|one| pair(&one.name)).collect()
        });
        Self {
            filled: StoredValue::new(false),
            deployed,
            channel,
            chaincode: text(""),
            organization: text(""),
            function: text(""),
            mode: text("list"),
            list: text(""),
            json: text(""),
            transient: text(""),
            endorsers: RwSignal::new(Vec::new()),
            is_init: RwSignal::new(false),
            channels,
            chaincodes,
            organizations: RwSignal::new(Vec::new()),
        }
    }

    /// Takes what there is; what was chosen before stays.
    pub fn fill_once(self, chain: &ChainView, deployed: &[ChaincodeView]) {
        let mut rows: Vec<Deployed> = deployed
            .iter()
            .map(|one| Deployed {
                channel: one.channel.to_string(),
                name: one.name.to_string(),
                is_sample: one.name.as_str().contains(SAMPLE) || one.image.contains(SAMPLE),
                init_required: one.init_required,
            })
            .collect();
        rows.sort();
        if *self.deployed.read_untracked() != rows {
            self.deployed.set(rows);
        }
        if self.filled.get_value() {
            return;
        }
        self.filled.set_value(true);
        self.organizations.set(chain.spec.organizations.iter().map(|o| pair(o.name.as_str())).collect());
        let first = chain.spec.organizations.first();
        self.organization.set(first.map(|o| o.name.to_string()).unwrap_or_default());
        if let Some(one) = deployed.first() {
            self.channel.set(one.channel.to_string());
            self.chaincode.set(one.name.to_string());
        }
    }

    /// Whether the chosen chaincode is the sample.
    pub fn is_sample(self) -> bool {
        self.chosen().is_some_and(|one| one.is_sample)
    }

    /// Whether the chosen chaincode waits for an init call.
    pub fn needs_init(self) -> bool {
        self.chosen().is_some_and(|one| one.init_required)
    }

    fn chosen(self) -> Option<Deployed> {
        let (channel, name) = (self.channel.get(), self.chaincode.get());
        self.deployed.read().iter().find(|one| one.channel == channel && one.name == name).cloned()
    }

    /// Adds an organization to those that must endorse, or takes it away.
    pub fn toggle_endorser(self, name: &str) {
        self.endorsers.update(|names| match names.iter().position(|one| one == name) {
            Some(at) => drop(names.remove(at)),
            None => names.push(name.to_owned()),
        });
    }

    /// Fills in a call.
    pub fn take(self, function: &str, arguments: &[&str]) {
        self.function.set(function.to_owned());
        self.list.set(arguments.join("\n"));
        self.json.set(serde_json::to_string(arguments).unwrap_or_default());
    }

    /// What it means; the first refusal names its field.
    pub fn parse(self, chain: &str, key: String) -> Result<CallSpec, domain::Error> {
        let arguments = if self.mode.read_untracked().as_str() == "json" {
            from_json(&self.json.read_untracked())?
        } else {
            from_lines(&self.list.read_untracked())
        };
        let transient = transient_from_json(&self.transient.read_untracked())?;
        let mut endorsers = Vec::new();
        for name in self.endorsers.read_untracked().iter() {
            endorsers.push(OrganizationName::parse(name).map_err(|e| e.on("endorsers"))?);
        }
        let call = CallSpec {
            chain: ChainName::parse(chain)?,
            channel: ChannelName::parse(&self.channel.read_untracked()).map_err(|e| e.on("channel"))?,
            chaincode: ChaincodeName::parse(&self.chaincode.read_untracked())
                .map_err(|e| e.on("chaincode"))?,
            organization: OrganizationName::parse(&self.organization.read_untracked())
                .map_err(|e| e.on("organization"))?,
            function: self.function.get_untracked().trim().to_owned(),
            arguments,
            transient,
            endorsers,
            is_init: self.is_init.get_untracked() && untrack(|| self.needs_init()),
            idempotency_key: key,
        };
        call.check()?;
        Ok(call)
    }
}
