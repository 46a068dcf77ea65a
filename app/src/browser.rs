//! The few things that only the browser can do. Each function does nothing, or gives nothing, on the server and
//! in a browser that lacks the thing: no page depends on one of them to be readable.

use futures::channel::oneshot;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

/// Pause before something is tried again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

fn document() -> Option<web_sys::Document> {
    web_sys::window()?.document()
}

fn root() -> Option<web_sys::Element> {
    document()?.document_element()
}

/// An attribute of `<html>`.
pub fn root_attribute(name: &str) -> Option<String> {
    root()?.get_attribute(name)
}

/// Sets an attribute of `<html>`.
pub fn set_root_attribute(name: &str, value: &str) {
    if let Some(root) = root() {
        // A refusal leaves the page as it looked before, which is readable.
        let _ = root.set_attribute(name, value);
    }
}

/// Whether nobody looks at the page: its tab is behind others, or the window is put away.
pub fn is_hidden() -> bool {
    document().is_some_and(|document| document.hidden())
}

/// Sets the title of the window.
pub fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(title);
    }
}

/// Keeps a cookie as a line says.
pub fn set_cookie(line: &str) {
    let document: Option<web_sys::HtmlDocument> = document().and_then(|document| document.dyn_into().ok());
    if let Some(document) = document {
        // Without cookies the choice lasts as long as the page.
        let _ = document.set_cookie(line);
    }
}

/// The cookies that a script may read, as one line.
pub fn cookies() -> String {
    if cfg!(feature = "ssr") {
        return String::new();
    }
    let document: Option<web_sys::HtmlDocument> = document().and_then(|document| document.dyn_into().ok());
    document.and_then(|document| document.cookie().ok()).unwrap_or_default()
}

/// Reads the whole page anew.
pub fn reload() {
    if cfg!(not(feature = "ssr")) {
        // A refusal leaves the page as it is; whoever looks at it may reload it.
        let _reloaded = web_sys::window().map(|window| window.location().reload());
    }
}

/// Puts text on the clipboard.
pub fn copy(text: &str) {
    if let Some(window) = web_sys::window() {
        // The promise tells only whether the browser agreed; the text stays selectable on the page either way.
        let _ = window.navigator().clipboard().write_text(text);
    }
}

/// A new random key, by which the server knows a repeated request. Empty on the server, where no form is sent.
pub fn new_key() -> String {
    if cfg!(feature = "ssr") {
        return String::new();
    }
    web_sys::window().and_then(|w| w.crypto().ok()).map(|c| c.random_uuid()).unwrap_or_default()
}

/// Sends the file that is chosen in a field, as it is, and calls back with the status and the text of the answer; a
/// status of 0 means that nothing came back. False: no file is chosen, or this is no browser.
pub fn send_file(field: &str, url: &str, done: impl Fn(u16, String) + Clone + 'static) -> bool {
    if cfg!(feature = "ssr") {
        return false;
    }
    chosen_file(field).and_then(|file| fetch_with(url, &file)).is_some_and(|answer| follow(&answer, done))
}

fn chosen_file(field: &str) -> Option<JsValue> {
    let input = element(field)?;
    let files = js_sys::Reflect::get(&input, &"files".into()).ok()?;
    js_sys::Reflect::get(&files, &0.into()).ok().filter(|file| !file.is_undefined() && !file.is_null())
}

/// Reads the file that is chosen in a field and calls back with its text. It stays in the browser. False: no file is
/// chosen, or this is no browser.
pub fn read_file(field: &str, done: impl Fn(String) + 'static) -> bool {
    if cfg!(feature = "ssr") {
        return false;
    }
    chosen_file(field).and_then(|file| text_of(&file)).is_some_and(|text| {
        let on_text = wasm_bindgen::closure::Closure::once_into_js(move |text: JsValue| {
            done(text.as_string().unwrap_or_default());
        });
        then(&text, &on_text);
        true
    })
}

/// The promise of the text of a file or an answer.
fn text_of(source: &JsValue) -> Option<JsValue> {
    let text: js_sys::Function = js_sys::Reflect::get(source, &"text".into()).ok()?.dyn_into().ok()?;
    text.call0(source).ok()
}

fn fetch_with(url: &str, body: &JsValue) -> Option<js_sys::Promise> {
    let window = web_sys::window()?;
    let options = js_sys::Object::new();
    for (name, value) in [("method", &JsValue::from("POST")), ("body", body)] {
        js_sys::Reflect::set(&options, &name.into(), value).ok()?;
    }
    let fetch: js_sys::Function = js_sys::Reflect::get(&window, &"fetch".into()).ok()?.dyn_into().ok()?;
    fetch.call2(&window, &url.into(), &options).ok()?.dyn_into().ok()
}

/// Waits for the answer's head and then for its text; each closure lives until its promise is settled.
fn follow(answer: &js_sys::Promise, done: impl Fn(u16, String) + Clone + 'static) -> bool {
    use wasm_bindgen::closure::Closure;
    let (read, lost) = (done.clone(), done);
    let on_head = Closure::once_into_js(move |head: JsValue| {
        let status = js_sys::Reflect::get(&head, &"status".into()).ok().and_then(|status| status.as_f64());
        let status = status.and_then(|status| format!("{status}").parse::<u16>().ok()).unwrap_or(0);
        let text = text_of(&head);
        let on_text = Closure::once_into_js(move |text: JsValue| {
            read(status, text.as_string().unwrap_or_default());
        });
        then(&text.unwrap_or_default(), &on_text);
    });
    let on_loss = Closure::once_into_js(move |_: JsValue| lost(0, String::new()));
    let handlers = js_sys::Array::of2(&on_head, &on_loss);
    let then: Option<js_sys::Function> =
        js_sys::Reflect::get(answer, &"then".into()).ok().and_then(|then| then.dyn_into().ok());
    then.is_some_and(|then| then.apply(answer, &handlers).is_ok())
}

fn then(promise: &JsValue, callback: &JsValue) {
    let then: Option<js_sys::Function> =
        js_sys::Reflect::get(promise, &"then".into()).ok().and_then(|then| then.dyn_into().ok());
    // A head without a text cannot be told; the button stays busy until the page is opened again.
    let _asked = then.map(|then| then.call1(promise, callback));
}

/// A moment in a zone and in the language of the page; in the viewer's own zone if none is named, or one that the browser
/// does not know.
pub fn local_time(ms: i64, lang: &str, zone: Option<&str>) -> Option<String> {
    zone.and_then(|zone| time_in(ms, lang, Some(zone))).or_else(|| time_in(ms, lang, None))
}

fn time_in(ms: i64, lang: &str, zone: Option<&str>) -> Option<String> {
    let date = js_sys::Date::new(&JsValue::from_f64(float(ms)?));
    let options = js_sys::Object::new();
    let zone = zone.map(|zone| ("timeZone", zone));
    for (key, value) in [("dateStyle", "medium"), ("timeStyle", "medium")].into_iter().chain(zone) {
        js_sys::Reflect::set(&options, &key.into(), &value.into()).ok()?;
    }
    let method = js_sys::Reflect::get(&date, &"toLocaleString".into()).ok()?;
    let method: js_sys::Function = method.dyn_into().ok()?;
    method.call2(&date, &lang.into(), &options).ok()?.as_string()
}

/// The browser's clock, unix milliseconds; 0 on the server.
pub fn now_ms() -> i64 {
    if cfg!(feature = "ssr") {
        return 0;
    }
    // A number of milliseconds is whole, and written as such.
    format!("{:.0}", js_sys::Date::now()).parse().unwrap_or(0)
}

/// Milliseconds as the browser counts them; exact for every date that people meet.
fn float(ms: i64) -> Option<f64> {
    let (high, low) = (ms.div_euclid(1_000_000_000), ms.rem_euclid(1_000_000_000));
    Some(f64::from(i32::try_from(high).ok()?) * 1e9 + f64::from(i32::try_from(low).ok()?))
}

/// Opens a `<dialog>` over everything else. An element that is gone by now is left alone, here and below.
pub fn show_dialog(node: NodeRef<leptos::html::Dialog>) {
    if let Some(dialog) = node.try_get_untracked().flatten() {
        // It is open already when the browser refuses.
        let _ = dialog.show_modal();
    }
}

/// Closes a `<dialog>`.
pub fn close_dialog(node: NodeRef<leptos::html::Dialog>) {
    if let Some(dialog) = node.try_get_untracked().flatten() {
        dialog.close();
    }
}

fn element(id: &str) -> Option<web_sys::HtmlElement> {
    document()?.get_element_by_id(id)?.dyn_into().ok()
}

/// Closes the panel of an id that the browser keeps on top of the page.
pub fn hide_panel(id: &str) {
    if let Some(panel) = element(id) {
        // It is closed already when the browser refuses.
        let _ = panel.hide_popover();
    }
}

/// Whether the page has an element of an id.
pub fn has(id: &str) -> bool {
    element(id).is_some()
}

/// Whether a question stands over the page.
pub fn is_asking() -> bool {
    document().and_then(|document| document.query_selector("dialog[open]").ok().flatten()).is_some()
}

/// Gives the focus to the element of an id.
pub fn focus(id: &str) {
    if let Some(element) = element(id) {
        // A refusal leaves the focus where it was.
        let _ = element.focus();
    }
}

/// Gives the focus to the element of an id, and leaves the page where it is scrolled to.
pub fn focus_in_place(id: &str) {
    // One that is not there leaves the focus where it was.
    let _ = element(id).and_then(|element| focus_unscrolled(&element));
}

/// Gives the focus to the heading of a page that has just come, from where people read on; not where somebody or
/// something on the page has it already.
pub fn focus_heading() {
    // What is shown for the first time is on the page a moment later.
    let when_shown = || {
        let _ = to_heading();
    };
    set_timeout(when_shown, std::time::Duration::ZERO);
}

fn to_heading() -> Option<()> {
    let document = document()?;
    let main = document.get_element_by_id("main")?;
    let is_elsewhere = |focused: web_sys::Element| focused != main && focused.tag_name() != "BODY";
    if document.active_element().is_some_and(is_elsewhere) {
        return None;
    }
    let heading = main.query_selector("h1").ok().flatten()?;
    // It takes the focus from a script only, and is no stop of the tab key.
    heading.set_attribute("tabindex", "-1").ok()?;
    focus_unscrolled(&heading)
}

fn focus_unscrolled(element: &web_sys::Element) -> Option<()> {
    let options = js_sys::Object::new();
    js_sys::Reflect::set(&options, &"preventScroll".into(), &true.into()).ok()?;
    let focus: js_sys::Function = js_sys::Reflect::get(element, &"focus".into()).ok()?.dyn_into().ok()?;
    focus.call1(element, &options).ok().map(drop)
}

/// Scrolls what an element stands in just as far as the element of an id is in sight.
pub fn show_in_sight(id: &str) {
    // One that is not there needs no scrolling.
    let _ = element(id).and_then(|element| scroll_nearest(&element));
}

fn scroll_nearest(element: &web_sys::HtmlElement) -> Option<()> {
    let options = js_sys::Object::new();
    js_sys::Reflect::set(&options, &"block".into(), &"nearest".into()).ok()?;
    let scroll = js_sys::Reflect::get(element, &"scrollIntoView".into()).ok()?;
    let scroll: js_sys::Function = scroll.dyn_into().ok()?;
    scroll.call1(element, &options).ok().map(drop)
}

/// Scrolls an element to its end.
pub fn scroll_to_end(node: NodeRef<leptos::html::Pre>) {
    if let Some(element) = node.try_get_untracked().flatten() {
        element.set_scroll_top(element.scroll_height());
    }
}

/// The path of the page; empty on the server.
pub fn path() -> String {
    if cfg!(feature = "ssr") {
        return String::new();
    }
    web_sys::window().and_then(|window| window.location().pathname().ok()).unwrap_or_default()
}

/// Whether the page came over HTTPS; false on the server.
pub fn is_secure() -> bool {
    if cfg!(feature = "ssr") {
        return false;
    }
    let protocol = web_sys::window().and_then(|window| window.location().protocol().ok());
    protocol.is_some_and(|protocol| protocol == "https:")
}

/// Waits for some milliseconds; on the server nothing waits.
pub async fn pause(ms: u32) {
    if cfg!(feature = "ssr") {
        return;
    }
    let (done, waiting) = oneshot::channel();
    let end = move || {
        // Nobody waits any more when the page has gone.
        let _ = done.send(());
    };
    set_timeout(end, std::time::Duration::from_millis(ms.into()));
    let _ = waiting.await;
}

/// Does something in a moment; on the server nothing waits.
pub fn soon(act: impl FnOnce() + 'static) {
    if cfg!(not(feature = "ssr")) {
        set_timeout(act, AGAIN);
    }
}
