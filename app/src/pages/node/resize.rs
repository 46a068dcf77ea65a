//! The limits of a node, to be changed by whoever may: the node is made anew with them. What somebody has typed stays
//! there when the page learns something new.

use domain::chain::NodeResources;
use domain::id::OperationId;
use domain::name::NodeName;
use leptos::prelude::*;

use super::Seen;
use crate::api::ApiError;
use crate::api::node::node_resize;
use crate::components::field::TextField;
use crate::components::load::take_in;
use crate::components::notice::{NeedsScript, Notice};
use crate::pages::host_new::wrong_on;
use crate::pages::{chain_name, follow, not_found};
use crate::text::{tr, words};

/// What was asked for and what came of it; it outlives a refresh of the page.
#[derive(Clone, Copy)]
pub struct Resize {
    send: Action<NodeResources, Result<OperationId, ApiError>>,
    refused: Signal<Option<ApiError>>,
}

impl Resize {
    /// Nothing yet.
    pub fn new(chain: Memo<String>, node: Memo<String>) -> Self {
        let send = Action::new(move |wanted: &NodeResources| {
            let (wanted, chain, node) = (*wanted, chain.get_untracked(), node.get_untracked());
            async move {
                let node = NodeName::parse(&node).map_err(|_| not_found())?;
                node_resize(chain_name(&chain)?, node, wanted).await
            }
        });
        Self { send, refused: follow(send) }
    }

    /// The card, for whoever may resize the node now.
    pub fn card(self, seen: RwSignal<Seen>) -> AnyView {
        let form = Form::new();
        take_in(move || form.take(seen.with(|(node, _)| node.resources)));
        let offered = Memo::new(move |_| seen.with(|(node, may)| *may && node.resources.is_some()));
        view! { <Show when=move || offered.get()>{self.form(form)}</Show> }.into_any()
    }

    fn form(self, form: Form) -> AnyView {
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            match form.wanted() {
                Ok(_) if self.send.pending().get_untracked() => {}
                Ok(wanted) => {
                    form.wrong.set(None);
                    self.send.dispatch(wanted);
                }
                Err(error) => form.wrong.set(Some(error)),
            }
        };
        view! {
            <section class="card">
                <h2>{tr(|t| t.node().resize)}</h2>
                <p class="muted">{tr(|t| t.node().resize_hint)}</p>
                <form method="post" novalidate=true on:submit=submit>
                    <NeedsScript/>
                    <div class="columns">
                        // No field for numbers: while somebody types `1.` browsers say that nothing is in one.
                        <TextField id="resize-cpu" label=words(|t| t.node().resize_cpu) value=form.cpu
                            inputmode="decimal" autocomplete="off" hint=words(|t| t.node().resize_cpu_hint)
                            error=wrong_on(form.wrong, "cpu_milli")/>
                        <TextField id="resize-memory" label=words(|t| t.node().resize_memory) value=form.memory
                            kind="number" step="256" autocomplete="off"
                            hint=words(|t| t.node().resize_memory_hint) error=wrong_on(form.wrong, "memory_mib")/>
                    </div>
                    <Notice error=self.refused/>
                    <div class="row end">
                        <button type="submit" class="button" disabled=move || self.send.pending().get()>
                            {tr(|t| t.node().resize)}
                        </button>
                    </div>
                </form>
            </section>
        }
        .into_any()
    }
}

/// What is typed.
#[derive(Clone, Copy)]
struct Form {
    /// In cores: `1.25`.
    cpu: RwSignal<String>,
    /// In MiB.
    memory: RwSignal<String>,
    /// What is wrong with what was typed.
    wrong: RwSignal<Option<domain::Error>>,
    /// The limits that the node had when they were last told.
    known: StoredValue<Option<NodeResources>>,
}

impl Form {
    fn new() -> Self {
        let empty = || RwSignal::new(String::new());
        Self { cpu: empty(), memory: empty(), wrong: RwSignal::new(None), known: StoredValue::new(None) }
    }

    /// Shows the limits of the node; what somebody has typed stays.
    fn take(self, now: Option<NodeResources>) {
        let before = self.known.get_value();
        let Some(now) = now.filter(|now| Some(*now) != before) else { return };
        self.known.set_value(Some(now));
        let renew = |field: RwSignal<String>, text: fn(NodeResources) -> String| {
            let is_untouched = field.with_untracked(|typed| *typed == before.map(text).unwrap_or_default());
            if is_untouched {
                field.set(text(now));
            }
        };
        renew(self.cpu, cpu_text);
        renew(self.memory, memory_text);
    }

    /// What is typed, if the node can be resized to it.
    fn wanted(self) -> Result<NodeResources, domain::Error> {
        let now = self.known.get_value().unwrap_or(NodeResources::DEFAULT);
        // What is no number is none that a node could have, and refused as such.
        let cpu_milli = self.cpu.with_untracked(|text| milli(text)).unwrap_or_default();
        let memory_mib =
            self.memory.with_untracked(|text| text.trim().parse::<u32>().ok()).unwrap_or_default();
        let wanted = NodeResources { cpu_milli, memory_mib };
        wanted.check_resize(now).map(|()| wanted)
    }
}

/// Thousandths of a core as cores, as they are typed: `1.25`.
pub fn cpu_text(resources: NodeResources) -> String {
    let text = format!("{}.{:03}", resources.cpu_milli / 1_000, resources.cpu_milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn memory_text(resources: NodeResources) -> String {
    resources.memory_mib.to_string()
}

/// Cores as thousandths; none of what is no number, or finer.
fn milli(text: &str) -> Option<u32> {
    let text = text.trim().replace(',', ".");
    let (whole, part) = text.split_once('.').unwrap_or((text.as_str(), ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() > 3 || !is_number(part) || !is_number(whole) || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    whole.checked_mul(1_000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_read_as_they_are_written() {
        for (text, read) in [
            ("1", Some(1_000)),
            ("1.25", Some(1_250)),
            ("1,5", Some(1_500)),
            (".5", Some(500)),
            (" 0.75 ", Some(750)),
            ("0.1", Some(100)),
            ("", None),
            (".", None),
            ("1.2505", None),
            ("-1", None),
            ("1e3", None),
            ("9999999999", None),
            ("4294968", None),
        ] {
            assert_eq!(milli(text), read, "{text:?}");
        }
        for cpu_milli in [100, 250, 1_000, 1_250, 10_000, 64_000] {
            let text = cpu_text(NodeResources { cpu_milli, memory_mib: 512 });
            assert_eq!(milli(&text), Some(cpu_milli), "{text}");
        }
        assert_eq!(cpu_text(NodeResources { cpu_milli: 10_000, memory_mib: 512 }), "10");
    }

    #[test]
    fn what_is_typed_stays_when_the_page_learns_something_new() {
        Owner::new().with(|| {
            let of = |cpu_milli| Some(NodeResources { cpu_milli, memory_mib: 512 });
            let form = Form::new();
            form.take(None);
            form.take(of(1_000));
            let typed = || (form.cpu.get_untracked(), form.memory.get_untracked());
            assert_eq!(typed(), ("1".to_owned(), "512".to_owned()));
            form.memory.set("768".to_owned());
            form.take(of(1_000));
            form.take(of(1_250));
            assert_eq!(typed(), ("1.25".to_owned(), "768".to_owned()));
            assert_eq!(form.wanted(), Ok(NodeResources { cpu_milli: 1_250, memory_mib: 768 }));
            form.memory.set("much".to_owned());
            assert_eq!(form.wanted().unwrap_err().field.as_deref(), Some("memory_mib"));
        });
    }
}
