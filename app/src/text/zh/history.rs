//! Chinese, of how a host or a chain did.

use crate::text::table::HistoryText;

/// The texts.
pub static TEXT: HistoryText = HistoryText {
    of_host: "状态历史",
    of_chain: "健康历史",
    of_host_none: "自添加以来，其状态没有变化。",
    of_chain_none: "尚无健康状况的变化。首次检查节点后会显示。",
    further: "另有 {n} 项",
    newest: "以上是最近的 {n} 次变化。",
    show_all: "显示全部变化",
};
