//! One route each: its data and its view.

use domain::id::OperationId;
use domain::name::{ChainName, ChannelName};
use leptos::prelude::*;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};

use crate::api::ApiError;

pub mod account;
pub mod apply;
pub mod audit;
pub mod block;
pub mod chain;
pub mod chain_new;
pub mod chaincode;
pub mod chains;
pub mod channel;
pub mod channels;
pub mod help;
pub mod host;
pub mod host_edit;
pub mod host_new;
pub mod hosts;
pub mod invoke;
pub mod login;
pub mod missing;
pub mod node;
pub mod notices;
pub mod operation;
pub mod operations;
pub mod overview;
pub mod register;
pub mod setup;
pub mod split;
pub mod template;
pub mod template_new;
pub mod templates;
pub mod transaction;
pub mod transactions;
pub mod user;
pub mod user_new;
pub mod users;
pub mod wall;
pub mod welcome;

/// A part of the page's address.
pub fn parameter(name: &'static str) -> Memo<String> {
    let params = use_params_map();
    Memo::new(move |_| params.read().get(name).unwrap_or_default())
}

/// Where a list that shows the newest first goes on, as the page's address says; none: at the newest.
pub fn before() -> Memo<Option<i64>> {
    let query = use_query_map();
    Memo::new(move |_| query.read().get("before").and_then(|text| text.parse().ok()))
}

/// A chain's name from an address; one that cannot be a name is not found.
pub fn chain_name(text: &str) -> Result<ChainName, ApiError> {
    ChainName::parse(text).map_err(|_| not_found())
}

/// A channel's name from an address; one that cannot be a name is not found.
pub fn channel_name(text: &str) -> Result<ChannelName, ApiError> {
    ChannelName::parse(text).map_err(|_| not_found())
}

/// There is no such object.
pub fn not_found() -> ApiError {
    ApiError::from(domain::Error::not_found())
}

/// Follows an action to the page of the operation that it started; gives the refusal, if it was refused.
pub fn follow<I: Send + Sync + 'static>(
    action: Action<I, Result<OperationId, ApiError>>,
) -> Signal<Option<ApiError>> {
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(id)) = action.value().get() {
            navigate(&format!("/operations/{id}"), leptos_router::NavigateOptions::default());
        }
    });
    refusal(action)
}

/// The refusal of an action, once it has come back.
pub fn refusal<I: Send + Sync + 'static, O: Clone + Send + Sync + 'static>(
    action: Action<I, Result<O, ApiError>>,
) -> Signal<Option<ApiError>> {
    Signal::derive(move || action.value().get().and_then(Result::err))
}
