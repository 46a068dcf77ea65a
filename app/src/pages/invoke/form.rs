//! What somebody has typed about a call, and what it means.

use domain::chain::ChainView;
use domain::chaincode::ChaincodeView;
use domain::name::{ChainName, ChaincodeName, ChannelName, OrganizationName};
use domain::transaction::CallSpec;
use leptos::prelude::*;

use super::arguments::{from_json, from_lines, transient_from_json};

/// Mark of the sample in names and images.
const SAMPLE: &str = "example02";

/// What the form must know of a chaincode that can be called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deployed {
    channel: String,
    name: String,
    is_sample: bool,
    init_required: bool,
    /// Members of its channel; none while nobody can be asked.
    members: Vec<String>,
}

impl Deployed {
    /// What is committed; a definition on its way cannot be called.
    fn of(one: &ChaincodeView) -> Option<Self> {
        one.committed.then(|| Self {
            channel: one.channel.to_string(),
            name: one.name.to_string(),
            is_sample: one.name.as_str().contains(SAMPLE) || one.image.contains(SAMPLE),
            init_required: one.init_required,
            members: one.readiness.iter().map(|row| row.organization.to_string()).collect(),
        })
    }
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
    /// What is wrong with what was typed; a refresh of the page leaves it there.
    pub wrong: RwSignal<Option<domain::Error>>,
    pub channels: Signal<Vec<(String, String)>>,
    pub chaincodes: Signal<Vec<(String, String)>>,
    /// Members of the chosen chaincode's channel.
    pub organizations: Signal<Vec<(String, String)>>,
    /// Of the whole chain.
    everybody: RwSignal<Vec<(String, String)>>,
}

/// Keeps a choice among what is offered: whoever changes the channel must not call what stood there before.
fn keep_among(choice: RwSignal<String>, offered: Signal<Vec<(String, String)>>) {
    Effect::new(move |_| {
        let (offered, chosen) = (offered.get(), choice.get_untracked());
        let first = offered.first().map(|(key, _)| key.clone()).unwrap_or_default();
        if first != chosen && offered.iter().all(|(key, _)| *key != chosen) {
            choice.set(first);
        }
    });
}

fn pair(text: &str) -> (String, String) {
    (text.to_owned(), text.to_owned())
}

impl Form {
    /// Nothing yet.
    pub fn empty() -> Self {
        let text = |value: &str| RwSignal::new(value.to_owned());
        let deployed = RwSignal::new(Vec::<Deployed>::new());
        let (channel, chaincode, organization) = (text(""), text(""), text(""));
        let everybody = RwSignal::new(Vec::new());
        let channels = Signal::derive(move || {
            let mut names: Vec<String> = deployed.read().iter().map(|one| one.channel.clone()).collect();
            names.dedup();
            names.iter().map(|name| pair(name)).collect()
        });
        let chaincodes = Signal::derive(move || {
            let here = channel.get();
            deployed.read().iter().filter(|one| one.channel == here).map(|one| pair(&one.name)).collect()
        });
        let organizations = Signal::derive(move || {
            let (here, name) = (channel.get(), chaincode.get());
            let deployed = deployed.read();
            let chosen = deployed.iter().find(|one| one.channel == here && one.name == name);
            match chosen.filter(|one| !one.members.is_empty()) {
                Some(one) => one.members.iter().map(|name| pair(name)).collect(),
                None => everybody.get(),
            }
        });
        let endorsers = RwSignal::new(Vec::<String>::new());
        keep_among(channel, channels);
        keep_among(chaincode, chaincodes);
        keep_among(organization, organizations);
        Effect::new(move |_| {
            let members = organizations.read();
            let is_member = |name: &String| members.iter().any(|(key, _)| key == name);
            if !endorsers.read_untracked().iter().all(is_member) {
                endorsers.update(|names| names.retain(is_member));
            }
        });
        Self {
            filled: StoredValue::new(false),
            deployed,
            channel,
            chaincode,
            organization,
            function: text(""),
            mode: text("list"),
            list: text(""),
            json: text(""),
            transient: text(""),
            endorsers,
            is_init: RwSignal::new(false),
            wrong: RwSignal::new(None),
            channels,
            chaincodes,
            organizations,
            everybody,
        }
    }

    /// Takes what there is; what was chosen before stays.
    pub fn fill_once(self, chain: &ChainView, deployed: &[ChaincodeView]) {
        let mut rows: Vec<Deployed> = deployed.iter().filter_map(Deployed::of).collect();
        let first = rows.first().cloned();
        rows.sort();
        if *self.deployed.read_untracked() != rows {
            self.deployed.set(rows);
        }
        if self.filled.get_value() {
            return;
        }
        self.filled.set_value(true);
        self.everybody.set(chain.spec.organizations.iter().map(|o| pair(o.name.as_str())).collect());
        if let Some(one) = first {
            self.channel.set(one.channel);
            self.chaincode.set(one.name);
        }
        let members = self.organizations.get_untracked();
        self.organization.set(members.first().map(|(key, _)| key.clone()).unwrap_or_default());
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

#[cfg(test)]
mod tests {
    use domain::chaincode::ReadinessView;

    use super::*;

    fn view(committed: bool) -> ChaincodeView {
        ChaincodeView {
            channel: ChannelName::parse("second").unwrap(),
            name: ChaincodeName::parse("example02").unwrap(),
            version: "1".to_owned(),
            sequence: 1,
            image: String::new(),
            image_id: String::new(),
            image_digest: None,
            policy: None,
            init_required: false,
            committed,
            deployed_ms: 0,
            readiness: vec![ReadinessView {
                organization: OrganizationName::parse("org2").unwrap(),
                installed: Vec::new(),
                missing: Vec::new(),
                approved: true,
            }],
        }
    }

    #[test]
    fn what_is_committed_can_be_called_by_the_members_of_its_channel() {
        assert_eq!(Deployed::of(&view(true)).unwrap().members, ["org2"]);
        assert_eq!(Deployed::of(&view(false)), None);
    }
}
