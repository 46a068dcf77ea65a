//! What is done to all selected chains: each gets an operation of its own under its own rights, and says in its own line
//! what came of it.

use domain::id::OperationId;
use domain::name::ChainName;
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::ApiError;
use crate::api::chain::{chain_delete, chain_restart, chain_start, chain_stop};
use crate::components::dialog::Confirm;
use crate::components::list::selection::Selection;
use crate::components::prove;
use crate::session::Me;
use crate::text::{Text, error_text, fill, say, say_in, tr, words};

/// What can be done to many chains at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Start,
    Stop,
    Restart,
    Delete,
}

impl Deed {
    const ALL: [Self; 4] = [Self::Start, Self::Stop, Self::Restart, Self::Delete];

    fn action(self) -> Act {
        match self {
            Self::Start => Act::Start,
            Self::Stop => Act::Stop,
            Self::Restart => Act::Restart,
            Self::Delete => Act::Delete,
        }
    }

    fn label(self) -> fn(&'static Text) -> &'static str {
        match self {
            Self::Start => |t| t.start,
            Self::Stop => |t| t.stop,
            Self::Restart => |t| t.restart,
            Self::Delete => |t| t.delete,
        }
    }

    async fn ask(self, name: ChainName) -> Result<OperationId, ApiError> {
        match self {
            Self::Start => chain_start(name).await,
            Self::Stop => chain_stop(name).await,
            Self::Restart => chain_restart(name).await,
            Self::Delete => {
                let typed = name.to_string();
                chain_delete(name, typed, false).await
            }
        }
    }
}

/// Asks for something to be done to chains. It is refused as a whole only where the password is asked for again: then
/// nothing more is done, and all of it is asked again once it is typed.
type Asking = Action<(Deed, Vec<String>), Result<(), ApiError>>;

/// What came of it, chain by chain.
type Outcomes = RwSignal<Vec<(String, Result<OperationId, ApiError>)>>;

/// The bar that stands above the list while something is selected.
pub fn bulk_bar(selection: Selection, me: &Me) -> AnyView {
    let deeds: Vec<Deed> = Deed::ALL.into_iter().filter(|deed| me.can(deed.action(), Noun::Chain)).collect();
    if deeds.is_empty() {
        return ().into_any();
    }
    let outcomes: Outcomes = RwSignal::new(Vec::new());
    let act: Asking = Action::new(move |(deed, names): &(Deed, Vec<String>)| {
        let (deed, names) = (*deed, names.clone());
        async move {
            outcomes.set(Vec::new());
            let mut leaving = Vec::new();
            // One after another: a hundred at once would only wait for each other.
            for text in names {
                let answer = match ChainName::parse(&text) {
                    Ok(name) => deed.ask(name).await,
                    Err(error) => Err(ApiError::from(error)),
                };
                if let Err(error) = &answer
                    && error.asks_password()
                {
                    return Err(error.clone());
                }
                if deed == Deed::Delete && answer.is_ok() {
                    leaving.push(text.clone());
                }
                // The page may be gone by now; what was asked for goes on.
                let _ = outcomes.try_update(|all| all.push((text, answer)));
            }
            // What is about to be gone is not what the next button is for.
            let _ = selection.try_update(|chosen| chosen.retain(|name| !leaving.contains(name)));
            Ok(())
        }
    });
    let buttons = move || {
        let names: Vec<String> = selection.get().into_iter().collect();
        (!names.is_empty()).then(|| {
            let buttons = deeds.iter().map(|deed| button(*deed, names.clone(), act)).collect_view();
            let count = names.len().to_string();
            view! {
                <div class="row list-bulk">
                    <span role="status">
                        {say(move |t| fill(t.list().selected, &[("n", count.clone())]))}
                    </span>
                    {buttons}
                    <button type="button" class="button" on:click=move |_| selection.update(|all| all.clear())>
                        {tr(|t| t.list().clear)}
                    </button>
                </div>
            }
        })
    };
    view! { <div class="list-bulk-place">{buttons} {results(outcomes, act)} {prove::guard(act)}</div> }
        .into_any()
}

fn button(deed: Deed, names: Vec<String>, act: Asking) -> AnyView {
    let pending = act.pending();
    if deed != Deed::Delete {
        let ask = move |_| {
            act.dispatch((deed, names.clone()));
        };
        return view! {
            <button type="button" class="button" disabled=move || pending.get() on:click=ask>{tr(deed.label())}</button>
        }
        .into_any();
    }
    let listed = names.join(", ");
    let impact = vec![
        Signal::derive(say(move |t| fill(t.list().delete_impact, &[("names", listed.clone())]))),
        words(|t| t.delete_impact_nodes),
    ];
    let count = names.len().to_string();
    let confirm = Callback::new(move |_: String| {
        act.dispatch((deed, names.clone()));
    });
    view! { <Confirm label=words(deed.label()) impact=impact name=count danger=true confirm=confirm/> }
        .into_any()
}

fn results(outcomes: Outcomes, act: Asking) -> AnyView {
    let pending = act.pending();
    let rows = move || outcomes.get().into_iter().map(|(name, answer)| row(name, answer)).collect_view();
    let is_shown = move || pending.get() || !outcomes.read().is_empty();
    view! {
        <div class="list-results" role="status" hidden=move || !is_shown()>
            <h2>{tr(|t| t.list().results)}</h2>
            <ul>{rows}</ul>
            <p class="muted small" hidden=move || !pending.get()>{tr(|t| t.list().under_way)}</p>
        </div>
    }
    .into_any()
}

fn row(name: String, answer: Result<OperationId, ApiError>) -> AnyView {
    let said = match answer {
        Ok(id) => {
            view! { <a href=format!("/operations/{id}")>{tr(|t| t.list().done_operation)}</a> }.into_any()
        }
        Err(error) => {
            let text = say_in(move |lang| error_text(lang, &error));
            view! { <span class="list-bad">{text}</span> }.into_any()
        }
    };
    view! { <li><strong>{name}</strong> " " {said}</li> }.into_any()
}
