//! Which mistakes the wizard shows: only those in fields that somebody has left, or that "next" has asked about. One
//! that is corrected disappears at once, for nothing is remembered but which fields were left.

use domain::Error;
use domain::chain::ChainOffer;
use leptos::prelude::*;

use super::draft::{FIELDS, Form};
use crate::api::ApiError;
use crate::api::chain::chain_offer;
use crate::fetched::again;
use crate::text::{refusal_text, use_lang};

/// The checks of the fields, as signals.
#[derive(Clone, Copy)]
pub struct Checks {
    form: Form,
    step: RwSignal<usize>,
    /// Fields that were left.
    left: RwSignal<Vec<&'static str>>,
    /// The step at which "next" was refused last.
    refused_at: RwSignal<Option<usize>>,
    /// What is wrong with the fields of the steps up to this one: found once for all who show it.
    problems: Memo<Vec<Error>>,
    /// Asks which names are taken by now.
    renew: Action<(), Result<ChainOffer, ApiError>>,
}

impl Checks {
    /// Nothing is left yet.
    pub fn new(form: Form, step: RwSignal<usize>) -> Self {
        let renew = Action::new(|(): &()| again(chain_offer));
        Effect::new(move |_| {
            if let Some(Ok(offer)) = renew.value().get() {
                form.renew(&offer);
            }
        });
        let problems = Memo::new(move |_| form.watched().problems(step.get()));
        let (left, refused_at) = (RwSignal::new(Vec::new()), RwSignal::new(None));
        Self { form, step, left, refused_at, problems, renew }
    }

    /// The element of this id was left; what is no field of the wizard counts for nothing.
    pub fn leave(self, id: &str) {
        let Some(field) = field_of(id) else { return };
        self.left.update(|left| {
            if !left.contains(&field) {
                left.push(field);
            }
        });
        self.ask_again();
    }

    /// "Next" was refused at this step: all its fields are asked about now.
    pub fn refuse(self) {
        let now = self.step.get_untracked();
        self.left.set(FIELDS.iter().filter(|(_, step)| *step <= now).map(|(field, _)| *field).collect());
        self.refused_at.set(Some(now));
        self.ask_again();
    }

    /// The chain whose name somebody typed may have gone since the wizard was opened.
    fn ask_again(self) {
        if self.form.draft().name_taken {
            self.renew.dispatch(());
        }
    }

    /// The sentence under a field.
    pub fn on(self, field: &'static str) -> Signal<Option<String>> {
        let lang = use_lang();
        Signal::derive(move || {
            if !self.left.read().contains(&field) {
                return None;
            }
            let found = self.problems.read();
            let error = found.iter().find(|error| error.field.as_deref() == Some(field))?;
            Some(refusal_text(lang.get(), error))
        })
    }

    /// The first refusal once more at the buttons, where the field may be out of sight.
    pub fn at_buttons(self) -> impl Fn() -> Option<String> {
        let lang = use_lang();
        move || {
            if self.refused_at.get() != Some(self.step.get()) {
                return None;
            }
            self.problems.read().first().map(|error| refusal_text(lang.get(), error))
        }
    }
}

/// The field of the specification that an element asks for.
fn field_of(id: &str) -> Option<&'static str> {
    let name = match id {
        "batch_timeout" => "batch_timeout_ms",
        "cpu" => "cpu_milli",
        "memory" => "memory_mib",
        row if row.starts_with("organization-") || row.starts_with("peers-") => "organizations",
        other => other,
    };
    FIELDS.iter().map(|(field, _)| *field).find(|field| *field == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_ask_for_fields_of_the_specification() {
        for (id, field) in [
            ("name", Some("name")),
            ("organization-2", Some("organizations")),
            ("peers-1", Some("organizations")),
            ("cpu", Some("cpu_milli")),
            ("batch_timeout", Some("batch_timeout_ms")),
            ("add-organization", None),
            ("", None),
        ] {
            assert_eq!(field_of(id), field, "{id}");
        }
    }
}
