//! How many calls that write somebody may still make this minute, told before they are refused one.

use domain::pool::QuotaView;
use leptos::prelude::*;

use crate::fetched::Fetched;
use crate::text::{fill, say};

/// The line; nothing for whoever may make as many as they like.
pub fn allowance(quota: Fetched<QuotaView>) -> AnyView {
    let shown = move || {
        let quota = quota.now()?.ok()?;
        let (max, left) = (quota.calls?.to_string(), quota.calls_left?.to_string());
        let text = say(move |t| {
            let values = [("max", max.as_str()), ("left", left.as_str())];
            fill(t.allowance().calls_left, &values)
        });
        Some(view! { <p class="muted small" data-test="calls-left">{text}</p> })
    };
    view! { <Transition>{shown}</Transition> }.into_any()
}
