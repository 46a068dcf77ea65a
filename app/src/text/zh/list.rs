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
    columns: "列",
    export: "CSV 文件",
    select_row: "选择 {name}",
    select_page: "选择本页所有行",
    selected: "已选择 {n} 项",
    clear: "清除选择",
    results: "结果",
    owner: "所有者",
    mine: "我的",
    nobody: "无所有者",
    free_in_pool: "空闲，在链池中",
    under_way: "正在请求…",
    delete_impact: "将连同全部账本和密钥删除：{names}",
    engine_kind: "容器引擎",
    cluster_kind: "Kubernetes 集群",
    done_operation: "已开始",
    leave: "您在此输入的内容尚未保存。仍要离开本页吗？",
};
