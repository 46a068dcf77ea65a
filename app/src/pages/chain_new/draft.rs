//! What somebody has typed about a chain, and what it means. The same checks run on the server again.

use domain::chain::{ChainSpec, Consensus, FabricVersion, NodeResources, OrganizationSpec};
use domain::id::HostId;
use domain::name::{ChainName, ChannelName, OrganizationName};
use domain::{Code, Error};
use leptos::prelude::*;

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
}

/// The same as plain text.
#[derive(Clone, Debug)]
pub struct Draft {
    pub name: String,
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
    /// The defaults: two organizations with two peers each, one orderer, one channel.
    pub fn new(host: String) -> Self {
        let text = |value: &str| RwSignal::new(value.to_owned());
        Self {
            name: text("first"),
            host: RwSignal::new(host),
            version: text(FabricVersion::V2_5.as_str()),
            organizations: RwSignal::new(vec![Row::new(1), Row::new(2)]),
            consensus: text("raft"),
            orderers: text("1"),
            channel: text("mychannel"),
            batch_timeout: text("200"),
            cpu: text("1000"),
            memory: text("512"),
        }
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
        let organizations = self.organizations.get_untracked();
        Draft {
            name: self.name.get_untracked(),
            host: self.host.get_untracked(),
            version: self.version.get_untracked(),
            organizations: organizations
                .iter()
                .map(|row| (row.name.get_untracked(), row.peers.get_untracked()))
                .collect(),
            consensus: self.consensus.get_untracked(),
            orderers: self.orderers.get_untracked(),
            channel: self.channel.get_untracked(),
            batch_timeout: self.batch_timeout.get_untracked(),
            cpu: self.cpu.get_untracked(),
            memory: self.memory.get_untracked(),
        }
    }
}

impl Draft {
    /// Checks the fields of the steps up to this one; the last one gives the whole specification.
    pub fn parse_up_to(self, step: usize) -> Result<Option<ChainSpec>, Error> {
        ChainName::parse(self.name.trim()).map_err(|e| e.on("name"))?;
        if self.host.is_empty() {
            return Err(Error::invalid(Code::FieldMissing).on("host"));
        }
        if step >= 1 {
            self.parse_organizations()?;
        }
        if step >= 2 { self.parse().map(Some) } else { Ok(None) }
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
            name: ChainName::parse(self.name.trim()).map_err(|e| e.on("name"))?,
            host: HostId::new(self.host),
            version: if self.version == FabricVersion::V3_1.as_str() {
                FabricVersion::V3_1
            } else {
                FabricVersion::V2_5
            },
            consensus: if self.consensus == "bft" { Consensus::Bft } else { Consensus::Raft },
            orderers: number(&self.orderers, 1, 7).map_err(|e| e.on("orderers"))?,
            organizations,
            channel: ChannelName::parse(self.channel.trim()).map_err(|e| e.on("channel"))?,
            batch_timeout_ms: number(&self.batch_timeout, 10, 60_000)
                .map_err(|e| e.on("batch_timeout_ms"))?,
            resources: NodeResources {
                cpu_milli: number(&self.cpu, 100, 64_000).map_err(|e| e.on("cpu_milli"))?,
                memory_mib: number(&self.memory, 64, 262_144).map_err(|e| e.on("memory_mib"))?,
            },
        };
        spec.check()?;
        Ok(spec)
    }
}

fn number<T>(text: &str, min: u32, max: u32) -> Result<T, Error>
where
    T: std::str::FromStr,
{
    text.trim().parse().map_err(|_| Error::invalid(Code::ValueOutOfRange).with("min", min).with("max", max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Draft {
        let two = "2".to_owned();
        Draft {
            name: "first".to_owned(),
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
