//! Chains of the pool: what somebody wants of one, what they get, and how long it is theirs.
//!
//! A chain of the pool is free while nobody owns it. Whoever applies gets one that runs and is well; in the end it is
//! released, which makes it anew, or freed as it is.

use serde::{Deserialize, Serialize};

use crate::chain::{ChainSpec, ChainState, Consensus, FabricVersion, PEERS_MAX};
use crate::error::{Code, Error};
use crate::id::OperationId;
use crate::name::{ChainName, UserName};
use crate::template::TemplateName;

/// How long before its end somebody is warned, milliseconds.
pub const WARN_BEFORE_MS: i64 = 2 * HOUR_MS;
/// Most hours by which a chain is extended at once: a year.
pub const HOURS_MAX: u32 = 24 * 365;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Most free chains that are offered by name.
pub const OFFERED_MAX: usize = 200;

/// What somebody wants of a chain. Whatever is left open fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplySpec {
    #[serde(default)]
    pub name: Option<ChainName>,
    #[serde(default)]
    pub template: Option<TemplateName>,
    /// Peers of all organizations.
    #[serde(default)]
    pub peers: Option<u16>,
    #[serde(default)]
    pub consensus: Option<Consensus>,
    /// One more, although one that fits is held already.
    #[serde(default)]
    pub another: bool,
    /// Wait for one where none is free.
    #[serde(default)]
    pub queue: bool,
    /// Against double submission: the same key leads to the same chain.
    pub key: String,
}

impl ApplySpec {
    /// Checks what can be judged without the pool.
    pub fn check(&self) -> Result<(), Error> {
        let max = u16::try_from(PEERS_MAX).unwrap_or(u16::MAX);
        match self.peers {
            Some(peers) if !(1..=max).contains(&peers) => {
                Err(Error::invalid(Code::ValueOutOfRange).with("min", 1).with("max", max).on("peers"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a chain is one of those that are wanted.
    pub fn fits(&self, spec: &ChainSpec, template: Option<&TemplateName>) -> bool {
        self.name.as_ref().is_none_or(|name| *name == spec.name)
            && self.template.as_ref().is_none_or(|wanted| Some(wanted) == template)
            && self.peers.is_none_or(|peers| usize::from(peers) == spec.peers())
            && self.consensus.is_none_or(|consensus| consensus == spec.consensus)
    }

    /// The wish in one word, the same for everybody who wants the same: `template=small,peers=2`; `any` for whatever
    /// there is.
    pub fn wish(&self) -> String {
        let consensus = self.consensus.map(|consensus| match consensus {
            Consensus::Raft => "consensus=raft".to_owned(),
            Consensus::Bft => "consensus=bft".to_owned(),
        });
        let parts = [
            self.name.as_ref().map(|name| format!("name={name}")),
            self.template.as_ref().map(|template| format!("template={template}")),
            self.peers.map(|peers| format!("peers={peers}")),
            consensus,
        ];
        let words: Vec<String> = parts.into_iter().flatten().collect();
        if words.is_empty() { "any".to_owned() } else { words.join(",") }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Applied {
    /// The chain is theirs and runs.
    Claimed {
        chain: ChainName,
        /// It was theirs before.
        again: bool,
    },
    /// They wait; 1 is served next.
    Queued { position: u32 },
    /// None was free, and one is being made for them.
    Creating { chain: ChainName, operation: OperationId },
}

/// What can be done with a chain that somebody may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolVerb {
    /// Give it back; it is made anew, or deleted where it is not of the pool.
    Release,
    /// Give it back as it is.
    Free,
    /// Let it be theirs for longer.
    Extend,
    /// Give it to somebody else.
    Give,
    /// Hide the notice of what was there before.
    Dismiss,
}

impl PoolVerb {
    /// Every verb.
    pub const ALL: [Self; 5] = [Self::Release, Self::Free, Self::Extend, Self::Give, Self::Dismiss];

    /// States in which it is allowed; the server refuses the others with this list.
    pub fn allowed_in(self) -> &'static [ChainState] {
        match self {
            Self::Release => &[ChainState::Running, ChainState::Stopped, ChainState::Failed],
            // Revoking identities is a change of the channels.
            Self::Free => &[ChainState::Running],
            Self::Extend | Self::Give | Self::Dismiss => &ChainState::ALL,
        }
    }

    /// Refuses a state in which it is not allowed.
    pub fn check(self, state: ChainState) -> Result<(), Error> {
        if self.allowed_in().contains(&state) {
            return Ok(());
        }
        let allowed: Vec<&str> = self.allowed_in().iter().map(|state| state.as_str()).collect();
        Err(Error::conflict(Code::ChainState)
            .with("state", state.as_str())
            .with("allowed", allowed.join(", ")))
    }
}

/// Whose a chain is, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderView {
    /// The template of a chain of the pool.
    pub template: Option<TemplateName>,
    /// None: nobody's.
    pub owner: Option<UserName>,
    /// Whether it is whoever asks.
    pub is_own: bool,
    pub claimed_ms: Option<i64>,
    /// None: it has no end.
    pub expires_ms: Option<i64>,
    /// Its end is near.
    pub ends_soon: bool,
    /// Since when what is on its ledger was left by somebody before; none: nothing, or it was read.
    pub inherited_ms: Option<i64>,
    /// What may be done now, by right and by state.
    pub verbs: Vec<PoolVerb>,
}

/// What somebody may have and how much of it they use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaView {
    pub chains: u16,
    pub chains_used: u16,
    /// None: for as long as they like.
    pub lifetime_hours: Option<u32>,
    /// Calls that write, each minute; none: as many as they like.
    pub calls: Option<u32>,
    /// How many of those may be made right now.
    pub calls_left: Option<u32>,
}

/// A template with how many chains of it are free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateOffer {
    pub name: TemplateName,
    pub title: String,
    pub description: String,
    pub version: FabricVersion,
    pub consensus: Consensus,
    pub peers: u16,
    pub orderers: u16,
    pub free: u32,
}

/// A free chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeChain {
    pub name: ChainName,
    pub template: TemplateName,
    pub version: FabricVersion,
    pub consensus: Consensus,
    pub peers: u16,
}

/// A wish that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEntry {
    /// [`ApplySpec::wish`].
    pub wish: String,
    /// 1 is served next.
    pub position: u32,
    pub since_ms: i64,
}

/// The page on which somebody applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolView {
    pub quota: QuotaView,
    pub templates: Vec<TemplateOffer>,
    /// At most [`OFFERED_MAX`], by name.
    pub free: Vec<FreeChain>,
    /// Their own chains.
    pub own: Vec<ChainName>,
    /// Their own wishes that wait.
    pub queue: Vec<QueueEntry>,
}

/// When what begins now ends, by hours; none: never.
pub fn ends_ms(now_ms: i64, hours: Option<u32>) -> Option<i64> {
    hours.map(|hours| now_ms.saturating_add(i64::from(hours).saturating_mul(HOUR_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{NodeResources, OrganizationSpec};
    use crate::id::HostId;
    use crate::name::{ChannelName, OrganizationName};

    fn spec(name: &str, peers: u16) -> ChainSpec {
        ChainSpec {
            name: ChainName::parse(name).unwrap(),
            host: HostId::new("h"),
            version: FabricVersion::V2_5,
            consensus: Consensus::Raft,
            orderers: 1,
            organizations: vec![OrganizationSpec { name: OrganizationName::parse("org1").unwrap(), peers }],
            channel: ChannelName::parse("mychannel").unwrap(),
            batch_timeout_ms: 200,
            resources: NodeResources::DEFAULT,
        }
    }

    fn wanted(change: impl FnOnce(&mut ApplySpec)) -> ApplySpec {
        let mut wanted = ApplySpec { key: "12345678".to_owned(), ..ApplySpec::default() };
        change(&mut wanted);
        wanted
    }

    #[test]
    fn what_is_left_open_fits_and_what_is_said_counts() {
        let small = TemplateName::parse("small").unwrap();
        let name = |text: &str| Some(ChainName::parse(text).unwrap());
        for (wish, word, fits) in [
            (wanted(|_| ()), "any", true),
            (wanted(|w| w.name = name("small-1")), "name=small-1", true),
            (wanted(|w| w.name = name("small-2")), "name=small-2", false),
            (wanted(|w| w.template = Some(small.clone())), "template=small", true),
            (wanted(|w| w.template = TemplateName::parse("bft").ok()), "template=bft", false),
            (wanted(|w| w.peers = Some(2)), "peers=2", true),
            (wanted(|w| w.peers = Some(3)), "peers=3", false),
            (wanted(|w| w.consensus = Some(Consensus::Raft)), "consensus=raft", true),
            (wanted(|w| w.consensus = Some(Consensus::Bft)), "consensus=bft", false),
            (
                wanted(|w| (w.peers, w.consensus) = (Some(2), Some(Consensus::Bft))),
                "peers=2,consensus=bft",
                false,
            ),
        ] {
            assert_eq!(wish.wish(), word);
            assert_eq!(wish.fits(&spec("small-1", 2), Some(&small)), fits, "{word}");
        }
        assert!(!wanted(|w| w.template = Some(small)).fits(&spec("small-1", 2), None));
    }

    #[test]
    fn sizes_that_no_chain_has_are_refused() {
        for (peers, good) in
            [(None, true), (Some(0), false), (Some(1), true), (Some(26), true), (Some(27), false)]
        {
            assert_eq!(wanted(|w| w.peers = peers).check().is_ok(), good, "{peers:?}");
        }
    }

    #[test]
    fn what_has_an_end_ends_after_its_hours() {
        assert_eq!(ends_ms(1_000, None), None);
        assert_eq!(ends_ms(1_000, Some(24)), Some(86_401_000));
        assert_eq!(ends_ms(i64::MAX, Some(1)), Some(i64::MAX));
    }

    #[test]
    fn a_chain_that_does_not_run_is_released_but_not_freed() {
        assert!(PoolVerb::Release.check(ChainState::Stopped).is_ok());
        let refused = PoolVerb::Free.check(ChainState::Stopped).unwrap_err();
        assert_eq!((refused.code, refused.values["allowed"].as_str()), (Code::ChainState, "running"));
        assert!(PoolVerb::Extend.check(ChainState::Failed).is_ok());
    }
}
