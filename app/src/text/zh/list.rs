//! Chinese, of long lists.

use crate::text::table::ListText;

/// The texts.
pub static TEXT: ListText = ListText {
    search: "搜索",
    show: "显示",
    show_all: "显示全部",
    all: "全部",
    pages: "本列表的分页",
    first_page: "首页",
    next_page: "下一页",
    nothing_found: "没有找到",
    nothing_found_hint: "没有符合条件的内容。请放宽条件，或显示全部。",
};
