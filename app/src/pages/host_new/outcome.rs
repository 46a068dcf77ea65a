//! What came of a connection test: every stage, why one failed, and of a cluster what its account needs.

use domain::host::cluster::ClusterSettings;
use domain::host::{ProbeStage, ProbeView};
use domain::{Code, Error};
use leptos::prelude::*;

use crate::api::host::host_rbac;
use crate::api::{ApiError, Problem};
use crate::components::badge::Pick;
use crate::components::copy::CopyButton;
use crate::components::notice::Notice;
use crate::pages::refusal;
use crate::text::{refusal_text, say_in, tr};

/// What the list of missing permissions begins with.
const MISSING: &str = "permissions are missing: ";

/// The stages of a test, in order, with the one that failed and why.
#[component]
pub fn Outcome<I: Send + Sync + 'static>(test: Action<I, Result<ProbeView, ApiError>>) -> impl IntoView {
    view! {
        <div aria-live="polite">
            {move || match test.value().get() {
                Some(Ok(probe)) => stages(&probe),
                Some(Err(_)) | None => ().into_any(),
            }}
        </div>
    }
}

fn stages(probe: &ProbeView) -> AnyView {
    let failed = probe.failed.as_ref().map(|(stage, _)| *stage);
    let items = [
        ProbeStage::Address,
        ProbeStage::Tcp,
        ProbeStage::Tls,
        ProbeStage::Authentication,
        ProbeStage::ApiVersion,
        ProbeStage::Engine,
        ProbeStage::Permission,
        ProbeStage::Storage,
        ProbeStage::Capacity,
    ]
    .into_iter()
    .filter(|stage| probe.passed.contains(stage) || failed == Some(*stage))
    .map(|stage| {
        let class = if failed == Some(stage) { "stage stage-bad" } else { "stage stage-good" };
        let verdict = if failed == Some(stage) { tr(|t| t.verdict_fail) } else { tr(|t| t.verdict_pass) };
        view! { <li class=class>{tr(stage_name(stage))} ": " {verdict}</li> }
    })
    .collect_view();
    let reason = probe.failed.clone().map(|(_, error)| reason(error));
    let fine = probe.failed.is_none().then(|| {
        let engine =
            probe.facts.as_ref().map(|f| format!("{} {} · {}", f.engine, f.version, f.operating_system));
        let is_cluster = probe.passed.contains(&ProbeStage::Capacity);
        let sentence: Pick =
            if is_cluster { |t| t.cluster().connection_fine } else { |t| t.hosting().connection_fine };
        view! { <p class="notice notice-good">{tr(sentence)} " " {engine}</p> }
    });
    view! {
        <ol class="stages">{items}</ol>
        {reason}
        {fine}
    }
    .into_any()
}

/// Why a stage failed. Permissions are many, so they are a list.
fn reason(error: Error) -> AnyView {
    if error.code != Code::HostPermissions {
        let text = say_in(move |lang| refusal_text(lang, &error));
        return view! { <p class="notice notice-bad">{text}</p> }.into_any();
    }
    let missing = permissions(&error).into_iter().map(|one| view! { <li><code>{one}</code></li> });
    let missing = missing.collect_view();
    // What is missing stands in the list and not once more behind the sentence.
    let text = say_in(|lang| lang.code(Code::HostPermissions).to_owned());
    view! {
        <div class="notice notice-bad">
            <p>{text}</p>
            <p>{tr(|t| t.cluster().permissions_missing)}</p>
            <ul lang="en">{missing}</ul>
        </div>
    }
    .into_any()
}

/// What a test found missing, one by one; where the cluster refused a question at once, its own words.
fn permissions(error: &Error) -> Vec<String> {
    let told = error.values.get("why").map(String::as_str).unwrap_or_default();
    match told.split_once(MISSING) {
        Some(("", list)) => list.split(", ").map(str::to_owned).collect(),
        Some(_) | None => Some(told.to_owned()).filter(|told| !told.is_empty()).into_iter().collect(),
    }
}

fn stage_name(stage: ProbeStage) -> Pick {
    match stage {
        ProbeStage::Address => |t| t.hosting().stage_address,
        ProbeStage::Tcp => |t| t.hosting().stage_tcp,
        ProbeStage::Tls => |t| t.hosting().stage_tls,
        ProbeStage::Authentication => |t| t.hosting().stage_authentication,
        ProbeStage::ApiVersion => |t| t.hosting().stage_api_version,
        ProbeStage::Engine => |t| t.hosting().stage_engine,
        ProbeStage::Permission => |t| t.hosting().stage_permission,
        ProbeStage::Storage => |t| t.hosting().stage_storage,
        ProbeStage::Capacity => |t| t.hosting().stage_capacity,
    }
}

/// Whether a test missed permissions.
pub fn lacks_permissions<I: Send + Sync + 'static>(
    test: Action<I, Result<ProbeView, ApiError>>,
) -> Signal<bool> {
    Signal::derive(move || match test.value().get() {
        Some(Ok(ProbeView { failed: Some((_, error)), .. })) => error.code == Code::HostPermissions,
        Some(Ok(_) | Err(_)) | None => false,
    })
}

/// Whether something was refused because permissions are missing.
pub fn refused_for_permissions<I: Send + Sync + 'static, O: Clone + Send + Sync + 'static>(
    action: Action<I, Result<O, ApiError>>,
) -> Signal<bool> {
    Signal::derive(move || match action.value().get() {
        Some(Err(ApiError { problem: Problem::Refused(error), .. })) => error.code == Code::HostPermissions,
        Some(_) | None => false,
    })
}

/// The rights that a cluster's account needs, to copy: shown when somebody asks, or when some are missing.
#[component]
pub fn Rights(
    /// What is wanted of the cluster now; none while that cannot be said.
    settings: Callback<(), Option<ClusterSettings>>,
    #[prop(into)] missing: Signal<bool>,
) -> impl IntoView {
    let show = Action::new(|settings: &ClusterSettings| host_rbac(settings.clone()));
    let ask = move || {
        if let Some(settings) = settings.run(()) {
            show.dispatch(settings);
        }
    };
    Effect::new(move |_| {
        if missing.get() {
            ask();
        }
    });
    view! {
        <div class="row">
            <span>{tr(|t| t.cluster().rights)}</span>
            <button type="button" class="button small" disabled=move || show.pending().get()
                on:click=move |_| ask()>
                {tr(|t| t.cluster().rights_show)}
            </button>
        </div>
        <Notice error=refusal(show)/>
        <div aria-live="polite">{move || show.value().get().and_then(Result::ok).map(manifest)}</div>
    }
}

fn manifest(text: String) -> AnyView {
    view! {
        <p class="muted small">{tr(|t| t.cluster().rights_hint)} " " <CopyButton text=text.clone()/></p>
        <pre class="log-lines" tabindex="0" lang="en">{text}</pre>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_told_one_by_one() {
        let error = |why: &str| Error::unavailable(Code::HostPermissions).with("why", why);
        let told = "permissions are missing: create pods, list statefulsets (apps)";
        assert_eq!(permissions(&error(told)), ["create pods", "list statefulsets (apps)"]);
        assert_eq!(permissions(&error("pods: forbidden, says X")), ["pods: forbidden, says X"]);
        assert!(permissions(&Error::unavailable(Code::HostPermissions)).is_empty());
    }
}
