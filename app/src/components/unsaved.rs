//! What is typed is not lost by a slip: who leaves a form that is not saved, by a link, by the way back or by a reload, is
//! asked first. Whatever a page does by itself, such as going on after it has saved, asks nothing.

use leptos::prelude::*;

use crate::text::tr;

/// Stands in the head of every page and tells forms of the way back. On the window whoever listens first hears first, and
/// the router takes the form away as soon as it hears: so this listens before any module is loaded, and the router hears
/// nothing of a way that a form refuses.
pub const BACK_SCRIPT: &str = "addEventListener('popstate',function(event){\
    if(!dispatchEvent(new Event('heddle-back',{cancelable:true})))event.stopImmediatePropagation()})";

/// Asks whoever leaves the page while the signal says so, for as long as the form is there.
pub fn guard(dirty: Signal<bool>) {
    let question = tr(|t| t.list().leave);
    Effect::new(move |_| asking::begin(dirty, question));
}

/// The same for a form that is dirty as soon as somebody has changed something in it: gives what the form tells by
/// `on:input`, and what is told when it is saved.
pub fn guarded() -> RwSignal<bool> {
    let dirty = RwSignal::new(false);
    guard(dirty.into());
    dirty
}

/// Whether a click on a link leads away: not with a key that opens it elsewhere, and not to a place on the same page.
#[cfg(any(test, feature = "hydrate"))]
fn leads_away(here: &str, there: &str) -> bool {
    let page = |address: &str| address.split('#').next().unwrap_or_default().to_owned();
    !there.is_empty() && page(here) != page(there)
}

#[cfg(not(feature = "hydrate"))]
mod asking {
    use leptos::prelude::Signal;

    /// On the server nobody leaves.
    pub(super) fn begin(_dirty: Signal<bool>, _question: impl Fn() -> &'static str) {}
}

#[cfg(feature = "hydrate")]
mod asking {
    use leptos::__reexports::send_wrapper::SendWrapper;
    use leptos::prelude::*;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;

    use super::leads_away;

    type Heard = Closure<dyn FnMut(web_sys::Event)>;

    /// Listens until the owner is cleaned up. The router hears nothing of what is refused here: a click is heard on its way
    /// down to the link, and by the router on its way up.
    pub(super) fn begin(dirty: Signal<bool>, question: impl Fn() -> &'static str + Copy + 'static) {
        let is_dirty = move || dirty.try_get_untracked().unwrap_or(false);
        let stays = move || {
            let window = web_sys::window();
            window.is_some_and(|window| !window.confirm_with_message(untrack(question)).unwrap_or(true))
        };
        let on_link = move |event: web_sys::Event| {
            if is_dirty() && is_way_out(&event) && stays() {
                event.prevent_default();
                event.stop_immediate_propagation();
            }
        };
        // The address has changed already when this is heard: who stays goes forward again, which is heard as well.
        let is_returning = StoredValue::new(false);
        let on_back = move |event: web_sys::Event| {
            if is_returning.try_get_value() == Some(true) {
                is_returning.try_set_value(false);
                event.prevent_default();
            } else if !event.default_prevented() && is_dirty() && stays() {
                event.prevent_default();
                is_returning.try_set_value(true);
                if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
                    // Where there is no way forward the address stays the other page's, and the form is there.
                    let _ = history.forward();
                }
            }
        };
        // The browser asks in words of its own.
        let on_unload = move |event: web_sys::Event| {
            if is_dirty() {
                event.prevent_default();
            }
        };
        listen("click", on_link);
        listen("heddle-back", on_back);
        listen("beforeunload", on_unload);
    }

    fn listen(name: &'static str, heard: impl FnMut(web_sys::Event) + 'static) {
        let Some(window) = web_sys::window() else { return };
        let heard: Heard = Closure::new(heard);
        let function: js_sys::Function = heard.as_ref().unchecked_ref::<js_sys::Function>().clone();
        // A refusal leaves the form unguarded, and the page as it is.
        let _ = window.add_event_listener_with_callback_and_bool(name, &function, true);
        let kept = SendWrapper::new((window, heard, function));
        on_cleanup(move || {
            let (window, _heard, function) = kept.take();
            let _ = window.remove_event_listener_with_callback_and_bool(name, &function, true);
        });
    }

    /// Whether it is a plain click on a link to another page.
    fn is_way_out(event: &web_sys::Event) -> bool {
        let Some(mouse) = event.dyn_ref::<web_sys::MouseEvent>() else { return false };
        if mouse.button() != 0 || mouse.ctrl_key() || mouse.meta_key() || mouse.shift_key() || mouse.alt_key()
        {
            return false;
        }
        let at: Option<web_sys::Element> = event.target().and_then(|at| at.dyn_into().ok());
        let link = at.and_then(|at| at.closest("a[href]").ok().flatten());
        let Some(link) = link else { return false };
        if link.has_attribute("download") || link.has_attribute("target") {
            return false;
        }
        let there = js_sys::Reflect::get(&link, &"href".into()).ok().and_then(|there| there.as_string());
        let here = web_sys::window().and_then(|window| window.location().href().ok());
        leads_away(&here.unwrap_or_default(), &there.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u42_only_what_leads_to_another_page_asks() {
        let here = "https://portal.example/hosts/new?a=1#x";
        assert!(leads_away(here, "https://portal.example/hosts"));
        assert!(leads_away(here, "https://portal.example/hosts/new"));
        assert!(!leads_away(here, "https://portal.example/hosts/new?a=1#main"));
        assert!(!leads_away(here, ""));
    }
}
