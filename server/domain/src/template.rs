//! Templates: what a chain shall be like, apart from its name and its host. Chains of the pool are made from them.

use serde::{Deserialize, Serialize};

use crate::chain::{ChainSpec, Consensus, FabricVersion, NodeResources, OrganizationSpec};
use crate::chaincode::DeploySpec;
use crate::error::{Code, Error};
use crate::host::HostSpec;
use crate::id::HostId;
use crate::name::{ChainName, ChaincodeName, ChannelName};

pub use crate::name::TemplateName;

/// Most templates of a portal.
pub const TEMPLATES_MAX: usize = 100;
/// Longest title, in characters.
pub const TITLE_MAX: usize = 80;
/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 500;
/// Longest text of a template that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest endorsement policy, in characters.
const POLICY_MAX: usize = 2_000;
/// The image that stands for the sample of whatever host where a template is only checked.
const ANY_IMAGE: &str = "sample:1";

/// Chaincode that is deployed on each chain that is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateChaincode {
    pub name: ChaincodeName,
    pub version: String,
    /// Image that runs it as a service; none: the sample that the host names.
    #[serde(default)]
    pub image: Option<String>,
    /// Endorsement policy as a Fabric expression; none: the channel's own.
    #[serde(default)]
    pub policy: Option<String>,
    #[serde(default)]
    pub init_required: bool,
}

/// What a chain shall be like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub name: TemplateName,
    /// What people read in lists.
    pub title: String,
    #[serde(default)]
    pub description: String,
    pub version: FabricVersion,
    pub consensus: Consensus,
    pub orderers: u16,
    pub organizations: Vec<OrganizationSpec>,
    /// First channel.
    pub channel: ChannelName,
    pub batch_timeout_ms: u32,
    pub resources: NodeResources,
    #[serde(default)]
    pub chaincode: Option<TemplateChaincode>,
}

impl Template {
    /// The chain that is made from it.
    pub fn spec(&self, name: ChainName, host: HostId) -> ChainSpec {
        ChainSpec {
            name,
            host,
            version: self.version,
            consensus: self.consensus,
            orderers: self.orderers,
            organizations: self.organizations.clone(),
            channel: self.channel.clone(),
            batch_timeout_ms: self.batch_timeout_ms,
            resources: self.resources,
        }
    }

    /// What is deployed on a chain that was made from it, with the host's own sample where no image is named.
    pub fn deploy(&self, chain: &ChainName, host: &HostSpec) -> Option<DeploySpec> {
        let sample = host.images.sample.first().map(String::as_str).unwrap_or_default();
        self.chaincode.as_ref().map(|chaincode| self.deployment(chaincode, chain, sample))
    }

    fn deployment(&self, chaincode: &TemplateChaincode, chain: &ChainName, sample: &str) -> DeploySpec {
        DeploySpec {
            chain: chain.clone(),
            channel: self.channel.clone(),
            name: chaincode.name.clone(),
            version: chaincode.version.clone(),
            image: chaincode.image.clone().unwrap_or_else(|| sample.to_owned()),
            policy: chaincode.policy.clone(),
            init_required: chaincode.init_required,
            label: None,
            peers: Vec::new(),
        }
    }

    /// Name of the `number`th chain that is made from it.
    pub fn chain_name(&self, number: u32) -> Result<ChainName, Error> {
        ChainName::parse(&format!("{}-{number}", self.name))
    }

    /// Checks everything that can be judged without a host; a refusal names its field.
    pub fn check(&self) -> Result<(), Error> {
        if self.title.trim().is_empty() {
            return Err(Error::invalid(Code::FieldMissing).on("title"));
        }
        for (field, text, max) in
            [("title", &self.title, TITLE_MAX), ("description", &self.description, DESCRIPTION_MAX)]
        {
            if text.chars().count() > max {
                return Err(Error::invalid(Code::ValueOutOfRange).with("min", 0).with("max", max).on(field));
            }
        }
        let (chain, host) = (self.chain_name(1)?, HostId::new("any"));
        self.spec(chain.clone(), host).check()?;
        let Some(chaincode) = &self.chaincode else { return Ok(()) };
        if chaincode.policy.as_ref().is_some_and(|policy| policy.is_empty() || policy.len() > POLICY_MAX) {
            return Err(Error::invalid(Code::PolicyMalformed).on("chaincode_policy"));
        }
        // The form of a template names the fields of its chaincode so.
        self.deployment(chaincode, &chain, ANY_IMAGE).check().map_err(|error| {
            let field = format!("chaincode_{}", error.field.as_deref().unwrap_or("name"));
            error.on(&field)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{HostName, OrganizationName};

    fn template() -> Template {
        let organization =
            |name: &str| OrganizationSpec { name: OrganizationName::parse(name).unwrap(), peers: 1 };
        Template {
            name: TemplateName::parse("small").unwrap(),
            title: "Small".to_owned(),
            description: String::new(),
            version: FabricVersion::V2_5,
            consensus: Consensus::Raft,
            orderers: 1,
            organizations: vec![organization("org1"), organization("org2")],
            channel: ChannelName::parse("mychannel").unwrap(),
            batch_timeout_ms: 200,
            resources: NodeResources::DEFAULT,
            chaincode: Some(TemplateChaincode {
                name: ChaincodeName::parse("example02").unwrap(),
                version: "1".to_owned(),
                image: None,
                policy: None,
                init_required: false,
            }),
        }
    }

    #[test]
    fn a_refusal_names_the_field_of_the_form() {
        let refused = |change: fn(&mut Template)| {
            let mut template = template();
            change(&mut template);
            let error = template.check().unwrap_err();
            (error.code, error.field.unwrap())
        };
        assert_eq!(template().check(), Ok(()));
        let field = |code, field: &str| (code, field.to_owned());
        assert_eq!(refused(|t| t.title = " ".to_owned()), field(Code::FieldMissing, "title"));
        let long = refused(|t| t.description = "ü".repeat(DESCRIPTION_MAX + 1));
        assert_eq!(long, field(Code::ValueOutOfRange, "description"));
        assert_eq!(refused(|t| t.orderers = 2), field(Code::OrdererCountRaft, "orderers"));
        assert_eq!(refused(|t| t.organizations.clear()), field(Code::TooFewOrganizations, "organizations"));
        assert_eq!(refused(|t| t.consensus = Consensus::Bft), field(Code::BftNeedsVersion3, "consensus"));
        let chaincode = refused(|t| t.chaincode.as_mut().unwrap().version.clear());
        assert_eq!(chaincode, field(Code::ChaincodeVersionMalformed, "chaincode_version"));
        let policy = refused(|t| t.chaincode.as_mut().unwrap().policy = Some(String::new()));
        assert_eq!(policy, field(Code::PolicyMalformed, "chaincode_policy"));
        let image = refused(|t| t.chaincode.as_mut().unwrap().image = Some("a b".to_owned()));
        assert_eq!(image.1, "chaincode_image");
    }

    #[test]
    fn the_longest_name_leaves_room_for_the_number_of_a_chain() {
        let mut longest = template();
        longest.name = TemplateName::parse(&"a".repeat(crate::name::TEMPLATE_NAME_MAX)).unwrap();
        assert!(longest.chain_name(99_999).is_ok());
        assert!(TemplateName::parse(&"a".repeat(crate::name::TEMPLATE_NAME_MAX + 1)).is_err());
    }

    #[test]
    fn a_chain_is_what_the_template_says_with_the_sample_of_its_host() {
        let (template, host) = (template(), HostSpec::local(HostName::parse("here").unwrap(), "/e.sock"));
        let name = template.chain_name(7).unwrap();
        assert_eq!(name.as_str(), "small-7");
        let spec = template.spec(name.clone(), HostId::new("h"));
        assert_eq!((spec.name.clone(), spec.organizations), (name.clone(), template.organizations.clone()));
        assert_eq!(template.deploy(&name, &host).unwrap().image, host.images.sample[0]);
        let mut named = template.clone();
        named.chaincode.as_mut().unwrap().image = Some("registry.example/code:1".to_owned());
        assert_eq!(named.deploy(&name, &host).unwrap().image, "registry.example/code:1");
        named.chaincode = None;
        assert!(named.deploy(&name, &host).is_none());
    }
}
