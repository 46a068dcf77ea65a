//! English, of nodes: where they run, and why one does not.

use crate::text::table::NodeText;

/// The texts.
pub const TEXT: NodeText = NodeText {
    restarts: "Restarts",
    last_exit: "Last exit",
    exit_code_n: "code {n}",
    machine: "Machine",
    which_process: "Process",
    process_now: "this process",
    process_before: "the one before",
    no_earlier_lines: "The host keeps no lines of an earlier process of this node.",
    image_not_on_host: "The image is not on the machine, and it is not to be pulled. Bring it to the host on the host’s page, or import it on the machines.",
    image_not_in_registry: "The registry does not have the image. Correct its name on the host’s page, or push the image to the registry.",
    image_denied: "The registry refuses access to the image. Give the host credentials for the registry, or check whether they may read the image.",
    registry_unreachable: "The host cannot reach the registry. Check its network, name service and proxy; the image is pulled again by itself.",
    image_not_pulled: "The image cannot be pulled; the next try comes by itself. Check the image’s name and the registry on the host’s page.",
    image_name_malformed: "No image can have this name. Correct it on the host’s page, and the registry prefix if there is one.",
    no_machine: "No machine takes the node. Make room, add a machine, or ask for less CPU and memory; check which machines the host’s settings allow.",
    machine_out_of_sight: "The machine of the node does not answer. Bring it back, or remove it from the cluster so that the node can run elsewhere.",
    out_of_memory: "The process was killed for want of memory. Give the node more memory, or free some on its machine.",
    ends_again: "The process ends again and again, and is started each time. The last lines of its log tell why.",
    not_well: "The process runs, but the node does not say that it is well. If this lasts, its log tells why; a restart may help.",
    moved_away: "The cluster took the node away from its machine. It is started elsewhere by itself; check the machine’s disk and memory.",
    cannot_be_made: "The node cannot be put together: something that it needs is missing. Stop the chain and start it again; that makes what belongs to a node anew.",
    cannot_start: "The process cannot be started. Check that the image is made for nodes and for the machine’s architecture.",
    not_allowed: "A quota or a rule of the cluster stands against the node. Raise the quota or change the rule; the node is then made by itself.",
    not_mounted: "Data or files of the node cannot be mounted. Check the host’s storage: its server, its rights, and whether another machine holds the volume.",
    no_volume: "No volume is made for the node’s data. Check the host’s storage class, and whether there is room for another volume.",
    no_network: "The machine gives the node no network. Check the network plug-in of the cluster on that machine.",
    data_going: "Somebody removes the node’s data: it goes when the process ends. Copy what is in it first, and do not stop the node before.",
    paused: "Somebody has paused the process on the host. Let it go on there, or restart the chain.",
    other_reason: "The host says why, in words of its own. Look at the host and at the node’s log.",
};
