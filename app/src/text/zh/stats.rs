//! Simplified Chinese, of figures.

use crate::text::table::StatsText;

/// The texts.
pub static TEXT: StatsText = StatsText {
    range: "时间范围",
    days_7: "7 天",
    days_30: "30 天",
    wall_open: "在大屏幕上显示",
    numbers: "显示数据",
    kind: "类别",
    count: "数量",
    share: "占比",
    day: "日期（UTC）",
    of_them_failed: "其中失败",
    not_counted: "尚未统计",
    nothing_yet: "暂无数据。",
    transactions_daily: "每日交易数",
    chains_daily: "按创建日期统计的链",
    chain_states: "按状态统计的链",
    chain_healths: "按健康状况统计的运行中的链",
    chain_consensus: "按共识方式统计的链",
    chain_versions: "按 Fabric 版本统计的链",
    chain_hosts: "最满的主机",
    host_states: "按状态统计的主机",
    host_kinds: "按类型统计的主机",
    people_roles: "按角色统计的用户",
    places: "链的容量",
    places_used: "已用",
    places_free: "空闲",
    running_now: "进行中的操作：{n}",
    all_chains: "链的总数：{n}",
    chains_more: "所有链",
    my_transactions: "我最近的交易",
};
