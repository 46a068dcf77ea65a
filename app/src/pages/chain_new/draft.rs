//! What somebody has typed about a chain, and what it means. The same checks run on the server again.

use domain::chain::{ChainOffer, ChainSpec, Consensus, FabricVersion, NodeResources, OrganizationSpec};
use domain::id::HostId;
use domain::name::{ChainName, ChannelName, OrganizationName};
use domain::{Code, Error};
use leptos::prelude::*;

/// The fields that can be refused, with the step that asks for each.
pub const FIELDS: [(&str, usize); 9] = [
    ("name", 0),
    ("host", 0),
    ("organizations", 1),
    ("consensus", 2),
    ("orderers", 2),
    ("channel", 2),
    ("batch_timeout_ms", 2),
    ("cpu_milli", 2),
    ("memory_mib", 2),
];

/// The step that asks for what an error is about; the last one where it names no field.
fn step_of(error: &Error) -> usize {
    FIELDS.iter().find(|(field, _)| error.field.as_deref() == Some(*field)).map_or(2, |(_, step)| *step)
}

/// One organization's row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Never comes again, so that a removed row does not give its fields to another.
    pub number: u32,
    pub name: RwSignal<String>,
    pub peers: RwSignal<String>,
}

impl Row {
    fn new(number: u32) -> Self {
        Self { number, name: RwSignal::new(format!("org{number}")), peers: RwSignal::new("2".to_owned()) }
    }
}

/// The fields, as signals; they live as long as the wizard, so that "back" keeps them.
#[derive(Clone, Copy)]
pub struct Form {
    pub name: RwSignal<String>,
    pub host: RwSignal<String>,
    pub version: RwSignal<String>,
    pub organizations: RwSignal<Vec<Row>>,
    pub consensus: RwSignal<String>,
    pub orderers: RwSignal<String>,
    pub channel: RwSignal<String>,
    pub batch_timeout: RwSignal<String>,
    pub cpu: RwSignal<String>,
    pub memory: RwSignal<String>,
    /// Names of other chains.
    taken: RwSignal<Vec<ChainName>>,
}

/// The same as plain text.
#[derive(Clone, Debug)]
pub struct Draft {
    pub name: String,
    /// Whether another chain has this name.
    pub name_taken: bool,
    pub host: String,
    pub version: String,
    pub organizations: Vec<(String, String)>,
    pub consensus: String,
    pub orderers: String,
    pub channel: String,
    pub batch_timeout: String,
    pub cpu: String,
    pub memory: String,
}

impl Form {
    /// The defaults: what is offered, two organizations with two peers each, one orderer, one channel.
    pub fn new(offer: &ChainOffer) -> Self {
        let text = |value: &str| RwSignal::new(value.to_owned());
        Self {
            name: text(offer.name.as_str()),
            host: text(offer.host.as_ref().map_or("", HostId::as_str)),
            version: text(FabricVersion::V2_5.as_str()),
            organizations: RwSignal::new(vec![Row::new(1), Row::new(2)]),
            consensus: text("raft"),
            orderers: text("1"),
            channel: text("mychannel"),
            batch_timeout: text("200"),
            cpu: text(&NodeResources::DEFAULT.cpu_milli.to_string()),
            memory: text(&NodeResources::DEFAULT.memory_mib.to_string()),
            taken: RwSignal::new(offer.taken.clone()),
        }
    }

    /// Takes in which names other chains have by now, and leaves alone what was typed.
    pub fn renew(self, offer: &ChainOffer) {
        self.taken.set(offer.taken.clone());
    }

    /// Adds a row with the next free name.
    pub fn add_organization(self) {
        let rows = self.organizations.get_untracked();
        let next = rows.iter().map(|row| row.number).max().unwrap_or(0) + 1;
        self.organizations.update(|rows| rows.push(Row::new(next)));
    }

    /// Takes a row away.
    pub fn remove_organization(self, number: u32) {
        self.organizations.update(|rows| rows.retain(|row| row.number != number));
    }

    /// Chooses how orderers agree, with the smallest number that fits.
    pub fn choose_consensus(self, consensus: &str) {
        self.consensus.set(consensus.to_owned());
        self.orderers.set(if consensus == "bft" { "4" } else { "1" }.to_owned());
        if consensus == "bft" {
            self.version.set(FabricVersion::V3_1.as_str().to_owned());
        }
    }

    /// What stands in the fields now.
    pub fn draft(self) -> Draft {
        untrack(|| self.watched())
    }

    /// The same, for what follows the fields as they change.
    pub fn watched(self) -> Draft {
        let name = self.name.get();
        let is_same = |known: &ChainName| known.as_str() == name.trim();
        Draft {
            name_taken: self.taken.with(|taken| taken.iter().any(is_same)),
            name,
            host: self.host.get(),
            version: self.version.get(),
            organizations: self
                .organizations
                .get()
                .into_iter()
                .map(|row| (row.name.get(), row.peers.get()))
                .collect(),
            consensus: self.consensus.get(),
            orderers: self.orderers.get(),
            channel: self.channel.get(),
            batch_timeout: self.batch_timeout.get(),
            cpu: self.cpu.get(),
            memory: self.memory.get(),
        }
    }
}

impl Draft {
    /// Checks the fields of the steps up to this one; the last one gives the whole specification.
    pub fn parse_up_to(self, step: usize) -> Result<Option<ChainSpec>, Error> {
        match self.problems(step).into_iter().next() {
            Some(error) => Err(error),
            None if step >= 2 => self.parse().map(Some),
            None => Ok(None),
        }
    }

    /// What is wrong with the fields of the steps up to this one, at most once each.
    pub fn problems(&self, step: usize) -> Vec<Error> {
        let host = self.host.is_empty().then(|| Error::invalid(Code::FieldMissing).on("host"));
        let each = [
            self.chain_name().err(),
            host,
            self.parse_organizations().err(),
            self.orderer_count().err(),
            self.first_channel().err(),
            self.batch_timeout_ms().err(),
            self.cpu_milli().err(),
            self.memory_mib().err(),
        ];
        let asked = |error: &Error| step_of(error) <= step;
        let mut found: Vec<Error> = each.into_iter().flatten().filter(asked).collect();
        // Limits of the chain as a whole, as far as they are about what has been asked so far.
        if let Err(error) = self.clone().parse()
            && asked(&error)
            && found.iter().all(|known| known.field != error.field)
        {
            found.push(error);
        }
        found
    }

    fn chain_name(&self) -> Result<ChainName, Error> {
        let name = ChainName::parse(self.name.trim()).map_err(|e| e.on("name"))?;
        if self.name_taken {
            return Err(Error::conflict(Code::ChainNameTaken).with("name", &name).on("name"));
        }
        Ok(name)
    }

    fn orderer_count(&self) -> Result<u16, Error> {
        number(&self.orderers, 1, 7).map_err(|e| e.on("orderers"))
    }

    fn first_channel(&self) -> Result<ChannelName, Error> {
        ChannelName::parse(self.channel.trim()).map_err(|e| e.on("channel"))
    }

    fn batch_timeout_ms(&self) -> Result<u32, Error> {
        within(&self.batch_timeout, 10, 60_000).map_err(|e| e.on("batch_timeout_ms"))
    }

    fn cpu_milli(&self) -> Result<u32, Error> {
        within(&self.cpu, 100, 64_000).map_err(|e| e.on("cpu_milli"))
    }

    fn memory_mib(&self) -> Result<u32, Error> {
        within(&self.memory, 64, 262_144).map_err(|e| e.on("memory_mib"))
    }

    fn parse_organizations(&self) -> Result<Vec<OrganizationSpec>, Error> {
        self.organizations
            .iter()
            .map(|(name, peers)| {
                let name = OrganizationName::parse(name.trim()).map_err(|e| e.on("organizations"))?;
                Ok(OrganizationSpec { name, peers: number(peers, 1, 26).map_err(|e| e.on("organizations"))? })
            })
            .collect()
    }

    /// What it means; the first refusal names its field.
    pub fn parse(self) -> Result<ChainSpec, Error> {
        let organizations = self.parse_organizations()?;
        let spec = ChainSpec {
            name: self.chain_name()?,
            host: HostId::new(self.host.clone()),
            version: if self.version == FabricVersion::V3_1.as_str() {
                FabricVersion::V3_1
            } else {
                FabricVersion::V2_5
            },
            consensus: if self.consensus == "bft" { Consensus::Bft } else { Consensus::Raft },
            orderers: self.orderer_count()?,
            organizations,
            channel: self.first_channel()?,
            batch_timeout_ms: self.batch_timeout_ms()?,
            resources: NodeResources { cpu_milli: self.cpu_milli()?, memory_mib: self.memory_mib()? },
        };
        spec.check()?;
        Ok(spec)
    }
}

/// A number that is checked here, too, so that its field says so whatever else is wrong.
fn within(text: &str, min: u32, max: u32) -> Result<u32, Error> {
    let found = number(text, min, max)?;
    if (min..=max).contains(&found) { Ok(found) } else { Err(outside(min, max)) }
}

fn outside(min: u32, max: u32) -> Error {
    Error::invalid(Code::ValueOutOfRange).with("min", min).with("max", max)
}

fn number<T>(text: &str, min: u32, max: u32) -> Result<T, Error>
where
    T: std::str::FromStr,
{
    text.trim().parse().map_err(|_| outside(min, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Draft {
        let two = "2".to_owned();
        Draft {
            name: "first".to_owned(),
            name_taken: false,
            host: "h".to_owned(),
            version: "2.5".to_owned(),
            organizations: vec![("org1".to_owned(), two.clone()), ("org2".to_owned(), two)],
            consensus: "raft".to_owned(),
            orderers: "1".to_owned(),
            channel: "mychannel".to_owned(),
            batch_timeout: "200".to_owned(),
            cpu: "1000".to_owned(),
            memory: "512".to_owned(),
        }
    }

    #[test]
    fn the_defaults_create_a_chain() {
        let spec = defaults().parse().unwrap();
        assert_eq!((spec.peers(), spec.orderers, spec.batch_timeout_ms), (4, 1, 200));
    }

    #[test]
    fn each_step_checks_its_own_fields() {
        let mut draft = defaults();
        draft.channel = "My Channel".to_owned();
        assert!(draft.clone().parse_up_to(1).unwrap().is_none());
        assert_eq!(draft.parse_up_to(2).unwrap_err().field.as_deref(), Some("channel"));
        let mut draft = defaults();
        draft.organizations[0].1 = "none".to_owned();
        assert!(draft.clone().parse_up_to(0).is_ok());
        assert_eq!(draft.parse_up_to(1).unwrap_err().field.as_deref(), Some("organizations"));
        let mut draft = defaults();
        draft.organizations[0].1 = "25".to_owned();
        assert_eq!(draft.parse_up_to(1).unwrap_err().code, Code::TooManyPeers);
    }

    #[test]
    fn every_wrong_field_is_found_and_none_of_a_later_step() {
        let mut draft = defaults();
        (draft.name, draft.cpu, draft.channel) = ("No Name".to_owned(), String::new(), "-".to_owned());
        let fields = |draft: &Draft, step| -> Vec<String> {
            draft.problems(step).into_iter().filter_map(|error| error.field).collect()
        };
        assert_eq!(fields(&draft, 1), ["name"]);
        assert_eq!(fields(&draft, 2), ["name", "channel", "cpu_milli"]);
        draft.name = "first".to_owned();
        assert_eq!(fields(&draft, 2), ["channel", "cpu_milli"]);
        assert_eq!(fields(&defaults(), 2), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_another_chain_has_is_refused_at_the_first_step() {
        let mut draft = defaults();
        draft.name_taken = true;
        let refused = draft.parse_up_to(0).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (Code::ChainNameTaken, Some("name")));
    }

    #[test]
    fn a_name_that_is_free_by_now_is_taken_in_and_what_was_typed_stays() {
        let offer = |taken: &[&str]| ChainOffer {
            name: ChainName::parse("chain-2").unwrap(),
            host: None,
            taken: taken.iter().map(|name| ChainName::parse(name).unwrap()).collect(),
        };
        Owner::new().with(|| {
            let form = Form::new(&offer(&["first"]));
            form.name.set("first".to_owned());
            assert!(form.draft().name_taken);
            form.renew(&offer(&[]));
            assert_eq!((form.draft().name.as_str(), form.draft().name_taken), ("first", false));
        });
    }

    #[test]
    fn limits_of_the_domain_hold_here_too() {
        let mut draft = defaults();
        draft.orderers = "2".to_owned();
        assert_eq!(draft.parse().unwrap_err().code, Code::OrdererCountRaft);
        let mut draft = defaults();
        (draft.consensus, draft.orderers) = ("bft".to_owned(), "4".to_owned());
        assert_eq!(draft.parse().unwrap_err().code, Code::BftNeedsVersion3);
    }
}
