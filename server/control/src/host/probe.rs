//! Connection tests: which stage fails, why, and what helps.

use agents::{ProbeFailure, ProbeStage as AgentStage, Remedy};
use domain::host::{Endpoint, HostFacts, HostSpec, ProbeStage, ProbeView, TlsCredentials};
use domain::id::HostId;
use domain::permission::{Action, Noun};
use domain::{Code, Error};

use super::endpoint_field;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// Every stage, in order.
const STAGES: [ProbeStage; 9] = [
    ProbeStage::Address,
    ProbeStage::Tcp,
    ProbeStage::Tls,
    ProbeStage::Authentication,
    ProbeStage::ApiVersion,
    ProbeStage::Engine,
    ProbeStage::Permission,
    ProbeStage::Storage,
    ProbeStage::Capacity,
];

/// How many of them a container engine has.
const ENGINE_STAGES: usize = 6;

impl ControlPlane {
    /// Tests a connection and names the stage that fails. Nothing is saved.
    pub async fn host_probe(
        &self,
        caller: &Caller,
        spec: HostSpec,
        credentials: Option<TlsCredentials>,
    ) -> Result<ProbeView, Error> {
        policy::authorize(caller, Action::Probe, Resource::any(Noun::Host))?;
        // Whoever may only look at hosts cannot make the portal dial addresses of their choice.
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        self.probe(&spec, credentials.as_ref()).await
    }

    /// Tests the connection to a host as it is stored.
    pub async fn host_test(&self, caller: &Caller, id: &HostId) -> Result<ProbeView, Error> {
        policy::authorize(caller, Action::Probe, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        match self.services.agent(id).await {
            Ok(agent) => Ok(view(agent.probe().await)),
            Err(error) if error.code == Code::HostLocalRefused => Ok(failed_at(ProbeStage::Address, error)),
            Err(error) => {
                tracing::info!(%error, host = %record.spec.name, "a host has no agent");
                Ok(failed_at(ProbeStage::Authentication, Error::unavailable(Code::HostClientMaterial)))
            }
        }
    }

    pub(super) async fn probe(
        &self,
        spec: &HostSpec,
        credentials: Option<&TlsCredentials>,
    ) -> Result<ProbeView, Error> {
        spec.check()?;
        if !self.services.may_open(&spec.endpoint) {
            return Err(Error::invalid(Code::HostLocalRefused).on(endpoint_field(&spec.endpoint)));
        }
        if matches!(spec.endpoint, Endpoint::Tcp { .. }) && credentials.is_none() {
            return Err(Error::invalid(Code::HostPlainTcp).on("ca_pem"));
        }
        match (self.services.connector)(spec, credentials) {
            Ok(agent) => Ok(view(agent.probe().await)),
            Err(failure) => Ok(view(Err(failure))),
        }
    }
}

fn view(probed: Result<agents::EngineFacts, ProbeFailure>) -> ProbeView {
    match probed {
        Ok(facts) => {
            let passed = STAGES.into_iter().take(ENGINE_STAGES).collect();
            ProbeView { passed, failed: None, facts: Some(facts_view(&facts)) }
        }
        Err(failure) => failed_at(stage_of(failure.stage), probe_error(&failure)),
    }
}

fn failed_at(stage: ProbeStage, error: Error) -> ProbeView {
    let passed = STAGES.into_iter().take_while(|passed| *passed != stage).collect();
    ProbeView { passed, failed: Some((stage, error)), facts: None }
}

/// The engine's facts in the portal's words.
pub(crate) fn facts_view(facts: &agents::EngineFacts) -> HostFacts {
    HostFacts {
        engine: facts.name.clone(),
        version: facts.version.clone(),
        api_version: facts.api_version.clone(),
        operating_system: facts.operating_system.clone(),
        architecture: facts.architecture.clone(),
        cpus: facts.cpus.unwrap_or(0),
        memory_mib: mib(facts.memory_bytes.unwrap_or(0)),
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

/// A failed stage as an error with its remedy. Only staff get here, so what was seen is told, too.
pub(crate) fn probe_error(failure: &ProbeFailure) -> Error {
    let (code, field) = match failure.remedy {
        Remedy::CorrectAddress => (Code::HostAddress, "address"),
        Remedy::CheckName => (Code::HostNameUnresolved, "address"),
        Remedy::UseOtherAddress => (Code::HostAddressRefused, "address"),
        Remedy::StartEngine => (Code::HostTcp, "address"),
        Remedy::GrantSocketAccess => (Code::HostSocketRefused, "path"),
        Remedy::EnableEngineTls => (Code::HostNoTls, "port"),
        Remedy::CheckAuthority => (Code::HostTls, "ca_pem"),
        Remedy::CheckClientMaterial => (Code::HostClientMaterial, "key_pem"),
        Remedy::CheckClientCertificate => (Code::HostAuthentication, "certificate_pem"),
        Remedy::UpgradeEngine => (Code::HostApiVersion, "address"),
        Remedy::InspectEngine => (Code::HostEngine, "address"),
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
    fn each_failure_names_its_stage_and_its_own_remedy() {
        let check = |stage, remedy, passed: usize, code, field: &str| {
            let shown = view(Err(ProbeFailure::at(stage, remedy, "seen")));
            let (failed, error) = shown.failed.unwrap();
            assert_eq!((shown.passed.len(), failed), (passed, stage_of(stage)));
            assert_eq!(
                (error.code, error.field.as_deref(), error.values["why"].as_str()),
                (code, Some(field), "seen")
            );
        };
        use AgentStage as S;
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
        check(S::Tls, Remedy::CheckFingerprint, 2, Code::HostFingerprint, "pinned");
        check(S::Authentication, Remedy::RenewToken, 3, Code::HostToken, "token");
        check(S::Permission, Remedy::GrantPermissions, 6, Code::HostPermissions, "namespace_prefix");
        check(S::Storage, Remedy::ChooseStorage, 7, Code::HostStorage, "storage_class");
        check(S::Capacity, Remedy::ProvideMachines, 8, Code::HostMachines, "node_selector");
    }
}
