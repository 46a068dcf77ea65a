//! Simplified Chinese, of one node.

use crate::text::table::NodeText;

/// The texts.
pub const TEXT: NodeText = NodeText {
    limits: "资源上限",
    limits_value: "{cpu} 核 CPU，{memory} MiB 内存",
    resize: "调整资源",
    resize_hint: "节点将以新的限制围绕其数据重建，并会短暂离线。其他节点继续运行；只有一个排序节点的链、只有一个节点的组织会等待它恢复。",
    resize_cpu: "CPU（核）",
    resize_cpu_hint: "步长为 0.25。",
    resize_memory: "内存（MiB）",
    resize_memory_hint: "步长为 256。",
};
