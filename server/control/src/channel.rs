//! Channels of a chain.

use domain::Error;
use domain::chain::ChainState;
use domain::channel::ChannelView;
use domain::name::ChainName;
use domain::node::NodeKind;
use domain::permission::{Action, Noun};

use crate::ControlPlane;
use crate::caller::Caller;

impl ControlPlane {
    /// Every channel with its members and its height.
    pub async fn channel_list(&self, caller: &Caller, chain: &ChainName) -> Result<Vec<ChannelView>, Error> {
        let record = self.chain_for(caller, Action::List, Noun::Channel, chain).await?;
        let link = if record.state == ChainState::Running { self.link(chain).await.ok() } else { None };
        let mut views = Vec::new();
        for channel in self.services.store.channel_list(chain).await.map_err(crate::error::store)? {
            let mut height = None;
            if let Some(link) = &link {
                for peer in link.plan.of_kind(NodeKind::Peer) {
                    // The first peer that answers is enough for a list.
                    if let Ok(found) = self.services.network.height(link, peer, channel.name.as_str()).await {
                        height = Some(found);
                        break;
                    }
                }
            }
            views.push(ChannelView { name: channel.name, organizations: channel.organizations, height });
        }
        Ok(views)
    }
}
