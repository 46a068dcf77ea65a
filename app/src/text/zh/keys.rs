//! Chinese, of the palette and the keys.

use crate::text::table::KeyText;

/// The texts.
pub static TEXT: KeyText = KeyText {
    palette: "转到",
    palette_hint: "页面、链、主机、节点、编号或操作",
    nothing: "没有找到。",
    page: "页面",
    action: "操作",
    chain: "链",
    node: "节点",
    keys: "键盘快捷键",
    clusters: "集群",
    calls: "调用与账本",
    pool: "链池",
    contents: "手册目录",
    to_search: "搜索本列表",
    single: "启用不带 Ctrl 的按键",
};
