//! Nodes that are only tried.

use std::time::Instant;

use super::{Broken, Fixture, Kept, LOOK_AGAIN, PATIENCE, expect};
use crate::{NodeSpec, Rehearsal};

/// Nodes that are only tried are judged and counted, and nothing of them is made, before there is a space and in one.
pub async fn a_rehearsal_makes_nothing(f: &Fixture<'_>) -> Kept {
    let specs = [f.spec("tried", "peer0"), f.spec("tried", "peer1")];
    for has_space in [false, true] {
        if has_space {
            f.agent.ensure_space(&f.space("tried")).await?;
        }
        let tried = has_room(f, &specs).await?;
        expect(tried.refusal.is_none(), || format!("a good node is refused: {:?}", tried.refusal))?;
        let made = f.list("tried").await?;
        expect(made.is_empty(), || format!("a rehearsal made {made:?}"))?;
    }
    f.clear("tried").await
}

/// Waits until two small nodes have room: others on the host may have all of it for a while.
async fn has_room(f: &Fixture<'_>, specs: &[NodeSpec]) -> Result<Rehearsal, Broken> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tried = f.agent.rehearse(specs).await?;
        let Some(room) = tried.room else { return Ok(tried) };
        expect(room.nodes == specs.len(), || format!("two nodes are counted as {room:?}"))?;
        if room.placed == specs.len() {
            return Ok(tried);
        }
        expect(Instant::now() < deadline, || format!("two small nodes have no room: {room:?}"))?;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
