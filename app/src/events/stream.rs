//! The stream itself: the lock by which one tab leads, its EventSource, and the channel to the other tabs.
//!
//! Only the browser compiles this. WebAssembly has one thread here, so thread-local cells are plain variables.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::operation::EventView;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, EventSource, MessageEvent};

use super::Message;

const ADDRESS: &str = "/events";
const NAME: &str = "heddle-events";

type Listener = Rc<dyn Fn(&Message)>;

thread_local! {
    static LISTENERS: RefCell<BTreeMap<u32, Listener>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: Cell<u32> = const { Cell::new(0) };
    static CHANNEL: RefCell<Option<BroadcastChannel>> = const { RefCell::new(None) };
    static OPENED: Cell<bool> = const { Cell::new(false) };
}

/// Adds a listener and gives the number that removes it.
pub fn subscribe(listener: impl Fn(&Message) + 'static) -> u32 {
    let id = NEXT.with(|next| {
        let id = next.get();
        next.set(id.wrapping_add(1));
        id
    });
    LISTENERS.with_borrow_mut(|all| all.insert(id, Rc::new(listener)));
    id
}

/// Removes a listener.
pub fn unsubscribe(id: u32) {
    LISTENERS.with_borrow_mut(|all| all.remove(&id));
}

fn deliver(message: &Message) {
    // Listeners may add or remove others while they run, so the map is not held meanwhile.
    let all: Vec<Listener> = LISTENERS.with_borrow(|all| all.values().cloned().collect());
    for listener in all {
        listener(message);
    }
}

/// Hears the other tabs and queues for the lead.
pub fn open() {
    if OPENED.replace(true) {
        return;
    }
    if let Ok(channel) = BroadcastChannel::new(NAME) {
        let heard = Closure::<dyn Fn(MessageEvent)>::new(|event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(message) = serde_json::from_str::<Message>(&text) {
                deliver(&message);
            }
        });
        channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        heard.forget();
        CHANNEL.set(Some(channel));
    }
    if queue_for_lead().is_none() {
        lead();
    }
}

/// Asks for the lock; the callback runs when this tab leads and holds it until the tab is gone.
fn queue_for_lead() -> Option<()> {
    let navigator = web_sys::window()?.navigator();
    let locks = js_sys::Reflect::get(&navigator, &"locks".into()).ok().filter(|l| l.is_object())?;
    let request: js_sys::Function = js_sys::Reflect::get(&locks, &"request".into()).ok()?.dyn_into().ok()?;
    let leading = Closure::<dyn FnMut() -> js_sys::Promise>::new(|| {
        lead();
        js_sys::Promise::new(&mut |_, _| {})
    });
    request.call2(&locks, &NAME.into(), leading.as_ref()).ok()?;
    leading.forget();
    Some(())
}

/// Shortest and longest wait before a stream that the server ended is opened again.
const WAIT_MS: (u32, u32) = (2_000, 60_000);

/// Opens the stream. The browser reconnects by itself and then sends the last event's id; where the server ended
/// it, because the session is over, it is tried again now and then: somebody may have signed in.
fn lead() {
    lead_after(WAIT_MS.0);
}

fn lead_after(wait_ms: u32) {
    let Ok(source) = EventSource::new(ADDRESS) else { return };
    on(&source, "open", |_| Some(Message::Resync));
    let watched = source.clone();
    let failed = Closure::<dyn Fn()>::new(move || {
        if watched.ready_state() == EventSource::CLOSED {
            let longer = wait_ms.saturating_mul(2).min(WAIT_MS.1);
            let wait = std::time::Duration::from_millis(u64::from(wait_ms));
            leptos::prelude::set_timeout(move || lead_after(longer), wait);
        }
    });
    source.set_onerror(Some(failed.as_ref().unchecked_ref()));
    failed.forget();
    on(&source, "operation", |data| serde_json::from_str::<EventView>(data).ok().map(Message::Operation));
    on(&source, "changed", |data| {
        #[derive(serde::Deserialize)]
        struct Changed {
            noun: String,
            id: String,
        }
        let changed = serde_json::from_str::<Changed>(data).ok()?;
        Some(Message::Changed { noun: changed.noun, id: changed.id })
    });
    // The source must live as long as the page.
    std::mem::forget(source);
}

fn on(source: &EventSource, name: &str, read: impl Fn(&str) -> Option<Message> + 'static) {
    let heard = Closure::<dyn Fn(JsValue)>::new(move |event: JsValue| {
        let data = event.dyn_ref::<MessageEvent>().and_then(|e| e.data().as_string()).unwrap_or_default();
        let Some(message) = read(&data) else { return };
        deliver(&message);
        if let Ok(text) = serde_json::to_string(&message) {
            CHANNEL.with_borrow(|channel| channel.as_ref().map(|c| c.post_message(&text.into())));
        }
    });
    // Without the listener the page still shows everything after a reload.
    let _ = source.add_event_listener_with_callback(name, heard.as_ref().unchecked_ref());
    heard.forget();
}
