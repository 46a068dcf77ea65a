//! Small line drawings, inline, so that nothing is loaded for them. Words always stand beside or in the label.

use leptos::prelude::*;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Home,
    Host,
    Chain,
    Operation,
    Users,
    Audit,
    Copy,
    Menu,
    Theme,
    Language,
    Person,
}

/// Draws it, hidden from assistive technology.
pub fn icon(icon: Icon) -> AnyView {
    let path = match icon {
        Icon::Home => "M3 11l9-8 9 8v10h-6v-6H9v6H3z",
        Icon::Host => "M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01",
        Icon::Chain => "M3 8l5-3 5 3v6l-5 3-5-3zM13 11h3M16 8l5 3v5l-5 3",
        Icon::Operation => "M4 6h10M4 12h16M4 18h7M18 4v4M16 6h4M15 18h5",
        Icon::Users => "M9 11a4 4 0 100-8 4 4 0 000 8zM2 21a7 7 0 0114 0M17 5a3 3 0 010 6M18 14a6 6 0 014 6",
        Icon::Audit => "M6 3h9l4 4v14H6zM9 12h7M9 16h5",
        Icon::Copy => "M8 8h12v12H8zM16 8V4H4v12h4",
        Icon::Menu => "M4 6h16M4 12h16M4 18h16",
        Icon::Theme => "M12 3a9 9 0 109 9 7 7 0 01-9-9z",
        Icon::Language => "M12 3a9 9 0 100 18 9 9 0 000-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
        Icon::Person => "M12 12a4 4 0 100-8 4 4 0 000 8zM4 21a8 8 0 0116 0",
    };
    view! {
        <svg class="icon" viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false">
            <path d=path></path>
        </svg>
    }
    .into_any()
}
