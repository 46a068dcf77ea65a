//! Live updates: one event stream for all tabs, heard by whichever page listens.
//!
//! A browser allows six connections per server over HTTP/1.1, so a stream per tab would hang the seventh tab. The
//! tabs of one browser take turns by a Web Lock: its holder opens the stream and passes every event on through a
//! broadcast channel. When a tab takes over, all pages refresh once, so nothing is missed in between. Without
//! locks each tab has its own stream. Nothing here runs on the server.

use std::time::Duration;

use domain::operation::EventView;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::browser;

#[cfg(feature = "hydrate")]
mod stream;

/// Age at which figures that change without a message are read again.
const PULSE: Duration = Duration::from_secs(10);
/// So many readings in a row while keyboard and pointer are left alone: five minutes.
const UNTOUCHED_MAX: u32 = 30;
/// What the browser tells of somebody who is there.
const TOUCHES: [&str; 5] = ["keydown", "pointerdown", "pointermove", "wheel", "visibilitychange"];

/// Something that a page may want to hear of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// An operation wrote a line of its record.
    Operation(EventView),
    /// An object changed.
    Changed { noun: String, id: String },
    /// The stream began anew: whatever a page shows may be old.
    Resync,
}

impl Message {
    /// Whether it says that this object, or any of its kind for an empty id, is to be read again.
    pub fn touches(&self, noun: &str, id: &str) -> bool {
        match self {
            Self::Resync => true,
            Self::Changed { noun: n, id: i } => n == noun && (id.is_empty() || i == id),
            Self::Operation(event) => {
                noun == "operation" && (id.is_empty() || event.operation.as_str() == id)
            }
        }
    }
}

/// Opens the stream once for the life of the page.
pub fn provide_events() {
    #[cfg(feature = "hydrate")]
    Effect::new(|_| stream::open());
}

/// Calls back for every message until the owner is cleaned up.
#[cfg(feature = "hydrate")]
pub fn listen(callback: impl Fn(&Message) + 'static) {
    let id = stream::subscribe(callback);
    on_cleanup(move || stream::unsubscribe(id));
}

/// Calls back for every message until the owner is cleaned up.
#[cfg(not(feature = "hydrate"))]
pub fn listen(_callback: impl Fn(&Message) + 'static) {}

/// A counter that grows when a matching message came; as a source of a resource it reads it again. Messages that
/// come in a burst count once.
pub fn ticks(wanted: impl Fn(&Message) -> bool + 'static) -> RwSignal<u32> {
    let tick = RwSignal::new(0_u32);
    let pending = StoredValue::new(false);
    listen(move |message| {
        if !wanted(message) || pending.try_get_value() != Some(false) {
            return;
        }
        pending.try_set_value(true);
        set_timeout(
            move || {
                pending.try_set_value(false);
                // The page may be gone by now; then there is nobody to tell.
                let _ = tick.try_update(|count| *count = count.wrapping_add(1));
            },
            Duration::from_millis(150),
        );
    });
    tick
}

/// Readings since somebody was last there.
#[derive(Debug, Default)]
struct Untouched(u32);

impl Untouched {
    /// Whether to read once more.
    fn goes_on(&mut self) -> bool {
        let goes_on = self.0 < UNTOUCHED_MAX;
        self.0 = self.0.saturating_add(1);
        goes_on
    }
}

/// Lets a counter grow a while after every reading, as long as somebody looks at the page: for figures that change
/// without a message. Every reading costs the portal and its nodes something, so a page that nobody touches comes to rest
/// until somebody does. `watch` looks at what was read, so that nothing is asked for while an answer is on its way.
pub fn pulse(tick: RwSignal<u32>, watch: impl Fn() + 'static) {
    let untouched = StoredValue::new(Untouched::default());
    Effect::new(move |_| {
        for name in TOUCHES {
            let touched = move |_| {
                untouched.try_set_value(Untouched::default());
            };
            let listener = window_event_listener_untyped(name, touched);
            on_cleanup(move || listener.remove());
        }
    });
    Effect::new(move |_| {
        watch();
        let asked = StoredValue::new(false);
        let beat = move || {
            if browser::is_hidden() || asked.try_get_value() != Some(false) {
                return;
            }
            if untouched.try_update_value(Untouched::goes_on) != Some(true) {
                return;
            }
            asked.try_set_value(true);
            let _ = tick.try_update(|count| *count = count.wrapping_add(1));
        };
        // Without a timer the page is as fresh as its last message.
        if let Ok(timer) = set_interval_with_handle(beat, PULSE) {
            on_cleanup(move || timer.clear());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_nobody_touches_comes_to_rest() {
        let mut untouched = Untouched::default();
        let read = (0..1_000).filter(|_| untouched.goes_on()).count();
        assert_eq!(u32::try_from(read), Ok(UNTOUCHED_MAX));
        untouched = Untouched::default();
        assert!(untouched.goes_on(), "somebody came back");
    }

    #[test]
    fn a_message_reaches_whom_it_concerns() {
        let changed = Message::Changed { noun: "chain".to_owned(), id: "demo".to_owned() };
        assert!(changed.touches("chain", "demo"));
        assert!(changed.touches("chain", ""));
        assert!(!changed.touches("chain", "other"));
        assert!(!changed.touches("host", ""));
        assert!(Message::Resync.touches("host", "x"));
    }
}
