//! Requests with a bound: look, list in pages, delete. An answer that takes too long is an error, never a wait for ever.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{REQUEST_MAX, failure};
use crate::AgentError;

/// Objects in one page of a list. A page is in memory four times for a moment, as it came, as one piece, as text and as
/// objects, so it is small: most chains fit into one all the same.
pub(super) const PAGE: u32 = 100;
/// Most pages of one list; more objects of one portal are a mistake.
const PAGES_MAX: u32 = 500;
/// A list whose pages went stale meanwhile is begun again so often.
const LIST_TRIES: u32 = 3;
/// Between two looks at something that goes.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// An object of a kind that is known when this is compiled.
pub(super) trait Object: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug {}
impl<K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug> Object for K {}

/// Waits for an answer of the API server within a bound.
pub(super) async fn within<T>(
    what: &str,
    answer: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, AgentError> {
    match tokio::time::timeout(REQUEST_MAX, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failure::agent(error, what)),
        Err(_) => Err(AgentError::Timeout { what: what.to_owned(), after: REQUEST_MAX }),
    }
}

/// What an object is called in errors.
pub(super) fn called<K: Object>(name: &str) -> String {
    format!("{} {name}", K::kind(&()))
}

/// Looks an object up; `None` when it is not there.
pub(super) async fn get<K: Object>(api: &Api<K>, name: &str) -> Result<Option<K>, AgentError> {
    within(&called::<K>(name), api.get_opt(name)).await
}

/// Lists all that a selector selects; none selects everything. It is read page by page, so of a thousand objects only
/// the text of one page is ever there.
pub(super) async fn list<K: Object>(api: &Api<K>, selector: Option<&str>) -> Result<Vec<K>, AgentError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match pages(api, selector).await {
            // The pages belong to one moment, which the server has forgotten.
            Err(AgentError::Engine { status: 410, .. }) if tries < LIST_TRIES => {}
            ended => return ended,
        }
    }
}

async fn pages<K: Object>(api: &Api<K>, selector: Option<&str>) -> Result<Vec<K>, AgentError> {
    let what = listed::<K>();
    let mut all = Vec::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let params = ListParams {
            label_selector: selector.map(str::to_owned),
            limit: Some(PAGE),
            continue_token: token.take(),
            ..ListParams::default()
        };
        let page = within(&what, api.list(&params)).await?;
        all.extend(page.items.into_iter().map(|mut object| {
            // Who wrote which field: a third of an object, and nobody here asks.
            object.meta_mut().managed_fields = None;
            object
        }));
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
    Err(AgentError::Refused(format!("{what}: there are too many")))
}

/// Asks for one object of a kind, and of that only who it is: whether the server answers, and lets it be listed.
pub(super) async fn ask<K: Object>(api: &Api<K>, selector: &str) -> Result<(), AgentError> {
    let params =
        ListParams { label_selector: Some(selector.to_owned()), limit: Some(1), ..ListParams::default() };
    within(&listed::<K>(), api.list_metadata(&params)).await.map(drop)
}

/// What a list is called in errors.
fn listed<K: Object>() -> String {
    format!("list of {}", K::plural(&()))
}

/// Begins to delete exactly this object; another one that took its name meanwhile stays. False when it was gone.
pub(super) async fn delete<K: Object>(
    api: &Api<K>,
    object: &K,
    how: DeleteParams,
) -> Result<bool, AgentError> {
    let name = object.meta().name.clone().unwrap_or_default();
    let preconditions = Some(Preconditions { resource_version: None, uid: object.meta().uid.clone() });
    let how = DeleteParams { preconditions, ..how };
    let what = format!("remove {}", called::<K>(&name));
    match within(&what, api.delete(&name, &how)).await {
        Ok(_) => Ok(true),
        Err(AgentError::NotFound(_)) => Ok(false),
        // Another one has the name by now, or this one goes already. Only a look tells.
        Err(AgentError::Conflict(said)) => {
            let found = within(&what, api.get_metadata_opt(&name)).await?;
            let goes = goes(found.as_ref().map(|found| &found.metadata), object.meta());
            goes.ok_or(AgentError::Conflict(said))
        }
        Err(error) => Err(error),
    }
}

/// Does the object go that was meant? False when it is gone, by whatever has its name now; `None` when it stays.
fn goes(found: Option<&ObjectMeta>, meant: &ObjectMeta) -> Option<bool> {
    match found {
        Some(found) if found.uid == meant.uid => found.deletion_timestamp.is_some().then_some(true),
        Some(_) | None => Some(false),
    }
}

/// Waits until exactly this object is gone.
pub(super) async fn gone<K: Object>(api: &Api<K>, object: &K, limit: Duration) -> Result<(), AgentError> {
    let name = object.meta().name.clone().unwrap_or_default();
    let what = format!("remove {}", called::<K>(&name));
    let deadline = Instant::now() + limit;
    loop {
        let found = within(&what, api.get_metadata_opt(&name)).await?;
        if found.is_none_or(|found| found.metadata.uid != object.meta().uid) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(AgentError::Timeout { what, after: limit });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_refused_removal_is_read_from_what_is_there() {
        let read = |value: Value| -> ObjectMeta { serde_json::from_value(value).unwrap() };
        let meant = read(json!({"name": "a", "uid": "u1"}));
        let check = |found: Option<Value>, expect: Option<bool>| {
            assert_eq!(goes(found.clone().map(read).as_ref(), &meant), expect, "{found:?}");
        };
        check(None, Some(false));
        check(Some(json!({"name": "a", "uid": "u2"})), Some(false));
        check(
            Some(json!({"name": "a", "uid": "u1", "deletionTimestamp": "2026-11-20T22:16:39Z"})),
            Some(true),
        );
        check(Some(json!({"name": "a", "uid": "u1"})), None);
    }
}
