//! Applying for a chain by a form that a browser sends without a script. Whoever gets none waits in the queue; what the page
//! offers beyond that needs a script.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use control::ControlPlane;
use control::caller::Caller;
use domain::chain::Consensus;
use domain::name::{ChainName, TemplateName};
use domain::pool::{Applied, ApplySpec};
use domain::{Code, Error};
use serde::Deserialize;

use super::refusal;

/// The page with the forms.
const PAGE: &str = "/apply";

/// The fields of the three forms; what is left empty fits.
#[derive(Deserialize)]
pub struct Wish {
    #[serde(default, rename = "apply-template")]
    template: String,
    #[serde(default, rename = "apply-name")]
    name: String,
    #[serde(default, rename = "apply-peers")]
    peers: String,
    #[serde(default, rename = "apply-consensus")]
    consensus: String,
}

/// `POST /apply`
pub async fn apply(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<Wish>, FormRejection>,
) -> Response {
    let applied = async {
        caller.require_user()?;
        let Form(wish) = form.map_err(|_| Error::invalid(Code::FieldMissing))?;
        plane.chain_apply(&caller, spec(&wish)?).await
    };
    match applied.await {
        Ok(Applied::Claimed { chain, .. }) => Redirect::to(&format!("/chains/{chain}")).into_response(),
        Ok(Applied::Creating { operation, .. }) => {
            Redirect::to(&format!("/operations/{operation}")).into_response()
        }
        Ok(Applied::Queued { .. }) => Redirect::to(PAGE).into_response(),
        Err(error) => refusal::page(&plane, &headers, &caller, &error, PAGE).await,
    }
}

/// What is wanted, under a key of its own: a form that is sent twice by the same person finds the chain of the first.
fn spec(wish: &Wish) -> Result<ApplySpec, Error> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let consensus = match wish.consensus.as_str() {
        "raft" => Some(Consensus::Raft),
        "bft" => Some(Consensus::Bft),
        _ => None,
    };
    // What is no number is none that a chain could have, and refused as such.
    let peers = given(&wish.peers).map(|text| text.parse().unwrap_or_default());
    let mut key = [0_u8; 16];
    getrandom::fill(&mut key).map_err(|_| Error::internal())?;
    Ok(ApplySpec {
        name: given(&wish.name).map(|text| ChainName::parse(&text)).transpose()?,
        template: given(&wish.template).map(|text| TemplateName::parse(&text)).transpose()?,
        peers,
        consensus,
        another: false,
        queue: true,
        key: hex::encode(key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str, peers: &str, consensus: &str) -> Wish {
        let text = str::to_owned;
        Wish { template: String::new(), name: text(name), peers: text(peers), consensus: text(consensus) }
    }

    #[test]
    fn what_is_left_empty_is_left_open() {
        let open = spec(&wish("", " ", "")).unwrap();
        assert_eq!(open.wish(), "any");
        assert!(open.queue && !open.another && open.key.len() == 32);
        let some = spec(&wish("small-1", "2", "raft")).unwrap();
        assert_eq!(some.wish(), "name=small-1,peers=2,consensus=raft");
        assert!(spec(&wish("No Name", "", "")).is_err());
        assert!(spec(&wish("", "many", "")).unwrap().check().is_err());
    }
}
