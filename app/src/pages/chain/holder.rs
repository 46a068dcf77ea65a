//! Whose the chain is and until when, and what may be done about it: giving it back, freeing it, more time, another owner.

use domain::id::OperationId;
use domain::name::{ChainName, UserName};
use domain::pool::{HolderView, PoolVerb};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use crate::api::ApiError;
use crate::api::pool::{
    chain_extend, chain_free, chain_holder, chain_inherited_dismiss, chain_owner_set, chain_release,
};
use crate::components::dialog::Confirm;
use crate::components::field::TextField;
use crate::components::notice::Notice;
use crate::components::time::Time;
use crate::fetched::Fetched;
use crate::pages::host_new::{show_on_field, wrong_on};
use crate::pages::refusal;
use crate::session::user_name;
use crate::text::{tr, words};

/// What somebody wants.
#[derive(Clone)]
enum Wish {
    /// With the name as it was typed, and whether it is deleted then.
    Release(String, bool),
    Free,
    Extend(u32),
    Give(UserName),
    Dismiss,
}

/// What is typed and under way; it outlives a refresh of the page.
#[derive(Clone, Copy)]
pub struct Holder {
    typed: RwSignal<String>,
    hours: RwSignal<String>,
    user: RwSignal<String>,
    wrong: RwSignal<Option<domain::Error>>,
    change: Action<(ChainName, Wish), Result<Option<OperationId>, ApiError>>,
    /// Counts what the portal tells of the chain.
    told: RwSignal<u32>,
}

impl Holder {
    /// Nothing yet; `told` counts changes of the chain.
    pub fn new(told: RwSignal<u32>) -> Self {
        let change = Action::new(|(chain, wish): &(ChainName, Wish)| carry_out(chain.clone(), wish.clone()));
        let wrong = RwSignal::new(None);
        show_on_field(change, wrong);
        let navigate = use_navigate();
        Effect::new(move |_| {
            if let Some(Ok(Some(id))) = change.value().get() {
                navigate(&format!("/operations/{id}"), leptos_router::NavigateOptions::default());
            }
        });
        let empty = || RwSignal::new(String::new());
        Self { typed: empty(), hours: RwSignal::new("24".to_owned()), user: empty(), wrong, change, told }
    }

    /// Whose the chain is, as it is told.
    pub fn held(self, chain: &ChainName) -> Fetched<HolderView> {
        let (chain, version) = (chain.clone(), self.change.version());
        Fetched::new(move || (version.get(), self.told.get()), move |_| chain_holder(chain.clone()))
    }

    /// The card.
    pub fn card(self, chain: &ChainName, held: Fetched<HolderView>) -> AnyView {
        let name = chain.clone();
        let shown = move || held.now().and_then(Result::ok).map(|view| self.facts(&view, &name));
        // Forms stay where they are while the rest is read anew.
        let known = RwSignal::new(None::<HolderView>);
        Effect::new(move |_| {
            if let Some(Ok(view)) = held.now() {
                known.set(Some(view));
            }
        });
        view! {
            <section class="card" data-test="holder">
                <h2>{tr(|t| t.holder().holder)}</h2>
                <Transition>{shown}</Transition>
                {self.actions(chain, known)}
                <Notice error=refusal(self.change)/>
            </section>
        }
        .into_any()
    }

    fn facts(self, view: &HolderView, chain: &ChainName) -> AnyView {
        let owner = match &view.owner {
            Some(owner) if view.is_own => {
                let name = owner.to_string();
                view! { {name} " (" {tr(|t| t.holder().you)} ")" }.into_any()
            }
            Some(owner) => owner.to_string().into_any(),
            None if view.template.is_some() => tr(|t| t.holder().nobody_free).into_any(),
            None => tr(|t| t.holder().nobody).into_any(),
        };
        let template = match &view.template {
            Some(template) => template.to_string().into_any(),
            None => tr(|t| t.holder().not_pooled).into_any(),
        };
        let claimed = view.claimed_ms.map(|ms| {
            view! { <dt>{tr(|t| t.holder().claimed)}</dt> <dd><Time ms=ms/></dd> }
        });
        let expires = view.owner.is_some().then(|| {
            let until = match view.expires_ms {
                Some(ms) => view! { <Time ms=ms/> }.into_any(),
                None => tr(|t| t.holder().no_end).into_any(),
            };
            view! { <dt>{tr(|t| t.holder().expires)}</dt> <dd data-test="expires">{until}</dd> }
        });
        let soon = view.ends_soon.then(|| {
            view! { <p class="notice notice-bad" role="status" data-test="ends-soon">{tr(|t| t.holder().ends_soon)}</p> }
        });
        view! {
            {soon}
            {view.inherited_ms.is_some().then(|| self.inherited(view, chain))}
            <dl class="facts">
                <dt>{tr(|t| t.holder().owner)}</dt>
                <dd data-test="owner">{owner}</dd>
                <dt>{tr(|t| t.holder().template)}</dt>
                <dd>{template}</dd>
                {claimed}
                {expires}
            </dl>
        }
        .into_any()
    }

    /// The notice of what was there before, until the owner has read it.
    fn inherited(self, view: &HolderView, chain: &ChainName) -> AnyView {
        let chain = chain.clone();
        let dismiss = view.verbs.contains(&PoolVerb::Dismiss).then(|| {
            let dismiss = move |_| {
                self.change.dispatch((chain.clone(), Wish::Dismiss));
            };
            view! {
                <button type="button" class="button small" disabled=move || self.change.pending().get()
                    on:click=dismiss>
                    {tr(|t| t.holder().dismiss)}
                </button>
            }
        });
        view! {
            <div class="notice" role="status" data-test="inherited">
                <p>{tr(|t| t.holder().inherited)}</p>
                {dismiss}
            </div>
        }
        .into_any()
    }

    fn actions(self, chain: &ChainName, known: RwSignal<Option<HolderView>>) -> AnyView {
        let may = move |verb: PoolVerb| {
            Memo::new(move |_| {
                known.with(|view| view.as_ref().is_some_and(|view| view.verbs.contains(&verb)))
            })
        };
        let (release, free) = (may(PoolVerb::Release), may(PoolVerb::Free));
        let (extend, give) = (may(PoolVerb::Extend), may(PoolVerb::Give));
        let chains = [(); 4].map(|()| chain.clone());
        let [of_release, of_free, of_extend, of_give] = chains;
        let pooled =
            Memo::new(move |_| known.with(|view| view.as_ref().is_some_and(|view| view.template.is_some())));
        view! {
            <div class="row">
                <Show when=move || release.get()>{self.release(&of_release, pooled)}</Show>
                <Show when=move || free.get()>{self.free(&of_free)}</Show>
            </div>
            <Show when=move || extend.get()>{self.extend(&of_extend)}</Show>
            <Show when=move || give.get()>{self.give(&of_give)}</Show>
        }
        .into_any()
    }

    fn release(self, chain: &ChainName, pooled: Memo<bool>) -> AnyView {
        let name = chain.clone();
        let confirm = Callback::new(move |typed: String| {
            self.change.dispatch((name.clone(), Wish::Release(typed, !pooled.get_untracked())));
        });
        let (anew, deleted) =
            (words(|t| t.holder().release_impact_anew), words(|t| t.holder().release_impact_delete));
        let becomes = Signal::derive(move || if pooled.get() { anew.get() } else { deleted.get() });
        let impact = vec![words(|t| t.holder().release_impact_owner), becomes];
        view! {
            <Confirm label=words(|t| t.holder().release) impact=impact name=chain.to_string() typed=self.typed
                field="release-name" danger=true confirm=confirm/>
        }
        .into_any()
    }

    fn free(self, chain: &ChainName) -> AnyView {
        let chain = chain.clone();
        let confirm = Callback::new(move |_: String| {
            self.change.dispatch((chain.clone(), Wish::Free));
        });
        let impact = vec![
            words(|t| t.holder().free_impact_owner),
            words(|t| t.holder().free_impact_ledger),
            words(|t| t.holder().free_impact_keys),
        ];
        view! { <Confirm label=words(|t| t.holder().free) impact=impact confirm=confirm/> }.into_any()
    }

    fn extend(self, chain: &ChainName) -> AnyView {
        let chain = chain.clone();
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            self.wrong.set(None);
            // What is no number is refused as one that nobody can have.
            let hours = self.hours.get_untracked().trim().parse().unwrap_or_default();
            self.change.dispatch((chain.clone(), Wish::Extend(hours)));
        };
        view! {
            <form method="post" class="row" novalidate=true on:submit=submit>
                <TextField id="extend-hours" label=words(|t| t.holder().hours) value=self.hours
                    inputmode="numeric" autocomplete="off" hint=words(|t| t.holder().extend_hint)
                    error=wrong_on(self.wrong, "hours")/>
                <button type="submit" class="button" disabled=move || self.change.pending().get()>
                    {tr(|t| t.holder().extend)}
                </button>
            </form>
        }
        .into_any()
    }

    fn give(self, chain: &ChainName) -> AnyView {
        let chain = chain.clone();
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            match user_name(&self.user.get_untracked()) {
                Ok(user) => {
                    self.wrong.set(None);
                    self.change.dispatch((chain.clone(), Wish::Give(user)));
                }
                Err(error) => self.wrong.set(Some(error.on("user"))),
            }
        };
        view! {
            <form method="post" class="row" novalidate=true on:submit=submit>
                <TextField id="give-user" label=words(|t| t.holder().give) value=self.user autocomplete="off"
                    hint=words(|t| t.holder().give_hint) error=wrong_on(self.wrong, "user")/>
                <button type="submit" class="button" disabled=move || self.change.pending().get()>
                    {tr(|t| t.holder().give_button)}
                </button>
            </form>
        }
        .into_any()
    }
}

async fn carry_out(chain: ChainName, wish: Wish) -> Result<Option<OperationId>, ApiError> {
    match wish {
        Wish::Release(typed, delete) => chain_release(chain, typed, delete).await.map(Some),
        Wish::Free => chain_free(chain).await.map(Some),
        Wish::Extend(hours) => chain_extend(chain, hours).await.map(|()| None),
        Wish::Give(user) => chain_owner_set(chain, user).await,
        Wish::Dismiss => chain_inherited_dismiss(chain).await.map(|()| None),
    }
}
