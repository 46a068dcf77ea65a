//! What somebody has typed about a host, and what it means.

use domain::host::{Endpoint, HostCredentials, HostSpec, ImageNames, NodeLogLevel, Subnet, TlsCredentials};
use domain::name::{HostName, TemplateName};
use domain::{Code, Error};
use leptos::prelude::*;

use super::cluster::{ClusterDraft, ClusterForm};

/// Where an engine that others reach publishes ports, unless somebody says otherwise.
const ALL_NETWORKS: &str = "0.0.0.0";
/// The same of one that only this machine reaches.
const THIS_MACHINE: &str = "127.0.0.1";

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Local,
    Remote,
    Cluster,
}

/// The fields, as signals.
#[derive(Clone, Copy)]
pub struct Form {
    pub place: RwSignal<Place>,
    pub name: RwSignal<String>,
    pub path: RwSignal<String>,
    pub address: RwSignal<String>,
    pub port: RwSignal<String>,
    pub ca_pem: RwSignal<String>,
    pub certificate_pem: RwSignal<String>,
    pub key_pem: RwSignal<String>,
    pub capacity: RwSignal<String>,
    pub bind_address: RwSignal<String>,
    pub client_address: RwSignal<String>,
    pub port_first: RwSignal<String>,
    pub port_last: RwSignal<String>,
    pub images_peer: RwSignal<String>,
    pub images_orderer: RwSignal<String>,
    pub images_sample: RwSignal<String>,
    pub image_rules: RwSignal<String>,
    pub network_range: RwSignal<String>,
    pub schedulable: RwSignal<bool>,
    pub log_level: RwSignal<String>,
    /// It is chosen on the host's page, and kept here.
    autofill: RwSignal<Option<TemplateName>>,
    pub cluster: ClusterForm,
}

/// The same as plain text.
#[derive(Clone, Debug)]
pub struct Draft {
    pub place: Place,
    pub name: String,
    pub path: String,
    pub address: String,
    pub port: String,
    pub credentials: TlsCredentials,
    pub capacity: String,
    pub bind_address: String,
    pub client_address: String,
    pub ports: (String, String),
    pub images: [String; 3],
    pub image_rules: String,
    pub network_range: String,
    pub schedulable: bool,
    pub log_level: String,
    pub autofill: Option<TemplateName>,
    pub cluster: ClusterDraft,
    /// Whether there are credentials already, so that empty fields mean those.
    pub has_credentials: bool,
}

impl Form {
    /// A host or the offer of one filled in; else an empty remote one.
    pub fn new(offer: Option<&HostSpec>) -> Self {
        let text = |value: &str| RwSignal::new(value.to_owned());
        let images = offer.map_or_else(ImageNames::default, |spec| spec.images.clone());
        let (place, path, address, port) = match offer.map(|spec| &spec.endpoint) {
            Some(Endpoint::Local { path }) => (Place::Local, path.as_str(), "", 2376),
            Some(Endpoint::Tcp { address, port }) => (Place::Remote, "", address.as_str(), *port),
            Some(Endpoint::Cluster { .. } | Endpoint::InCluster) => (Place::Cluster, "", "", 2376),
            None => (Place::Remote, "", "", 2376),
        };
        // A cluster binds nowhere; the engine that somebody chooses instead of one does.
        let bound = offer.map(|spec| spec.bind_address.as_str()).filter(|address| !address.is_empty());
        let or = |pick: fn(&HostSpec) -> String, other: &str| offer.map_or_else(|| other.to_owned(), pick);
        Self {
            place: RwSignal::new(place),
            name: RwSignal::new(or(|s| s.name.to_string(), "")),
            path: text(path),
            address: text(address),
            port: RwSignal::new(port.to_string()),
            ca_pem: text(""),
            certificate_pem: text(""),
            key_pem: text(""),
            capacity: RwSignal::new(or(|s| s.capacity.to_string(), "10")),
            bind_address: text(bound.unwrap_or(ALL_NETWORKS)),
            client_address: RwSignal::new(or(|s| s.client_address.clone(), "")),
            port_first: RwSignal::new(or(|s| s.port_first.to_string(), "31000")),
            port_last: RwSignal::new(or(|s| s.port_last.to_string(), "32000")),
            images_peer: RwSignal::new(images.peer.join("\n")),
            images_orderer: RwSignal::new(images.orderer.join("\n")),
            images_sample: RwSignal::new(images.sample.join("\n")),
            image_rules: RwSignal::new(offer.map(|s| s.image_rules.join("\n")).unwrap_or_default()),
            network_range: RwSignal::new(or(|s| s.network_range.to_string(), &Subnet::default().to_string())),
            schedulable: RwSignal::new(offer.is_none_or(|s| s.schedulable)),
            log_level: RwSignal::new(or(
                |s| s.log_level.as_str().to_owned(),
                NodeLogLevel::default().as_str(),
            )),
            autofill: RwSignal::new(offer.and_then(|s| s.autofill.clone())),
            cluster: ClusterForm::new(offer),
        }
    }

    /// The first offer filled in, with the others to choose; else an empty one.
    pub fn offered(offers: &[HostSpec]) -> Self {
        let mut form = Self::new(offers.first());
        form.cluster.has_own = offers.iter().any(|offer| offer.endpoint == Endpoint::InCluster);
        form
    }

    /// Changes the place, and the addresses that go with it where nobody has changed them.
    pub fn choose(self, place: Place) {
        self.place.set(place);
        let (from, to) = match place {
            Place::Local => (ALL_NETWORKS, THIS_MACHINE),
            Place::Remote | Place::Cluster => (THIS_MACHINE, ALL_NETWORKS),
        };
        if self.bind_address.read_untracked().as_str() == from {
            self.bind_address.set(to.to_owned());
        }
        // Elsewhere an empty one means where the host listens; the own engine listens at no address.
        let (from, to) = if place == Place::Local { ("", THIS_MACHINE) } else { (THIS_MACHINE, "") };
        if self.client_address.read_untracked().as_str() == from {
            self.client_address.set(to.to_owned());
        }
    }

    /// What stands in the fields now.
    pub fn draft(self) -> Draft {
        Draft {
            place: self.place.get_untracked(),
            name: self.name.get_untracked(),
            path: self.path.get_untracked(),
            address: self.address.get_untracked(),
            port: self.port.get_untracked(),
            credentials: TlsCredentials {
                ca_pem: self.ca_pem.get_untracked(),
                certificate_pem: self.certificate_pem.get_untracked(),
                key_pem: self.key_pem.get_untracked(),
            },
            capacity: self.capacity.get_untracked(),
            bind_address: self.bind_address.get_untracked(),
            client_address: self.client_address.get_untracked(),
            ports: (self.port_first.get_untracked(), self.port_last.get_untracked()),
            images: [
                self.images_peer.get_untracked(),
                self.images_orderer.get_untracked(),
                self.images_sample.get_untracked(),
            ],
            image_rules: self.image_rules.get_untracked(),
            network_range: self.network_range.get_untracked(),
            schedulable: self.schedulable.get_untracked(),
            log_level: self.log_level.get_untracked(),
            autofill: self.autofill.get_untracked(),
            cluster: self.cluster.draft(),
            has_credentials: false,
        }
    }
}

impl Draft {
    /// What it means; the first refusal names its field.
    pub fn parse(self) -> Result<(HostSpec, Option<HostCredentials>), Error> {
        let name = HostName::parse(self.name.trim()).map_err(|e| e.on("name"))?;
        let (endpoint, cluster, credentials) = match self.place {
            Place::Local => (Endpoint::Local { path: self.path }, None, None),
            Place::Remote => {
                let address = filled(&self.address, "address")?;
                let endpoint = Endpoint::Tcp { address, port: number(&self.port, "port")? };
                let given = given(self.credentials, self.has_credentials)?;
                (endpoint, None, given.map(HostCredentials::Tls))
            }
            Place::Cluster => {
                let (endpoint, settings, given) = self.cluster.parse(self.has_credentials)?;
                (endpoint, Some(settings), given)
            }
        };
        let client_address = match self.client_address.trim() {
            // Nodes are reached where the engine or the API server listens, unless somebody says otherwise.
            "" => endpoint.host().unwrap_or_default(),
            typed => typed.to_owned(),
        };
        // A cluster binds and numbers by itself.
        let (bind_address, network_range) = if cluster.is_some() {
            (String::new(), Subnet::default())
        } else {
            let range = Subnet::parse(&self.network_range).map_err(|e| e.on("network_range"))?;
            (self.bind_address.trim().to_owned(), range)
        };
        let [peer, orderer, sample] = self.images.map(|text| lines(&text));
        let spec = HostSpec {
            name,
            endpoint,
            capacity: number(&self.capacity, "capacity")?,
            bind_address,
            client_address,
            port_first: number(&self.ports.0, "port_first")?,
            port_last: number(&self.ports.1, "port_last")?,
            images: ImageNames { peer, orderer, sample },
            image_rules: lines(&self.image_rules),
            network_range,
            cluster,
            schedulable: self.schedulable,
            log_level: NodeLogLevel::parse(&self.log_level).unwrap_or_default(),
            autofill: self.autofill,
        };
        spec.check()?;
        Ok((spec, credentials))
    }
}

/// Credentials are given as a whole; where there are some already, giving none keeps them.
fn given(credentials: TlsCredentials, has_some: bool) -> Result<Option<TlsCredentials>, Error> {
    let texts = [&credentials.ca_pem, &credentials.certificate_pem, &credentials.key_pem];
    if has_some && texts.iter().all(|text| text.trim().is_empty()) {
        return Ok(None);
    }
    whole(credentials).map(Some)
}

fn whole(credentials: TlsCredentials) -> Result<TlsCredentials, Error> {
    filled(&credentials.ca_pem, "ca_pem")?;
    filled(&credentials.certificate_pem, "certificate_pem")?;
    filled(&credentials.key_pem, "key_pem")?;
    Ok(credentials)
}

pub(super) fn filled(text: &str, field: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() { Err(Error::invalid(Code::FieldMissing).on(field)) } else { Ok(text.to_owned()) }
}

pub(super) fn number(text: &str, field: &str) -> Result<u16, Error> {
    text.trim()
        .parse()
        .map_err(|_| Error::invalid(Code::ValueOutOfRange).with("min", 1).with("max", u16::MAX).on(field))
}

pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cluster::{SignIn, tests as of_cluster};
    use super::*;

    fn cluster() -> ClusterDraft {
        ClusterDraft {
            server: "https://api.example:6443".to_owned(),
            token: "abc".to_owned(),
            certificate_pem: String::new(),
            key_pem: String::new(),
            kubeconfig: String::new(),
            context: String::new(),
            ..of_cluster::draft(SignIn::Token)
        }
    }

    fn draft(place: Place) -> Draft {
        let pem = "-----BEGIN X-----".to_owned();
        Draft {
            place,
            name: "far".to_owned(),
            path: "/run/engine.sock".to_owned(),
            address: " engine.example ".to_owned(),
            port: "2376".to_owned(),
            credentials: TlsCredentials { ca_pem: pem.clone(), certificate_pem: pem.clone(), key_pem: pem },
            capacity: "10".to_owned(),
            bind_address: "0.0.0.0".to_owned(),
            client_address: String::new(),
            ports: ("31000".to_owned(), "32000".to_owned()),
            images: ["a\n\n b ".to_owned(), "c".to_owned(), String::new()],
            image_rules: String::new(),
            network_range: "10.213.0.0/16".to_owned(),
            schedulable: true,
            log_level: "info".to_owned(),
            autofill: None,
            cluster: cluster(),
            has_credentials: false,
        }
    }

    #[test]
    fn a_remote_engine_is_reached_where_it_listens() {
        let (spec, credentials) = draft(Place::Remote).parse().unwrap();
        assert_eq!(spec.endpoint.canonical(), "tcp://engine.example:2376");
        assert_eq!(spec.client_address, "engine.example");
        assert_eq!(spec.images.peer, ["a", "b"]);
        assert!(credentials.is_some());
    }

    #[test]
    fn what_a_host_says_of_new_chains_stays_where_nobody_changes_it() {
        Owner::new().with(|| {
            let spec = HostSpec {
                schedulable: false,
                log_level: NodeLogLevel::Warning,
                autofill: Some(TemplateName::parse("small").unwrap()),
                ..HostSpec::local(HostName::parse("local").unwrap(), "/run/engine.sock")
            };
            let form = Form::new(Some(&spec));
            assert_eq!(form.draft().parse().unwrap().0, spec);
            form.log_level.set("error".to_owned());
            form.schedulable.set(true);
            let changed = form.draft().parse().unwrap().0;
            assert_eq!((changed.log_level, changed.schedulable), (NodeLogLevel::Error, true));
        });
    }

    #[test]
    fn a_refusal_names_its_field() {
        let field = |change: fn(&mut Draft)| {
            let mut draft = draft(Place::Remote);
            change(&mut draft);
            draft.parse().unwrap_err().field.unwrap()
        };
        assert_eq!(field(|d| d.name = "Far".to_owned()), "name");
        assert_eq!(field(|d| d.address = " ".to_owned()), "address");
        assert_eq!(field(|d| d.port = "70000".to_owned()), "port");
        assert_eq!(field(|d| d.credentials.key_pem.clear()), "key_pem");
        assert_eq!(field(|d| d.capacity = "0".to_owned()), "capacity");
        assert_eq!(field(|d| d.ports.0 = "80".to_owned()), "port_first");
        assert_eq!(field(|d| d.ports.1 = "31050".to_owned()), "port_last");
        assert_eq!(field(|d| d.bind_address = "x".to_owned()), "bind_address");
        assert_eq!(field(|d| d.images[0] = "a b".to_owned()), "images_peer");
        assert_eq!(field(|d| d.image_rules = "http://r".to_owned()), "image_rules");
        assert_eq!(field(|d| d.network_range = "8.8.8.0/24".to_owned()), "network_range");
    }

    #[test]
    fn a_cluster_is_asked_for_nothing_that_only_engines_have() {
        let mut draft = draft(Place::Cluster);
        (draft.bind_address, draft.network_range) = (String::new(), String::new());
        let (spec, credentials) = draft.clone().parse().unwrap();
        let endpoint = Endpoint::Cluster { server: "https://api.example:6443".to_owned() };
        let name = HostName::parse("far").unwrap();
        let images = spec.images.clone();
        assert_eq!(spec, HostSpec { images, ..HostSpec::cluster(name, endpoint) });
        assert!(matches!(credentials, Some(HostCredentials::Cluster(_))));
        draft.cluster.sign_in = SignIn::Own;
        assert_eq!(draft.clone().parse().unwrap_err().field.as_deref(), Some("client_address"));
        draft.client_address = "node.example".to_owned();
        let (spec, credentials) = draft.clone().parse().unwrap();
        assert_eq!((spec.endpoint, credentials), (Endpoint::InCluster, None));
        draft.ports.0 = "20000".to_owned();
        assert_eq!(draft.parse().unwrap_err().field.as_deref(), Some("port_first"));
    }

    #[test]
    fn another_place_than_the_offered_one_finds_addresses_that_it_takes() {
        Owner::new().with(|| {
            let fill = |form: Form| {
                let pem = || "-----BEGIN X-----".to_owned();
                form.address.set("engine.example".to_owned());
                for field in [form.ca_pem, form.certificate_pem, form.key_pem] {
                    field.set(pem());
                }
            };
            let own = HostSpec::cluster(HostName::parse("cluster").unwrap(), Endpoint::InCluster);
            let form = Form::offered(std::slice::from_ref(&own));
            form.choose(Place::Remote);
            fill(form);
            let (spec, _) = form.draft().parse().unwrap();
            assert_eq!(
                (spec.bind_address.as_str(), spec.client_address.as_str()),
                ("0.0.0.0", "engine.example")
            );
            let local = HostSpec::local(HostName::parse("local").unwrap(), "/run/engine.sock");
            let form = Form::new(Some(&local));
            form.choose(Place::Remote);
            fill(form);
            let (spec, _) = form.draft().parse().unwrap();
            assert_eq!(
                (spec.bind_address.as_str(), spec.client_address.as_str()),
                ("0.0.0.0", "engine.example")
            );
            form.choose(Place::Local);
            assert_eq!(form.draft().parse().unwrap().0, local);
            assert!(!Form::offered(std::slice::from_ref(&local)).cluster.has_own);
            let form = Form::offered(&[local, own.clone()]);
            assert!(form.cluster.has_own);
            form.choose(Place::Cluster);
            form.cluster.sign_in.set(SignIn::Own);
            form.name.set("cluster".to_owned());
            form.client_address.set("node.example".to_owned());
            let expect = HostSpec { client_address: "node.example".to_owned(), ..own };
            assert_eq!(form.draft().parse().unwrap().0, expect);
        });
    }

    #[test]
    fn the_local_engine_takes_no_certificates() {
        let mut local = draft(Place::Local);
        local.client_address = "127.0.0.1".to_owned();
        let (spec, credentials) = local.parse().unwrap();
        assert_eq!(spec.endpoint.canonical(), "unix:///run/engine.sock");
        assert!(credentials.is_none());
    }

    #[test]
    fn stored_credentials_are_kept_when_none_are_given_and_replaced_as_a_whole() {
        let mut kept = draft(Place::Remote);
        kept.has_credentials = true;
        kept.credentials =
            TlsCredentials { ca_pem: String::new(), certificate_pem: String::new(), key_pem: " ".to_owned() };
        assert!(kept.clone().parse().unwrap().1.is_none());
        kept.credentials.ca_pem = "-----BEGIN X-----".to_owned();
        assert_eq!(kept.parse().unwrap_err().field.unwrap(), "certificate_pem");
    }
}
