//! Data that is kept when a chain is removed.

use super::{Fixture, Kept, expect};
use crate::AgentError;

/// A host that keeps data in folders puts them where no later chain of that name finds them; another one says that it
/// has none, and removes nothing.
pub async fn kept_data_is_found_by_no_later_chain(f: &Fixture<'_>) -> Kept {
    let (installation, chain) = (&f.installations[0], "kept");
    f.agent.ensure_space(&f.space(chain)).await?;
    let spec = f.spec(chain, "peer0");
    f.agent.ensure_node(&spec).await?;
    f.wait_for_line(&spec.node_ref(), "boot 1").await?;
    let place = f.agent.kept_place(installation, chain, "op-1");
    match f.agent.release_space(installation, chain, "op-1").await {
        Err(AgentError::Refused(_)) => {
            let still = f.list(chain).await?;
            expect(still.len() == 1, || format!("a refusal left {still:?}"))?;
            expect(place.is_none(), || format!("a place is named where nothing is kept: {place:?}"))?;
            return f.clear(chain).await;
        }
        Err(error) => return Err(error.into()),
        // The place was known before.
        Ok(removed) => {
            expect(removed.kept.iter().eq(&place), || format!("{place:?} was to be: {removed:?}"))?
        }
    }
    let again = f.agent.release_space(installation, chain, "op-1").await?;
    expect(again.is_empty(), || format!("a second time removed {again:?}"))?;
    let left = f.list(chain).await?;
    expect(left.is_empty(), || format!("left over of {chain}: {left:?}"))?;
    f.agent.ensure_space(&f.space(chain)).await?;
    f.agent.ensure_node(&spec).await?;
    f.wait_for_line(&spec.node_ref(), "boot 1").await?;
    f.clear(chain).await
}
