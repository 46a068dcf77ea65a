//! What somebody has typed about a template, and what it means. The same checks run on the server again.

use domain::chain::{Consensus, FabricVersion, NodeResources, OrganizationSpec};
use domain::name::{ChaincodeName, ChannelName, OrganizationName, TemplateName};
use domain::template::{Template, TemplateChaincode};
use domain::{Code, Error};
use leptos::prelude::*;

use crate::components::field::{CheckField, LongField, SelectField, TextField};
use crate::pages::host_new::wrong_on;
use crate::text::words;

/// The fields, as signals.
#[derive(Clone, Copy)]
pub struct Form {
    name: RwSignal<String>,
    title: RwSignal<String>,
    description: RwSignal<String>,
    version: RwSignal<String>,
    consensus: RwSignal<String>,
    orderers: RwSignal<String>,
    organizations: RwSignal<String>,
    channel: RwSignal<String>,
    batch_timeout: RwSignal<String>,
    cpu: RwSignal<String>,
    memory: RwSignal<String>,
    has_chaincode: RwSignal<bool>,
    chaincode: RwSignal<String>,
    chaincode_version: RwSignal<String>,
    chaincode_image: RwSignal<String>,
    chaincode_policy: RwSignal<String>,
    init_required: RwSignal<bool>,
    /// Whether it is there already, so that its name stays.
    is_there: bool,
}

impl Form {
    /// A template that is there.
    pub fn of(template: &Template) -> Self {
        Self { is_there: true, ..Self::filled(template) }
    }

    /// A new one, which needs a name of its own.
    pub fn fresh(draft: &Template) -> Self {
        let form = Self::filled(draft);
        form.name.set(String::new());
        form
    }

    fn filled(template: &Template) -> Self {
        let text = |value: &str| RwSignal::new(value.to_owned());
        let line = |one: &OrganizationSpec| format!("{} {}", one.name, one.peers);
        let organizations: Vec<String> = template.organizations.iter().map(line).collect();
        let code = template.chaincode.as_ref();
        let consensus = if template.consensus == Consensus::Bft { "bft" } else { "raft" };
        Self {
            name: text(template.name.as_str()),
            title: text(&template.title),
            description: text(&template.description),
            version: text(template.version.as_str()),
            consensus: text(consensus),
            orderers: RwSignal::new(template.orderers.to_string()),
            organizations: RwSignal::new(organizations.join("\n")),
            channel: text(template.channel.as_str()),
            batch_timeout: RwSignal::new(template.batch_timeout_ms.to_string()),
            cpu: RwSignal::new(template.resources.cpu_milli.to_string()),
            memory: RwSignal::new(template.resources.memory_mib.to_string()),
            has_chaincode: RwSignal::new(code.is_some()),
            chaincode: text(code.map_or("example02", |code| code.name.as_str())),
            chaincode_version: text(code.map_or("1", |code| code.version.as_str())),
            chaincode_image: text(code.and_then(|code| code.image.as_deref()).unwrap_or_default()),
            chaincode_policy: text(code.and_then(|code| code.policy.as_deref()).unwrap_or_default()),
            init_required: RwSignal::new(code.is_some_and(|code| code.init_required)),
            is_there: false,
        }
    }

    /// What it means; the first refusal names its field.
    pub fn parse(self) -> Result<Template, Error> {
        let text = |signal: RwSignal<String>| signal.get_untracked().trim().to_owned();
        let is_three = text(self.version) == FabricVersion::V3_1.as_str();
        let template = Template {
            name: TemplateName::parse(&text(self.name)).map_err(|error| error.on("name"))?,
            title: text(self.title),
            description: text(self.description),
            version: if is_three { FabricVersion::V3_1 } else { FabricVersion::V2_5 },
            consensus: if text(self.consensus) == "bft" { Consensus::Bft } else { Consensus::Raft },
            orderers: number(&text(self.orderers), "orderers")?,
            organizations: organizations(&text(self.organizations))?,
            channel: ChannelName::parse(&text(self.channel)).map_err(|error| error.on("channel"))?,
            batch_timeout_ms: number(&text(self.batch_timeout), "batch_timeout_ms")?,
            resources: NodeResources {
                cpu_milli: number(&text(self.cpu), "cpu_milli")?,
                memory_mib: number(&text(self.memory), "memory_mib")?,
            },
            chaincode: self.parse_chaincode()?,
        };
        template.check()?;
        Ok(template)
    }

    fn parse_chaincode(self) -> Result<Option<TemplateChaincode>, Error> {
        if !self.has_chaincode.get_untracked() {
            return Ok(None);
        }
        let text = |signal: RwSignal<String>| signal.get_untracked().trim().to_owned();
        let given = |signal: RwSignal<String>| Some(text(signal)).filter(|text| !text.is_empty());
        let name = ChaincodeName::parse(&text(self.chaincode));
        Ok(Some(TemplateChaincode {
            name: name.map_err(|error| error.on("chaincode_name"))?,
            version: text(self.chaincode_version),
            image: given(self.chaincode_image),
            policy: given(self.chaincode_policy),
            init_required: self.init_required.get_untracked(),
        }))
    }
}

/// One organization on each line: its name, and how many peers it has.
fn organizations(text: &str) -> Result<Vec<OrganizationSpec>, Error> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let one = |line: &str| {
        let (name, peers) = line.split_once(char::is_whitespace).unwrap_or((line, "1"));
        let name = OrganizationName::parse(name).map_err(|error| error.on("organizations"))?;
        Ok(OrganizationSpec { name, peers: number(peers.trim(), "organizations")? })
    };
    lines.map(one).collect()
}

fn number<T: std::str::FromStr>(text: &str, field: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|_| Error::invalid(Code::ValueOutOfRange).with("min", 1).with("max", u16::MAX).on(field))
}

/// The fields of a template.
pub fn fields(form: Form, wrong: RwSignal<Option<Error>>) -> AnyView {
    let kinds =
        Signal::stored(vec![("raft".to_owned(), "Raft".to_owned()), ("bft".to_owned(), "BFT".to_owned())]);
    let versions = [FabricVersion::V2_5, FabricVersion::V3_1].map(FabricVersion::as_str);
    let versions = versions.map(|version| (version.to_owned(), version.to_owned()));
    let versions = Signal::stored(versions.to_vec());
    view! {
        <div class="columns">
            <TextField id="name" label=words(|t| t.name) value=form.name readonly=form.is_there
                autocomplete="off" hint=words(|t| t.template().name_hint) error=wrong_on(wrong, "name")/>
            <TextField id="title" label=words(|t| t.template().title) value=form.title
                error=wrong_on(wrong, "title")/>
            <SelectField id="version" label=words(|t| t.fabric_version) value=form.version options=versions/>
            <SelectField id="consensus" label=words(|t| t.consensus) value=form.consensus options=kinds
                error=wrong_on(wrong, "consensus")/>
            <TextField id="orderers" label=words(|t| t.orderers) value=form.orderers inputmode="numeric"
                error=wrong_on(wrong, "orderers")/>
            <TextField id="channel" label=words(|t| t.first_channel) value=form.channel
                error=wrong_on(wrong, "channel")/>
            <TextField id="batch_timeout_ms" label=words(|t| t.batch_timeout_ms) value=form.batch_timeout
                inputmode="numeric" error=wrong_on(wrong, "batch_timeout_ms")/>
            <TextField id="cpu_milli" label=words(|t| t.cpu_milli) value=form.cpu inputmode="numeric"
                error=wrong_on(wrong, "cpu_milli")/>
            <TextField id="memory_mib" label=words(|t| t.memory_mib) value=form.memory inputmode="numeric"
                error=wrong_on(wrong, "memory_mib")/>
        </div>
        <LongField id="description" label=words(|t| t.template().description) value=form.description rows=2
            error=wrong_on(wrong, "description")/>
        <LongField id="organizations" label=words(|t| t.organizations) value=form.organizations rows=3
            hint=words(|t| t.template().organizations_hint) error=wrong_on(wrong, "organizations")/>
        <CheckField id="has_chaincode" label=words(|t| t.template().with_chaincode) value=form.has_chaincode/>
        {chaincode_fields(form, wrong)}
    }
    .into_any()
}

fn chaincode_fields(form: Form, wrong: RwSignal<Option<Error>>) -> AnyView {
    view! {
        <Show when=move || form.has_chaincode.get()>
            <div class="columns">
                <TextField id="chaincode_name" label=words(|t| t.chaincode) value=form.chaincode
                    error=wrong_on(wrong, "chaincode_name")/>
                <TextField id="chaincode_version" label=words(|t| t.template().chaincode_version)
                    value=form.chaincode_version error=wrong_on(wrong, "chaincode_version")/>
                <TextField id="chaincode_image" label=words(|t| t.template().chaincode_image)
                    value=form.chaincode_image hint=words(|t| t.template().chaincode_image_hint)
                    error=wrong_on(wrong, "chaincode_image")/>
                <TextField id="chaincode_policy" label=words(|t| t.policy) value=form.chaincode_policy
                    hint=words(|t| t.policy_hint) error=wrong_on(wrong, "chaincode_policy")/>
            </div>
            <CheckField id="init_required" label=words(|t| t.init_required) value=form.init_required/>
        </Show>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        let text = r#"{"name":"small","title":"Small","version":"3.1","consensus":"bft","orderers":4,
            "organizations":[{"name":"org1","peers":2},{"name":"org2","peers":1}],"channel":"mychannel",
            "batch_timeout_ms":200,"resources":{"cpu_milli":1000,"memory_mib":512},
            "chaincode":{"name":"example02","version":"1"}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_template_that_nobody_touches_stays_as_it_is() {
        Owner::new().with(|| {
            let mut template = template();
            assert_eq!(Form::of(&template).parse(), Ok(template.clone()));
            template.chaincode = None;
            assert_eq!(Form::of(&template).parse(), Ok(template));
        });
    }

    #[test]
    fn a_refusal_names_its_field() {
        Owner::new().with(|| {
            let refused = |change: fn(Form)| {
                let form = Form::of(&template());
                change(form);
                form.parse().unwrap_err().field.unwrap()
            };
            assert_eq!(Form::fresh(&template()).parse().unwrap_err().field.as_deref(), Some("name"));
            assert_eq!(refused(|form| form.title.set(" ".to_owned())), "title");
            assert_eq!(refused(|form| form.orderers.set("many".to_owned())), "orderers");
            assert_eq!(refused(|form| form.orderers.set("3".to_owned())), "orderers");
            assert_eq!(refused(|form| form.organizations.set("org1 two".to_owned())), "organizations");
            assert_eq!(refused(|form| form.organizations.set("Org1 2".to_owned())), "organizations");
            assert_eq!(refused(|form| form.cpu.set("1".to_owned())), "cpu_milli");
            assert_eq!(refused(|form| form.chaincode.set("lscc".to_owned())), "chaincode_name");
            assert_eq!(refused(|form| form.chaincode_version.set("a b".to_owned())), "chaincode_version");
        });
    }

    #[test]
    fn an_organization_of_which_no_number_is_said_has_one_peer() {
        let found = organizations("org1\n\n  org2   3 \n").unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.peers)).collect();
        assert_eq!(found, [("org1", 1), ("org2", 3)]);
    }
}
