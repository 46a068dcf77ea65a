//! The images of a host: present, on their way, or missing with what brings them there.

use domain::host::{ImageState, ImageUse, ImageView};
use domain::id::{HostId, OperationId};
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::host::host_prepare;
use crate::api::{ApiError, Problem};
use crate::browser;
use crate::components::badge::{Tone, badge};
use crate::components::copy::Copyable;
use crate::components::notice::Notice;
use crate::components::page::empty;
use crate::pages::refusal;
use crate::session::Me;
use crate::text::{Text, fill, say, tr};

/// Bytes of one MiB.
const MIB: u64 = 1_024 * 1_024;

/// Pulls that were asked for on this page.
#[derive(Clone, Copy)]
pub struct Pulls {
    pull: Action<Option<String>, Result<OperationId, ApiError>>,
}

impl Pulls {
    /// Nothing asked for yet.
    pub fn new(id: Memo<String>) -> Self {
        let pull = Action::new(move |image: &Option<String>| {
            host_prepare(HostId::new(id.get_untracked()), image.clone())
        });
        Self { pull }
    }

    /// The button for all, and where the last wish led to.
    pub fn head(self, me: &Me) -> AnyView {
        let pull = self.pull;
        let button = me.can(Act::Prepare, Noun::Host).then(|| {
            view! {
                <button type="button" class="button" disabled=move || pull.pending().get()
                    on:click=move |_| { pull.dispatch(None); }>
                    {tr(|t| t.images_prepare)}
                </button>
            }
        });
        let operation = move || {
            let id = pull.value().get().and_then(Result::ok)?;
            Some(view! { <a href=format!("/operations/{id}")>{tr(|t| t.see_operation)}</a> })
        };
        view! {
            <div class="row">{button} {operation}</div>
            <Notice error=refusal(pull)/>
        }
        .into_any()
    }
}

/// An archive on its way to the host.
#[derive(Clone, Copy)]
pub struct Upload {
    host: Memo<String>,
    busy: RwSignal<bool>,
    /// What came of the last one: the images that are there now, or why not.
    outcome: RwSignal<Option<Result<Vec<ImageView>, ApiError>>>,
}

impl Upload {
    /// Nothing sent yet.
    pub fn new(host: Memo<String>) -> Self {
        Self { host, busy: RwSignal::new(false), outcome: RwSignal::new(None) }
    }

    /// The field, its button, and what came of it.
    pub fn form(self, me: &Me) -> Option<AnyView> {
        if !me.can(Act::Prepare, Noun::Host) {
            return None;
        }
        let Self { host, busy, outcome } = self;
        let send = move |_| {
            let url = format!("/hosts/{}/images", host.get_untracked());
            outcome.set(None);
            busy.set(browser::send_file("archive", &url, move |status, text| {
                busy.set(false);
                outcome.set(Some(answer(status, &text)));
            }));
        };
        let refused = Signal::derive(move || outcome.get().and_then(Result::err));
        let loaded = move || {
            let names = outcome.get()?.ok()?.into_iter().map(|image| image.reference);
            let names = names.collect::<Vec<_>>().join(", ");
            Some(view! { <p class="notice notice-good">{tr(|t| t.uploaded)} " " <code>{names}</code></p> })
        };
        let uploading = tr(|t| t.uploading);
        let form = view! {
            <section class="card">
                <h2>{tr(|t| t.upload_image)}</h2>
                <div class="field">
                    <label for="archive">{tr(|t| t.upload_image_hint)}</label>
                    <input type="file" id="archive" accept=".tar,application/x-tar"/>
                </div>
                <div class="row end">
                    <span role="status">{move || busy.get().then(uploading)}</span>
                    <button type="button" class="button" disabled=move || busy.get() on:click=send>
                        {tr(|t| t.upload_image_button)}
                    </button>
                </div>
                <div aria-live="polite">{loaded}</div>
                <Notice error=refused/>
            </section>
        };
        Some(form.into_any())
    }
}

/// The answer to an upload; one that cannot be read is lost.
fn answer(status: u16, text: &str) -> Result<Vec<ImageView>, ApiError> {
    let lost = || ApiError { problem: Problem::Lost, request_id: None };
    if status == 200 {
        return serde_json::from_str(text).map_err(|_| lost());
    }
    let refusal: domain::Error = serde_json::from_str(text).map_err(|_| lost())?;
    Err(ApiError::from(refusal))
}

/// The table.
pub fn table(images: Vec<ImageView>, me: &Me, pulls: Pulls) -> AnyView {
    if images.is_empty() {
        return empty(|t| t.no_images, |t| t.no_images_hint, None);
    }
    let may_pull = me.can(Act::Prepare, Noun::Host);
    let rows = images
        .into_iter()
        .map(|image| {
            let name = image.reference.clone();
            let state = state(image.state, may_pull.then_some((pulls, name)));
            view! {
                <tr>
                    <th scope="row"><code>{image.reference}</code></th>
                    <td>{tr(purpose(image.purpose))}</td>
                    <td>{state}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.images)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.image)}</th>
                        <th scope="col">{tr(|t| t.image_purpose)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn purpose(purpose: ImageUse) -> fn(&'static Text) -> &'static str {
    match purpose {
        ImageUse::Peer => |t| t.purpose_peer,
        ImageUse::Orderer => |t| t.purpose_orderer,
        ImageUse::Sample => |t| t.purpose_sample,
        ImageUse::Chaincode => |t| t.purpose_chaincode,
    }
}

fn state(state: ImageState, pull: Option<(Pulls, String)>) -> AnyView {
    match state {
        ImageState::Present { id, local_only } => view! {
            {badge((Tone::Good, |t| t.image_present))} " "
            {local_only.then(|| badge((Tone::Quiet, |t| t.image_local)))} " " <Copyable text=id/>
        }
        .into_any(),
        ImageState::Preparing { done, total } => {
            let so_far = say(move |t| {
                let values = [("done", (done / MIB).to_string()), ("total", (total / MIB).to_string())];
                fill(t.mib_of_mib, &values)
            });
            view! {
                {badge((Tone::Busy, |t| t.image_preparing))} " "
                <progress aria-label=tr(|t| t.image_preparing) max=total.max(1).to_string() value=done.to_string()>
                </progress>
                " " <span class="muted small">{so_far}</span>
            }
            .into_any()
        }
        ImageState::Missing => {
            let button = pull.map(|(pulls, name)| {
                let label = name.clone();
                let label = say(move |t| format!("{} {label}", t.image_pull));
                view! {
                    <button type="button" class="button small" aria-label=label
                        disabled=move || pulls.pull.pending().get()
                        on:click=move |_| { pulls.pull.dispatch(Some(name.clone())); }>
                        {tr(|t| t.image_pull)}
                    </button>
                }
            });
            view! { {badge((Tone::Warn, |t| t.image_missing))} " " {button} }.into_any()
        }
        ImageState::MissingLocal => badge((Tone::Warn, |t| t.image_missing_local)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_an_upload_is_read() {
        let image = "[{\"reference\":\"a:1\",\"purpose\":\"chaincode\",\"state\":{\"state\":\"missing\"}}]";
        assert_eq!(answer(200, image).unwrap()[0].reference, "a:1");
        let refusal = serde_json::to_string(&domain::Error::forbidden()).unwrap();
        assert_eq!(answer(403, &refusal).unwrap_err().status(), 403);
        assert_eq!(answer(0, "").unwrap_err().problem, Problem::Lost);
        assert_eq!(answer(502, "<html>").unwrap_err().problem, Problem::Lost);
    }
}
