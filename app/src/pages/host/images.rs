//! The images of a host: present, on their way, or missing with what brings them there.

use domain::host::image::check_chaincode_image;
use domain::host::{ApprovedImage, ImageState, ImageUse, ImageView};
use domain::id::{HostId, OperationId};
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::ApiError;
use crate::api::host::{host_image_approve, host_image_revoke, host_prepare};
use crate::browser;
use crate::components::badge::{Tone, badge};
use crate::components::copy::Copyable;
use crate::components::field::TextField;
use crate::components::notice::Notice;
use crate::components::page::empty;
use crate::components::time::Time;
use crate::pages::host_new::{show_on_field, wrong_on};
use crate::pages::refusal;
use crate::session::Me;
use crate::text::{Text, fill, say, tr, words};

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
                    {tr(|t| t.hosting().images_prepare)}
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
                outcome.set(Some(ApiError::of_upload(status, &text)));
            }));
        };
        let refused = Signal::derive(move || outcome.get().and_then(Result::err));
        let loaded = move || {
            let names = outcome.get()?.ok()?.into_iter().map(|image| image.reference);
            let names = names.collect::<Vec<_>>().join(", ");
            Some(
                view! { <p class="notice notice-good">{tr(|t| t.hosting().uploaded)} " " <code>{names}</code></p> },
            )
        };
        let uploading = tr(|t| t.hosting().uploading);
        let form = view! {
            <section class="card">
                <h2>{tr(|t| t.hosting().upload_image)}</h2>
                <div class="field">
                    <label for="archive">{tr(|t| t.hosting().upload_image_hint)}</label>
                    <input type="file" id="archive" accept=".tar,application/x-tar"/>
                </div>
                <div class="row end">
                    <span role="status">{move || busy.get().then(uploading)}</span>
                    <button type="button" class="button" disabled=move || busy.get() on:click=send>
                        {tr(|t| t.hosting().upload_image_button)}
                    </button>
                </div>
                <div aria-live="polite">{loaded}</div>
                <Notice error=refused/>
            </section>
        };
        Some(form.into_any())
    }
}

/// Approving images for chaincode on this page, and taking that back.
#[derive(Clone, Copy)]
pub struct Approvals {
    host: Memo<String>,
    name: RwSignal<String>,
    wrong: RwSignal<Option<domain::Error>>,
    approve: Action<String, Result<(), ApiError>>,
    revoke: Action<String, Result<(), ApiError>>,
}

impl Approvals {
    /// Nothing typed yet.
    pub fn new(id: Memo<String>) -> Self {
        let approve = Action::new(move |image: &String| {
            host_image_approve(HostId::new(id.get_untracked()), image.clone())
        });
        let revoke = Action::new(move |content: &String| {
            host_image_revoke(HostId::new(id.get_untracked()), content.clone())
        });
        let (name, wrong) = (RwSignal::new(String::new()), RwSignal::new(None));
        show_on_field(approve, wrong);
        Effect::new(move |_| {
            if let Some(Ok(())) = approve.value().get() {
                name.set(String::new());
            }
        });
        Self { host: id, name, wrong, approve, revoke }
    }

    /// By this address the forms work without WebAssembly, too.
    fn address(self) -> String {
        format!("/hosts/{}/approvals", self.host.get_untracked())
    }

    /// Counts what was changed on this page, so that the list is read again.
    pub fn changes(self) -> impl Fn() -> (usize, usize) + Send + Sync + 'static {
        let (approve, revoke) = (self.approve.version(), self.revoke.version());
        move || (approve.get(), revoke.get())
    }

    /// What is approved, by whom and when. An approval is of a content: it is taken back under all of its names.
    pub fn list(self, images: Vec<ApprovedImage>, me: &Me) -> AnyView {
        if images.is_empty() {
            return view! { <p>{tr(|t| t.hosting().no_approved_images)}</p> }.into_any();
        }
        let may_revoke = me.can(Act::Prepare, Noun::Host);
        let rows = images.into_iter().map(|image| self.row(image, may_revoke)).collect_view();
        view! {
            <p class="muted">{tr(|t| t.hosting().approved_images_hint)}</p>
            <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.hosting().approved_images)>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{tr(|t| t.image)}</th>
                            <th scope="col">{tr(|t| t.hosting().content_id)}</th>
                            <th scope="col">{tr(|t| t.who)}</th>
                            <th scope="col">{tr(|t| t.time)}</th>
                            <td></td>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <Notice error=refusal(self.revoke)/>
        }
        .into_any()
    }

    fn row(self, image: ApprovedImage, may_revoke: bool) -> AnyView {
        let (revoke, address) = (self.revoke, self.address());
        let (content, name) = (image.id.clone(), image.reference.clone());
        let button = may_revoke.then(move || {
            let label = say(move |t| format!("{} {name}", t.hosting().revoke_approval));
            let sent = content.clone();
            let submit = move |event: leptos::ev::SubmitEvent| {
                event.prevent_default();
                revoke.dispatch(content.clone());
            };
            view! {
                <form method="post" action=address on:submit=submit>
                    <input type="hidden" name="revoke" value=sent/>
                    <button type="submit" class="button small" aria-label=label
                        disabled=move || revoke.pending().get()>
                        {tr(|t| t.hosting().revoke_approval)}
                    </button>
                </form>
            }
        });
        view! {
            <tr>
                <th scope="row"><code>{image.reference}</code></th>
                <td><Copyable text=image.id/></td>
                <td>{image.by}</td>
                <td><Time ms=image.at_ms/></td>
                <td>{button}</td>
            </tr>
        }
        .into_any()
    }

    /// The field and its button.
    pub fn form(self, me: &Me) -> Option<AnyView> {
        if !me.can(Act::Prepare, Noun::Host) {
            return None;
        }
        let Self { name, wrong, approve, .. } = self;
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            let image = name.get_untracked().trim().to_owned();
            let checked = check_chaincode_image(&image);
            wrong.set(checked.as_ref().err().cloned());
            if checked.is_ok() {
                approve.dispatch(image);
            }
        };
        let form = view! {
            <section class="card">
                <h2>{tr(|t| t.hosting().approve_image)}</h2>
                <form method="post" action=self.address() class="form" on:submit=submit>
                    <TextField id="approve-image" label=words(|t| t.image) value=name autocomplete="off"
                        hint=words(|t| t.hosting().approve_image_hint) error=wrong_on(wrong, "image")/>
                    <Notice error=refusal(approve)/>
                    <div class="row end">
                        <button type="submit" class="button" disabled=move || approve.pending().get()>
                            {tr(|t| t.approve)}
                        </button>
                    </div>
                </form>
            </section>
        };
        Some(form.into_any())
    }
}

/// The table.
pub fn table(images: Vec<ImageView>, me: &Me, pulls: Pulls, is_cluster: bool) -> AnyView {
    if images.is_empty() {
        return empty(|t| t.hosting().no_images, |t| t.hosting().no_images_hint, None);
    }
    let may_pull = me.can(Act::Prepare, Noun::Host);
    let rows = images
        .into_iter()
        .map(|image| {
            let name = image.reference.clone();
            let state = match image.state {
                // Nobody uploads to a cluster.
                ImageState::MissingLocal if is_cluster => {
                    badge((Tone::Warn, |t| t.cluster().image_missing_local))
                }
                other => state(other, may_pull.then_some((pulls, name))),
            };
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
                        <th scope="col">{tr(|t| t.hosting().image_purpose)}</th>
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
        ImageUse::Peer => |t| t.hosting().purpose_peer,
        ImageUse::Orderer => |t| t.hosting().purpose_orderer,
        ImageUse::Sample => |t| t.hosting().purpose_sample,
        ImageUse::Chaincode => |t| t.hosting().purpose_chaincode,
    }
}

fn state(state: ImageState, pull: Option<(Pulls, String)>) -> AnyView {
    match state {
        ImageState::Present { id, local_only } => view! {
            {badge((Tone::Good, |t| t.hosting().image_present))} " "
            {local_only.then(|| badge((Tone::Quiet, |t| t.image_local)))} " " <Copyable text=id/>
        }
        .into_any(),
        ImageState::Preparing { done, total } => {
            let so_far = say(move |t| {
                let values = [("done", (done / MIB).to_string()), ("total", (total / MIB).to_string())];
                fill(t.hosting().mib_of_mib, &values)
            });
            view! {
                {badge((Tone::Busy, |t| t.hosting().image_preparing))} " "
                <progress aria-label=tr(|t| t.hosting().image_preparing) max=total.max(1).to_string() value=done.to_string()>
                </progress>
                " " <span class="muted small">{so_far}</span>
            }
            .into_any()
        }
        ImageState::Missing => {
            let button = pull.map(|(pulls, name)| {
                let label = name.clone();
                let label = say(move |t| format!("{} {label}", t.hosting().image_pull));
                view! {
                    <button type="button" class="button small" aria-label=label
                        disabled=move || pulls.pull.pending().get()
                        on:click=move |_| { pulls.pull.dispatch(Some(name.clone())); }>
                        {tr(|t| t.hosting().image_pull)}
                    </button>
                }
            });
            view! { {badge((Tone::Warn, |t| t.hosting().image_missing))} " " {button} }.into_any()
        }
        ImageState::MissingLocal => badge((Tone::Warn, |t| t.hosting().image_missing_local)),
        ImageState::Replaced { id } => {
            view! { {badge((Tone::Warn, |t| t.hosting().image_replaced))} " " <Copyable text=id/> }.into_any()
        }
    }
}
