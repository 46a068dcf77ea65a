//! English, of one node.

use crate::text::table::NodeText;

/// The texts.
pub const TEXT: NodeText = NodeText {
    limits: "Limits",
    limits_value: "{cpu} CPU, {memory} MiB",
    resize: "Resize",
    resize_hint: "The node is made anew around its data with these limits, and is away for a moment. The others go on; a chain with one orderer, and an organization with one peer, wait for it.",
    resize_cpu: "CPU (cores)",
    resize_cpu_hint: "In steps of 0.25.",
    resize_memory: "Memory (MiB)",
    resize_memory_hint: "In steps of 256.",
};
