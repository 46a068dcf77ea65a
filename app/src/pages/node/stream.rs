//! A node's log as it is written: an event source into a bounded buffer, which can be paused. Only the browser opens
//! it; on the server nothing here runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{EventSource, MessageEvent};

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
    held: StoredValue<Vec<String>>,
    id: u32,
}

impl LogStream {
    /// Not opened yet.
    pub fn new() -> Self {
        Self {
            paused: RwSignal::new(false),
            waiting: RwSignal::new(0),
            lost: RwSignal::new(false),
            held: StoredValue::new(Vec::new()),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Streams from an address instead of the one before. A connection that comes again begins anew with the last
    /// lines, so what was there before is dropped then.
    pub fn open(self, address: &str, lines: RwSignal<Vec<String>>) {
        self.close();
        let Ok(source) = EventSource::new(address) else { return };
        let opened = Closure::<dyn Fn()>::new(move || {
            self.lost.set(false);
            self.held.set_value(Vec::new());
            self.waiting.set(0);
            lines.set(Vec::new());
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
        SOURCES.with_borrow_mut(|all| all.insert(self.id, source));
    }

    /// Ends the stream.
    pub fn close(self) {
        if let Some(source) = SOURCES.with_borrow_mut(|all| all.remove(&self.id)) {
            source.close();
        }
    }

    /// Pauses, or shows what came meanwhile and goes on.
    pub fn toggle(self, lines: RwSignal<Vec<String>>) {
        self.paused.update(|paused| *paused = !*paused);
        if !self.paused.get_untracked() {
            let held = self.held.try_update_value(std::mem::take).unwrap_or_default();
            self.waiting.set(0);
            lines.update(|kept| append(kept, held));
        }
    }

    fn take(self, new: Vec<String>, lines: RwSignal<Vec<String>>) {
        if self.paused.get_untracked() {
            self.held.update_value(|held| append(held, new));
            self.waiting.set(self.held.with_value(Vec::len));
        } else {
            lines.update(|kept| append(kept, new));
        }
    }
}

/// Adds lines and drops the oldest beyond the bound, a good part at once so that it is seldom done.
fn append(kept: &mut Vec<String>, new: Vec<String>) {
    kept.extend(new);
    if kept.len() > KEPT_MAX {
        let surplus = kept.len() - KEPT_MAX + KEPT_MAX / 20;
        kept.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_bounded_and_keeps_the_newest() {
        let mut kept = Vec::new();
        for round in 0..12 {
            append(&mut kept, (0..10_000).map(|n| format!("{round} {n}")).collect());
        }
        assert!(kept.len() <= KEPT_MAX);
        assert_eq!(kept.last().map(String::as_str), Some("11 9999"));
    }
}
