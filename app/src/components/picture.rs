//! Somebody's picture: the first letters of their name on a colour that goes with it.

use domain::profile::{colour, initials};
use leptos::prelude::*;

use crate::text::{fill, say};

/// The picture of a name.
pub fn picture(name: &str) -> AnyView {
    let (letters, class) = (initials(name), format!("picture picture-{}", colour(name)));
    let name = name.to_owned();
    let label = say(move |t| fill(t.own().picture_of, &[("name", name.as_str())]));
    view! {
        <svg class=class viewBox="0 0 40 40" width="40" height="40" role="img" aria-label=label>
            <circle cx="20" cy="20" r="20"/>
            <text x="20" y="20" text-anchor="middle" dominant-baseline="central">{letters}</text>
        </svg>
    }
    .into_any()
}
