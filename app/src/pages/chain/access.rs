//! Who else may work with the chain: a list, giving and taking away.

use domain::name::{ChainName, UserName};
use domain::permission::{AccessView, Grant};
use leptos::prelude::*;

use crate::api::ApiError;
use crate::api::access::{chain_access, chain_grant, chain_revoke};
use crate::components::field::{SelectField, TextField};
use crate::components::notice::Notice;
use crate::events;
use crate::fetched::Fetched;
use crate::pages::host_new::wrong_on;
use crate::pages::refusal;
use crate::session::user_name;
use crate::text::{Text, say, tr, words};

/// What somebody shall get; none: nothing any more.
type Wish = (UserName, Option<Grant>);

/// What is typed and under way; it outlives a refresh of the page.
#[derive(Clone, Copy)]
pub struct Access {
    user: RwSignal<String>,
    level: RwSignal<String>,
    wrong: RwSignal<Option<domain::Error>>,
    change: Action<(ChainName, Wish), Result<(), ApiError>>,
    /// Counts what the portal tells of access to this chain, whoever changed it.
    told: RwSignal<u32>,
}

impl Access {
    /// Nothing yet.
    pub fn new(chain: Memo<String>) -> Self {
        let told = events::ticks(move |message| message.touches("access", &chain.read_untracked()));
        let change = Action::new(|(chain, (user, level)): &(ChainName, Wish)| {
            let (chain, user, level) = (chain.clone(), user.clone(), *level);
            async move {
                match level {
                    Some(level) => chain_grant(chain, user, level).await,
                    None => chain_revoke(chain, user).await,
                }
            }
        });
        Self {
            user: RwSignal::new(String::new()),
            level: RwSignal::new(Grant::Use.as_str().to_owned()),
            wrong: RwSignal::new(None),
            change,
            told,
        }
    }

    /// Who has access, for whoever may give it; nobody else asks.
    pub fn people(self, chain: &ChainName, may_give: Memo<bool>) -> Fetched<Vec<AccessView>> {
        let (chain, version) = (chain.clone(), self.change.version());
        Fetched::new(
            move || (may_give.get(), version.get(), self.told.get()),
            move |(may_give, _, _)| {
                let chain = chain.clone();
                async move { if may_give { chain_access(chain).await } else { Ok(Vec::new()) } }
            },
        )
    }

    /// The card, for whoever may give access.
    pub fn card(self, chain: &ChainName, people: Fetched<Vec<AccessView>>) -> AnyView {
        let name = chain.clone();
        let list = move || people.now().and_then(Result::ok).map(|people| self.list(people, &name));
        view! {
            <section class="card">
                <h2>{tr(|t| t.access)}</h2>
                <p class="muted">{tr(|t| t.access_hint)}</p>
                <Transition>{list}</Transition>
                {self.form(chain.clone())}
                <Notice error=refusal(self.change)/>
            </section>
        }
        .into_any()
    }

    fn list(self, people: Vec<AccessView>, chain: &ChainName) -> AnyView {
        if people.is_empty() {
            return view! { <p>{tr(|t| t.access_none)}</p> }.into_any();
        }
        let rows = people
            .into_iter()
            .map(|one| {
                let (address, name) = (address(chain), one.user.to_string());
                let label = say(move |t| format!("{} {name}", t.access_take));
                let (chain, user) = (chain.clone(), one.user.clone());
                let submit = move |event: leptos::ev::SubmitEvent| {
                    event.prevent_default();
                    self.change.dispatch((chain.clone(), (user.clone(), None)));
                };
                view! {
                    <tr>
                        <th scope="row">{one.user.to_string()}</th>
                        <td>{tr(level_name(one.level))}</td>
                        <td>
                            <form method="post" action=address on:submit=submit>
                                <input type="hidden" name="access-user" value=one.user.to_string()/>
                                <button type="submit" class="button small" aria-label=label
                                    disabled=move || self.change.pending().get()>
                                    {tr(|t| t.access_take)}
                                </button>
                            </form>
                        </td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.access)>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{tr(|t| t.user_name)}</th>
                            <th scope="col">{tr(|t| t.access_level)}</th>
                            <td></td>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .into_any()
    }

    fn form(self, chain: ChainName) -> AnyView {
        let address = address(&chain);
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            match user_name(&self.user.get_untracked()) {
                Ok(user) => {
                    self.wrong.set(None);
                    let level = Grant::parse(&self.level.get_untracked()).or(Some(Grant::Read));
                    self.change.dispatch((chain.clone(), (user, level)));
                }
                Err(error) => self.wrong.set(Some(error.on("user"))),
            }
        };
        let levels = Signal::derive(move || {
            let word = |level: Grant| (level.as_str().to_owned(), tr(level_name(level))().to_owned());
            Grant::GIVEN.into_iter().map(word).collect()
        });
        view! {
            <form method="post" action=address class="row" on:submit=submit>
                <TextField id="access-user" label=words(|t| t.user_name) value=self.user autocomplete="off"
                    error=wrong_on(self.wrong, "user")/>
                <SelectField id="access-level" label=words(|t| t.access_level) value=self.level options=levels/>
                <button type="submit" class="button" disabled=move || self.change.pending().get()>
                    {tr(|t| t.access_give)}
                </button>
            </form>
        }
        .into_any()
    }
}

/// By this address the forms work without WebAssembly, too.
fn address(chain: &ChainName) -> String {
    format!("/chains/{chain}/access")
}

fn level_name(level: Grant) -> fn(&'static Text) -> &'static str {
    match level {
        Grant::Read => |t| t.level_read,
        Grant::Use => |t| t.level_use,
        Grant::Manage => |t| t.level_manage,
        Grant::Owner => |t| t.level_owner,
    }
}
