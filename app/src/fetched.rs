//! Data that a page asks the portal for. To the machinery of pages it is all one type, a parcel, which only the page that
//! asked opens: for each type of data that the machinery knew, the browser would load another copy of it.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::server::codee::{Decoder, Encoder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{ApiError, Problem};
use crate::browser;

/// What can be asked for.
pub trait Data: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {}
impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Data for T {}

type Source = Box<dyn Fn() -> u64 + Send + Sync>;
type Coming = Pin<Box<dyn Future<Output = Parcel> + Send>>;
/// One question, which can be asked again.
type Question = Box<dyn Fn() -> Coming + Send + Sync>;
type Fetcher = Box<dyn Fn() -> Question + Send + Sync>;

/// Pauses in milliseconds before a question is asked again whose answer was lost on the way. They outlast the moment in
/// which a browser drops its connections because the machine's networks changed, as they do when containers start.
const PAUSES_MS: [u32; 3] = [100, 400, 1_000];

/// An answer: as it is where it was asked for, and as text where it came along with the page.
#[derive(Clone)]
struct Parcel {
    value: Option<Arc<dyn Any + Send + Sync>>,
    text: Option<Arc<str>>,
    lost: bool,
    /// There is no session any more.
    ended: bool,
}

impl Parcel {
    fn closed<T: Data>(answer: Result<T, ApiError>) -> Self {
        // The browser keeps what it gets; only the server sends it on.
        let text = cfg!(feature = "ssr").then(|| serde_json::to_string(&answer).ok()).flatten();
        let lost = is_lost(&answer);
        let ended = answer.as_ref().is_err_and(ApiError::needs_session);
        Self { value: Some(Arc::new(answer)), text: text.map(Arc::from), lost, ended }
    }

    /// What is in it; what cannot be read is lost. Where it was asked for it is shared: who only looks copies nothing.
    fn open<T: Data>(&self) -> Arc<Result<T, ApiError>> {
        let known = self.value.clone().and_then(|value| value.downcast::<Result<T, ApiError>>().ok());
        known.unwrap_or_else(|| {
            // As bytes, because answers to calls are read from bytes: the browser then loads one reader and not two.
            let read = serde_json::from_slice(self.text.as_deref().unwrap_or_default().as_bytes());
            Arc::new(read.unwrap_or(Err(ApiError { problem: Problem::Lost, request_id: None })))
        })
    }
}

/// Parcels travel as the text that is in them.
struct AsText;

impl Encoder<Parcel> for AsText {
    type Error = Infallible;
    type Encoded = String;

    fn encode(parcel: &Parcel) -> Result<String, Infallible> {
        Ok(parcel.text.as_deref().unwrap_or_default().to_owned())
    }
}

impl Decoder<Parcel> for AsText {
    type Error = Infallible;
    type Encoded = str;

    fn decode(text: &str) -> Result<Parcel, Infallible> {
        Ok(Parcel { value: None, text: Some(Arc::from(text)), lost: false, ended: false })
    }
}

/// Whether what the page shows may be old, because the portal does not answer.
#[derive(Clone, Copy)]
pub struct Stale(RwSignal<bool>);

impl Stale {
    /// Makes it known to the pages below.
    pub fn provide() {
        provide_context(Self(RwSignal::new(false)));
    }

    /// Whether it is so; follows changes.
    pub fn get() -> impl Fn() -> bool + Copy + Send + Sync + 'static {
        let stale = use_context::<Self>();
        move || stale.is_some_and(|stale| stale.0.get())
    }

    fn tell(self, stale: bool) {
        // Both are asked without a subscription: whoever waits for data does not wait for this.
        if self.0.try_get_untracked().is_some_and(|known| known != stale) {
            self.0.try_set(stale);
        }
    }
}

/// Whether the session has ended under a page that is there: it stays, and one signs in over it.
#[derive(Clone, Copy)]
pub struct Ended(RwSignal<bool>);

impl Ended {
    /// Makes it known to the pages below.
    pub fn provide() {
        provide_context(Self(RwSignal::new(false)));
    }

    /// Whether it is so; outside of the app it never is.
    pub fn signal() -> RwSignal<bool> {
        use_context::<Self>().map_or_else(|| RwSignal::new(false), |ended| ended.0)
    }
}

/// The last answer that arrived, and the page on which it was asked for.
type Last = StoredValue<Option<(String, Parcel)>>;

/// Data on their way to a page, or there.
pub struct Fetched<T> {
    parcel: Resource<Parcel, AsText>,
    last: Last,
    stale: Option<Stale>,
    ended: Option<Ended>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Fetched<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Fetched<T> {}

impl<T: Data> Fetched<T> {
    /// Asks, and again whenever what `source` reads has changed.
    pub fn new<S, F>(
        source: impl Fn() -> S + Send + Sync + 'static,
        ask: impl Fn(S) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: Clone + Hash + Send + Sync + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let (source, ask) = (Arc::new(source), Arc::new(ask));
        let read = Arc::clone(&source);
        let key: Source = Box::new(move || hash(&read()));
        let question = move || {
            // What is read is read now: the page may be gone when it is asked again.
            let (asked, ask) = (untrack(|| source()), Arc::clone(&ask));
            move || ask(asked.clone())
        };
        Self::made(key, question, false)
    }

    /// Asks once for what the whole page depends on: nothing of it is sent before.
    pub fn first<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let ask = Arc::new(ask);
        let question = move || {
            let ask = Arc::clone(&ask);
            move || ask()
        };
        Self::made(Box::new(|| 0), question, true)
    }

    /// Closes the answers to a question in parcels, so that nothing further in knows their type.
    fn made<Q, F>(key: Source, question: impl Fn() -> Q + Send + Sync + 'static, blocking: bool) -> Self
    where
        Q: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let fetcher: Fetcher = Box::new(move || {
            let ask = question();
            Box::new(move || {
                let answer = ask();
                Box::pin(async move { Parcel::closed(answer.await) })
            })
        });
        let parcel = resource(key, fetcher, blocking);
        let (stale, ended) = (use_context::<Stale>(), use_context::<Ended>());
        Self { parcel, last: StoredValue::new(None), stale, ended, kind: PhantomData }
    }

    /// Waits for the answer, and makes whoever waits inside a `Suspend` wait again for the next one. While answers are
    /// lost on the way the one before stays, and it is asked again until the portal answers.
    pub async fn wait(self) -> Result<T, ApiError> {
        Arc::unwrap_or_clone(self.arrived().await)
    }

    /// The same, without a copy of the answer.
    pub async fn arrived(self) -> Arc<Result<T, ApiError>> {
        let parcel = self.parcel.await;
        settled(parcel, self.parcel, self.last, self.stale, self.ended).open()
    }

    /// The answer, if it is there.
    pub fn now(self) -> Option<Result<T, ApiError>> {
        self.parcel.get().map(|parcel| Arc::unwrap_or_clone(parcel.open()))
    }
}

/// Apart from what depends on types.
fn resource(key: Source, fetcher: Fetcher, blocking: bool) -> Resource<Parcel, AsText> {
    let ask = move |_| {
        let question = fetcher();
        async move { patiently(question, |parcel| parcel.lost).await }
    };
    Resource::new_with_options(key, ask, blocking)
}

/// What is shown: an answer that arrived, or in the place of a lost one what this page showed before; the same where the
/// session has ended under the page.
fn settled(
    parcel: Parcel,
    resource: Resource<Parcel, AsText>,
    last: Last,
    stale: Option<Stale>,
    ended: Option<Ended>,
) -> Parcel {
    if cfg!(feature = "ssr") {
        return parcel;
    }
    if let Some(stale) = stale {
        stale.tell(parcel.lost);
    }
    let here = browser::path();
    let before = last.try_get_value().flatten().filter(|(path, _)| *path == here);
    if parcel.lost {
        browser::soon(move || resource.refetch());
        return before.map_or(parcel, |(_, before)| before);
    }
    if let (true, Some(ended), Some((_, before))) = (parcel.ended, ended, before.filter(|(_, at)| !at.ended))
    {
        ended.0.try_set(true);
        return before;
    }
    last.try_set_value(Some((here, parcel.clone())));
    parcel
}

async fn patiently<T, F: Future<Output = T>>(ask: impl Fn() -> F, lost: impl Fn(&T) -> bool) -> T {
    for pause in PAUSES_MS {
        let answer = ask().await;
        // The portal itself does not ask over a network.
        if cfg!(feature = "ssr") || !lost(&answer) {
            return answer;
        }
        browser::pause(pause).await;
    }
    ask().await
}

/// Whether nobody here knows what the portal said.
pub fn is_lost<T>(answer: &Result<T, ApiError>) -> bool {
    answer.as_ref().is_err_and(|error| error.problem == Problem::Lost)
}

/// Asks for something, and again when the answer was lost on the way: only for what may arrive twice, because it changes
/// nothing or goes under a key.
pub async fn again<T, F>(ask: impl Fn() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    patiently(ask, is_lost).await
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_is_opened_where_it_was_closed_and_where_it_was_sent() {
        let lost = || ApiError { problem: Problem::Lost, request_id: None };
        for answer in [Ok(vec![1_u32, 2]), Err(ApiError::from(domain::Error::forbidden()))] {
            let parcel = Parcel::closed(answer.clone());
            assert_eq!(*parcel.open::<Vec<u32>>(), answer);
            assert!(Arc::ptr_eq(&parcel.open::<Vec<u32>>(), &parcel.open()));
            let Ok(text) = AsText::encode(&parcel);
            let Ok(sent) = AsText::decode(&text);
            assert_eq!(*sent.open::<Vec<u32>>(), answer);
            // Something else than was asked for is no answer.
            assert!(sent.open::<String>().is_err());
        }
        let Ok(nothing) = AsText::decode("");
        assert_eq!(*nothing.open::<u32>(), Err(lost()));
    }

    #[test]
    fn other_questions_have_other_keys() {
        assert_ne!(hash(&("a", 1_u32)), hash(&("a", 2_u32)));
        assert_eq!(hash(&("a", 1_u32)), hash(&("a", 1_u32)));
    }
}
