//! A node's log as it is written: an event source into a bounded buffer, which can be paused. Only the browser opens
//! it; on the server nothing here runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{EventSource, MessageEvent};

use crate::browser;
use crate::components::log_view::Lines;

/// Lines that are kept; the oldest go first.
const KEPT_MAX: usize = 100_000;

/// Number of the next stream.
static NEXT: AtomicU32 = AtomicU32::new(0);

thread_local! {
    // Not in a signal: the server drops a page's signals on any thread, and an event source belongs to one.
    static SOURCES: RefCell<BTreeMap<u32, EventSource>> = const { RefCell::new(BTreeMap::new()) };
}

/// The stream of a page. Copies are the same stream.
#[derive(Clone, Copy)]
pub struct LogStream {
    pub paused: RwSignal<bool>,
    /// Lines that came while it was paused.
    pub waiting: RwSignal<usize>,
    /// Whether the connection is broken; the browser tries again by itself.
    pub lost: RwSignal<bool>,
    /// Whether all lines are here: what is over needs no connection any more.
    pub over: RwSignal<bool>,
    /// Where it streams from; none once the page is gone.
    address: StoredValue<Option<String>>,
    held: StoredValue<Lines>,
    /// Whether the next lines are the first of a connection: the last ones of the log, which may be known.
    begins: StoredValue<bool>,
    /// Whether those that are held begin like that.
    held_begins: StoredValue<bool>,
    id: u32,
}

impl LogStream {
    /// Not opened yet.
    pub fn new() -> Self {
        Self {
            paused: RwSignal::new(false),
            waiting: RwSignal::new(0),
            lost: RwSignal::new(false),
            over: RwSignal::new(false),
            address: StoredValue::new(None),
            held: StoredValue::new(Lines::default()),
            begins: StoredValue::new(false),
            held_begins: StoredValue::new(false),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Streams from an address instead of the one before.
    pub fn open(self, address: &str, lines: RwSignal<Lines>) {
        self.address.set_value(Some(address.to_owned()));
        self.held.set_value(Lines::default());
        self.waiting.set(0);
        self.lost.set(false);
        self.over.set(false);
        self.disconnect();
        self.look(lines);
    }

    /// Connects while somebody looks at the page, and lets go while nobody does.
    pub fn look(self, lines: RwSignal<Lines>) {
        // The page may be gone already when the browser tells that it is hidden.
        let Some(address) = self.address.try_get_value().flatten() else { return };
        let is_open = SOURCES.with_borrow(|all| all.contains_key(&self.id));
        if browser::is_hidden() {
            self.disconnect();
        } else if !is_open && !self.over.get_untracked() {
            self.connect(&address, lines);
        }
    }

    /// A connection that comes again begins anew with the last lines: they go on where those before ended.
    fn connect(self, address: &str, lines: RwSignal<Lines>) {
        let Ok(source) = EventSource::new(address) else { return };
        let opened = Closure::<dyn Fn()>::new(move || {
            self.lost.set(false);
            self.begins.set_value(true);
        });
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        opened.forget();
        let failed = Closure::<dyn Fn()>::new(move || self.lost.set(true));
        source.set_onerror(Some(failed.as_ref().unchecked_ref()));
        failed.forget();
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(new) = serde_json::from_str::<Vec<String>>(&text) {
                self.take(new, lines);
            }
        });
        source.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        heard.forget();
        let ended = Closure::<dyn Fn()>::new(move || {
            self.over.set(true);
            self.disconnect();
        });
        // Without the listener the browser connects again and again, and shows the same lines.
        let _ = source.add_event_listener_with_callback("over", ended.as_ref().unchecked_ref());
        ended.forget();
        SOURCES.with_borrow_mut(|all| all.insert(self.id, source));
    }

    fn disconnect(self) {
        if let Some(source) = SOURCES.with_borrow_mut(|all| all.remove(&self.id)) {
            source.close();
        }
    }

    /// Ends the stream.
    pub fn close(self) {
        self.address.try_set_value(None);
        self.disconnect();
    }

    /// Pauses, or shows what came meanwhile and goes on.
    pub fn toggle(self, lines: RwSignal<Lines>) {
        self.paused.update(|paused| *paused = !*paused);
        if !self.paused.get_untracked() {
            let held = self.held.try_update_value(std::mem::take).unwrap_or_default().into_vec();
            let begins = self.held_begins.try_update_value(std::mem::take).unwrap_or_default();
            self.waiting.set(0);
            lines.update(|kept| if begins { join(kept, held) } else { append(kept, held) });
        }
    }

    fn take(self, new: Vec<String>, lines: RwSignal<Lines>) {
        let begins = self.begins.try_update_value(std::mem::take).unwrap_or_default();
        if !self.paused.get_untracked() {
            lines.update(|kept| if begins { join(kept, new) } else { append(kept, new) });
            return;
        }
        if begins {
            self.held_begins.set_value(true);
            self.held.set_value(Lines::new(new));
        } else {
            self.held.update_value(|held| append(held, new));
        }
        self.waiting.set(self.held.with_value(Lines::len));
    }
}

/// Goes on with the first lines of a new connection where they overlap what is kept. Where nothing does, lines in
/// between are lost: then the new ones stand alone, without a gap that nobody sees.
fn join(kept: &mut Lines, new: Vec<String>) {
    if new.is_empty() {
        return;
    }
    let is_here = |at: &usize| {
        let rest = kept.as_slice().get(*at..).unwrap_or_default();
        rest.iter().zip(&new).all(|(before, now)| before == now)
    };
    let at = (0..kept.len()).find(is_here).unwrap_or(0);
    kept.truncate(at);
    append(kept, new);
}

/// Adds lines and drops the oldest beyond the bound.
fn append(kept: &mut Lines, new: Vec<String>) {
    kept.append(new, KEPT_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_comes_again_goes_on_where_the_one_before_ended() {
        let lines = |text: &str| {
            text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<String>>()
        };
        for (kept, new, expected) in [
            ("", "a b", "a b"),
            ("a b c", "b c d", "a b c d"),
            ("a b c", "a b c", "a b c"),
            ("a a a", "a a a a", "a a a a"),
            // The first of several batches: the others follow.
            ("a b c d", "b c", "a b c"),
            ("a b", "x y", "x y"),
        ] {
            let mut all = Lines::new(lines(kept));
            join(&mut all, lines(new));
            assert_eq!(all.as_slice(), lines(expected), "{kept} + {new}");
        }
    }
}
