//! Entry of the WebAssembly build: names panics in the console and brings the server's page to life.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by the script that loads the module.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_lazy(app::App);
}
