//! A package that somebody has already: the server looks into it, and its label goes into the deployment.

use domain::chaincode::PackageView;
use leptos::prelude::*;

use crate::api::ApiError;
use crate::browser;
use crate::components::copy::Copyable;
use crate::components::notice::Notice;
use crate::text::{fill, say, tr};

/// The package of a deployment, if one was brought.
#[derive(Clone, Copy)]
pub struct Package {
    busy: RwSignal<bool>,
    outcome: RwSignal<Option<Result<PackageView, ApiError>>>,
}

impl Package {
    /// None yet.
    pub fn none() -> Self {
        Self { busy: RwSignal::new(false), outcome: RwSignal::new(None) }
    }

    /// Its label; none where the portal names the package itself.
    pub fn label(self) -> Option<String> {
        self.outcome.get_untracked()?.ok().map(|package| package.label)
    }

    /// Lets go of it.
    pub fn clear(self) {
        self.outcome.set(None);
    }

    /// The field, and what the server found.
    pub fn field(self, chain: &str) -> AnyView {
        let Self { busy, outcome } = self;
        let url = format!("/chains/{chain}/package");
        let send = move |_| {
            outcome.set(None);
            busy.set(browser::send_file("package", &url, move |status, text| {
                busy.set(false);
                outcome.set(Some(ApiError::of_upload(status, &text)));
            }));
        };
        let refused = Signal::derive(move || outcome.get().and_then(Result::err));
        let looking = tr(|t| t.deploying().package_looking);
        view! {
            <div class="field">
                <label for="package">{tr(|t| t.deploying().package)}</label>
                <input type="file" id="package" accept=".tgz,.tar.gz,application/gzip"
                    aria-describedby="package-hint" on:change=send/>
                <p id="package-hint" class="muted small">{tr(|t| t.deploying().package_hint)}</p>
                <p role="status">{move || busy.get().then(looking)}</p>
                <div aria-live="polite">{move || outcome.get().and_then(Result::ok).map(|it| self.found(it))}</div>
                <Notice error=refused/>
            </div>
        }
        .into_any()
    }

    fn found(self, package: PackageView) -> AnyView {
        let PackageView { label, package_id, address } = package;
        let taken = say(move |t| {
            fill(t.deploying().package_taken, &[("label", label.clone()), ("address", address.clone())])
        });
        view! {
            <div class="notice notice-good">
                <p>{taken}</p>
                <p class="small"><Copyable text=package_id/></p>
                <button type="button" class="button small" on:click=move |_| self.clear()>{tr(|t| t.remove)}</button>
            </div>
        }
        .into_any()
    }
}
