//! Giving one node of a running chain more or less of its host. Everything that speaks against it is said before anything
//! is changed.

use domain::Error;
use domain::audit::FieldChange;
use domain::chain::{ChainVerb, NodeResources};
use domain::id::OperationId;
use domain::name::{ChainName, NodeName};
use domain::permission::{Action, Noun};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::chain::plan_of;
use crate::host::probe::stored_error;
use crate::operation::subject;
use crate::operations::node_resize::NodeResize;
use crate::preflight::room_check;

impl ControlPlane {
    /// Gives a peer or an orderer other limits, and returns the operation that makes it anew around its data. Limits come
    /// in steps; more than the largest machine of the host has is refused.
    pub async fn node_resize(
        &self,
        caller: &Caller,
        chain: &ChainName,
        node: &NodeName,
        resources: NodeResources,
    ) -> Result<OperationId, Error> {
        let mut changes = Vec::new();
        let result = self.node_resize_checked(caller, chain, node, resources, &mut changes).await;
        let object = format!("{}/node/{node}", subject(chain));
        self.audit.record_change(caller, "node-resize", &object, changes, &result).await;
        result
    }

    async fn node_resize_checked(
        &self,
        caller: &Caller,
        chain: &ChainName,
        node: &NodeName,
        resources: NodeResources,
        changes: &mut Vec<FieldChange>,
    ) -> Result<OperationId, Error> {
        let record = self.chain_for(caller, Action::Resize, Noun::Chain, chain).await?;
        ChainVerb::Resize.check(record.state)?;
        let plan = plan_of(&record)?.ok_or_else(Error::not_found)?;
        let planned = plan.node(node).ok_or_else(Error::not_found)?;
        let now = plan.resources_of(planned);
        changes.extend(FieldChange::between("cpu-milli", &now.cpu_milli, &resources.cpu_milli));
        changes.extend(FieldChange::between("memory-mib", &now.memory_mib, &resources.memory_mib));
        resources.check_resize(now)?;
        let host = self.services.store.host_read(&record.host).await.map_err(crate::error::store)?;
        let endpoint = host.ok_or_else(Error::not_found)?.spec.endpoint;
        let agent = self.services.agent(&record.host).await?;
        let facts = agent.probe().await.map_err(|failure| stored_error(&endpoint, &failure))?;
        room_check(resources, &facts, endpoint.is_cluster())?;
        let params = NodeResize { chain: chain.clone(), node: node.clone(), resources };
        self.start_operation(caller, Some(subject(chain)), None, params).await
    }
}
