//! Simplified Chinese, of the record of who did what.

use crate::text::table::AuditText;

/// The texts.
pub static TEXT: AuditText = AuditText {
    what_hint: "操作名，如 chain-create；一类操作，如 chain；或操作名的开头，如 chain-gr*。",
    object_hint: "对象及其下属，如 chain/demo；或一类对象，如 chain。",
    result_hint: "ok、refused、failed 或 begun，也可以是错误代码，如 not-allowed。",
    from: "起始（UTC）",
    to: "截止（UTC）",
    own: "只看我的操作",
    search: "搜索",
    show_all: "显示全部",
    nothing_found: "没有找到",
    nothing_found_hint: "您可查看的记录中没有符合条件的。请减少条件，或换一个时间。",
    searched: "尚未读完全部记录，已搜索到",
    go_on: "继续向前搜索",
    details: "变更",
    field: "字段",
    before: "变更前",
    after: "变更后",
    export: "导出",
    export_hint: "包含搜索结果的文件，从最早的记录开始。导出本身也会被记录。",
    format: "格式",
    export_button: "导出",
    keep: "记录的保留",
    keep_days: "多少天后移入文件",
    keep_hint: "7 到 36500；留空表示永不移入。文件在数据目录的 audit 文件夹中，`heddle audit verify` 会一并校验。移入文件的记录不再出现在页面和导出中。",
    keep_button: "保存",
};
