//! Connection tests: which stage fails, why, and what helps.

use agents::{EngineFacts, ProbeFailure, ProbeStage as AgentStage, Remedy};
use domain::host::{Endpoint, HostCredentials, HostFacts, HostSpec, ProbeStage, ProbeView};
use domain::id::HostId;
use domain::permission::{Action, Noun};
use domain::{Code, Error, ErrorKind};

use super::credentials::{Access, EngineCredentials, check_given};
use super::{endpoint_field, entered};
use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// Every stage of an engine, in order.
const ENGINE_STAGES: [ProbeStage; 6] = [
    ProbeStage::Address,
    ProbeStage::Tcp,
    ProbeStage::Tls,
    ProbeStage::Authentication,
    ProbeStage::ApiVersion,
    ProbeStage::Engine,
];
/// What is looked at on a cluster behind these.
const CLUSTER_STAGES: [ProbeStage; 3] = [ProbeStage::Permission, ProbeStage::Storage, ProbeStage::Capacity];

/// The stages of a kind of host, in order.
fn stages(endpoint: &Endpoint) -> Vec<ProbeStage> {
    let further: &[ProbeStage] = if endpoint.is_cluster() { &CLUSTER_STAGES } else { &[] };
    ENGINE_STAGES.iter().chain(further).copied().collect()
}

impl ControlPlane {
    /// Tests a connection and names the stage that fails. Nothing is saved.
    pub async fn host_probe(
        &self,
        caller: &Caller,
        spec: HostSpec,
        credentials: Option<HostCredentials>,
    ) -> Result<ProbeView, Error> {
        policy::authorize(caller, Action::Probe, Resource::any(Noun::Host))?;
        // Whoever may only look at hosts cannot make the portal dial addresses of their choice.
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        self.probe(&spec, entered(credentials, &spec.endpoint)?).await
    }

    /// Tests the connection to a host as it is stored.
    pub async fn host_test(&self, caller: &Caller, id: &HostId) -> Result<ProbeView, Error> {
        policy::authorize(caller, Action::Probe, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        let endpoint = &record.spec.endpoint;
        match self.services.agent(id).await {
            Ok(agent) => Ok(view(endpoint, agent.probe().await)),
            Err(error) if matches!(error.code, Code::HostLocalRefused | Code::HostNotInCluster) => {
                Ok(failed_at(endpoint, ProbeStage::Address, error))
            }
            Err(error) => {
                tracing::info!(%error, host = %record.spec.name, "a host has no agent");
                // Why there is none is told in general; made once more by hand, it names the stage.
                match self.services.access(id, &record.spec).await {
                    Ok(access) => Ok(view(endpoint, self.facts_by(&record.spec, &access).await)),
                    Err(_) => {
                        let unusable = Error::unavailable(Code::HostClientMaterial);
                        Ok(failed_at(endpoint, ProbeStage::Authentication, unusable))
                    }
                }
            }
        }
    }

    pub(super) async fn probe(
        &self,
        spec: &HostSpec,
        credentials: Option<EngineCredentials>,
    ) -> Result<ProbeView, Error> {
        spec.check()?;
        if let Err(code) = self.services.may_open(&spec.endpoint) {
            return Err(Error::invalid(code).on(endpoint_field(&spec.endpoint)));
        }
        check_given(&spec.endpoint, credentials.as_ref())?;
        // Nothing is pulled in a test.
        let access = Access { credentials, registries: Vec::new() };
        Ok(view(&spec.endpoint, self.facts_by(spec, &access).await))
    }

    /// What a host says of itself to an agent that is made for this question alone.
    async fn facts_by(&self, spec: &HostSpec, access: &Access) -> Result<EngineFacts, ProbeFailure> {
        match (self.services.connector)(spec, access) {
            Ok(agent) => agent.probe().await,
            Err(failure) => Err(failure),
        }
    }
}

fn view(endpoint: &Endpoint, probed: Result<EngineFacts, ProbeFailure>) -> ProbeView {
    match probed {
        Ok(facts) => ProbeView { passed: stages(endpoint), failed: None, facts: Some(facts_view(&facts)) },
        Err(failure) => failed_at(endpoint, stage_of(failure.stage), given_error(endpoint, &failure)),
    }
}

fn failed_at(endpoint: &Endpoint, stage: ProbeStage, error: Error) -> ProbeView {
    let passed = stages(endpoint).into_iter().take_while(|passed| *passed != stage).collect();
    ProbeView { passed, failed: Some((stage, error)), facts: None }
}

/// The engine's facts in the portal's words.
pub(crate) fn facts_view(facts: &EngineFacts) -> HostFacts {
    HostFacts {
        engine: facts.name.clone(),
        version: facts.version.clone(),
        api_version: facts.api_version.clone(),
        operating_system: facts.operating_system.clone(),
        architecture: facts.architecture.clone(),
        cpus: facts.cpus.unwrap_or(0),
        memory_mib: mib(facts.memory_bytes.unwrap_or(0)),
        memory_largest_mib: facts.memory_largest_bytes.map(mib),
        disk_free_mib: facts.disk_free_bytes.map(mib),
        engine_id: facts.id.clone(),
        warnings: facts.warnings.clone(),
    }
}

/// Bytes as whole MiB.
pub(crate) fn mib(bytes: u64) -> u64 {
    bytes / (1_024 * 1_024)
}

fn stage_of(stage: AgentStage) -> ProbeStage {
    match stage {
        AgentStage::Address => ProbeStage::Address,
        AgentStage::Tcp => ProbeStage::Tcp,
        AgentStage::Tls => ProbeStage::Tls,
        AgentStage::Authentication => ProbeStage::Authentication,
        AgentStage::ApiVersion => ProbeStage::ApiVersion,
        AgentStage::Engine => ProbeStage::Engine,
        AgentStage::Permission => ProbeStage::Permission,
        AgentStage::Storage => ProbeStage::Storage,
        AgentStage::Capacity => ProbeStage::Capacity,
    }
}

/// The same to somebody who gave address and credentials just now: what the host refuses of them is wrong input, and
/// only a host that is silent or unwell is unavailable.
fn given_error(endpoint: &Endpoint, failure: &ProbeFailure) -> Error {
    let is_silent = failure.is_late || matches!(failure.remedy, Remedy::StartEngine | Remedy::InspectEngine);
    let kind = if is_silent { ErrorKind::Unavailable } else { ErrorKind::Invalid };
    Error { kind, ..probe_error(endpoint, failure) }
}

/// The same of a host whose credentials were accepted once: what is to be done is not what a form with wrong ones says.
pub(crate) fn stored_error(endpoint: &Endpoint, failure: &ProbeFailure) -> Error {
    match failure.remedy {
        Remedy::RenewToken | Remedy::CheckClientCertificate if !failure.is_late => {
            Error::unavailable(Code::HostCredentialsRefused).with("why", &failure.message)
        }
        _ => probe_error(endpoint, failure),
    }
}

/// A failed stage as an error with its remedy. Only staff get here, so what was seen is told, too.
pub(crate) fn probe_error(endpoint: &Endpoint, failure: &ProbeFailure) -> Error {
    let address = if endpoint.is_cluster() { "server" } else { "address" };
    let (code, field) = match failure.remedy {
        Remedy::UpgradeEngine if endpoint.is_cluster() => (Code::ClusterVersion, "server"),
        Remedy::InspectEngine | Remedy::EnableEngineTls if endpoint.is_cluster() => {
            (Code::ClusterAnswer, "server")
        }
        Remedy::CorrectAddress => (Code::HostAddress, address),
        Remedy::CheckName => (Code::HostNameUnresolved, address),
        Remedy::UseOtherAddress => (Code::HostAddressRefused, address),
        Remedy::StartEngine => (Code::HostTcp, address),
        Remedy::GrantSocketAccess => (Code::HostSocketRefused, "path"),
        Remedy::EnableEngineTls => (Code::HostNoTls, "port"),
        Remedy::CheckAuthority => (Code::HostTls, "ca_pem"),
        Remedy::CheckClientMaterial => (Code::HostClientMaterial, "key_pem"),
        Remedy::CheckClientCertificate => (Code::HostAuthentication, "certificate_pem"),
        Remedy::UpgradeEngine => (Code::HostApiVersion, address),
        Remedy::InspectEngine => (Code::HostEngine, address),
        Remedy::CheckFingerprint => (Code::HostFingerprint, "pinned"),
        Remedy::RenewToken => (Code::HostToken, "token"),
        Remedy::RunInCluster => (Code::HostNotInCluster, "server"),
        Remedy::GrantPermissions => (Code::HostPermissions, "namespace_prefix"),
        Remedy::ChooseStorage => (Code::HostStorage, "storage_class"),
        Remedy::ProvideMachines => (Code::HostMachines, "node_selector"),
    };
    Error::unavailable(code).with("why", &failure.message).on(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_gave_and_the_host_refuses_is_wrong_input() {
        let cluster = Endpoint::Cluster { server: "https://api.example".to_owned() };
        let status = |failure: ProbeFailure| {
            let (_, error) = view(&cluster, Err(failure)).failed.unwrap();
            assert!(error.field.is_some(), "{error}");
            error.status()
        };
        use AgentStage as S;
        for (stage, remedy, expect) in [
            (S::Address, Remedy::CorrectAddress, 422),
            (S::Address, Remedy::CheckName, 422),
            (S::Address, Remedy::UseOtherAddress, 422),
            (S::Tcp, Remedy::StartEngine, 503),
            (S::Tcp, Remedy::GrantSocketAccess, 422),
            (S::Tls, Remedy::EnableEngineTls, 422),
            (S::Tls, Remedy::CheckAuthority, 422),
            (S::Tls, Remedy::CheckFingerprint, 422),
            (S::Authentication, Remedy::RenewToken, 422),
            (S::Authentication, Remedy::CheckClientCertificate, 422),
            (S::Authentication, Remedy::RunInCluster, 422),
            (S::ApiVersion, Remedy::UpgradeEngine, 422),
            (S::Engine, Remedy::InspectEngine, 503),
            (S::Permission, Remedy::GrantPermissions, 422),
            (S::Storage, Remedy::ChooseStorage, 422),
            (S::Capacity, Remedy::ProvideMachines, 422),
        ] {
            assert_eq!(status(ProbeFailure::at(stage, remedy, "seen")), expect, "{remedy:?}");
            assert_eq!(status(ProbeFailure::late(stage, remedy, "late")), 503, "{remedy:?}");
        }
    }

    #[test]
    fn each_failure_names_its_stage_and_its_own_remedy() {
        let check_at = |endpoint: &Endpoint, stage, remedy, passed: usize, (code, field): (Code, &str)| {
            let shown = view(endpoint, Err(ProbeFailure::at(stage, remedy, "seen")));
            let (failed, error) = shown.failed.unwrap();
            assert_eq!((shown.passed.len(), failed), (passed, stage_of(stage)));
            assert_eq!(
                (error.code, error.field.as_deref(), error.values["why"].as_str()),
                (code, Some(field), "seen")
            );
        };
        use AgentStage as S;
        let engine = Endpoint::Tcp { address: "engine".to_owned(), port: 2376 };
        let check = |stage, remedy, passed, code, field| {
            check_at(&engine, stage, remedy, passed, (code, field));
        };
        check(S::Address, Remedy::CheckName, 0, Code::HostNameUnresolved, "address");
        check(S::Address, Remedy::UseOtherAddress, 0, Code::HostAddressRefused, "address");
        check(S::Tcp, Remedy::StartEngine, 1, Code::HostTcp, "address");
        check(S::Tcp, Remedy::GrantSocketAccess, 1, Code::HostSocketRefused, "path");
        check(S::Tls, Remedy::EnableEngineTls, 2, Code::HostNoTls, "port");
        check(S::Tls, Remedy::CheckAuthority, 2, Code::HostTls, "ca_pem");
        check(S::Authentication, Remedy::CheckClientMaterial, 3, Code::HostClientMaterial, "key_pem");
        check(
            S::Authentication,
            Remedy::CheckClientCertificate,
            3,
            Code::HostAuthentication,
            "certificate_pem",
        );
        check(S::ApiVersion, Remedy::UpgradeEngine, 4, Code::HostApiVersion, "address");
        check(S::Engine, Remedy::InspectEngine, 5, Code::HostEngine, "address");
        let cluster = Endpoint::Cluster { server: "https://api.example".to_owned() };
        let check = |stage, remedy, passed, code, field| {
            check_at(&cluster, stage, remedy, passed, (code, field));
        };
        check(S::Address, Remedy::CheckName, 0, Code::HostNameUnresolved, "server");
        check(S::Tcp, Remedy::StartEngine, 1, Code::HostTcp, "server");
        check(S::Tls, Remedy::EnableEngineTls, 2, Code::ClusterAnswer, "server");
        check(S::ApiVersion, Remedy::UpgradeEngine, 4, Code::ClusterVersion, "server");
        check(S::Engine, Remedy::InspectEngine, 5, Code::ClusterAnswer, "server");
        check(S::Tls, Remedy::CheckFingerprint, 2, Code::HostFingerprint, "pinned");
        check(S::Authentication, Remedy::RenewToken, 3, Code::HostToken, "token");
        check(S::Permission, Remedy::GrantPermissions, 6, Code::HostPermissions, "namespace_prefix");
        check(S::Storage, Remedy::ChooseStorage, 7, Code::HostStorage, "storage_class");
        check(S::Capacity, Remedy::ProvideMachines, 8, Code::HostMachines, "node_selector");
    }
}
