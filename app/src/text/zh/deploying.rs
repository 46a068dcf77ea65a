//! Chinese, of deploying chaincode.

use crate::text::table::DeployingText;

/// The texts.
pub static TEXT: DeployingText = DeployingText {
    deploy_hint: "已填入示例链码。门户将为每个组织完成打包、安装、批准和提交。",
    deploy_not_now: "只有在链运行时，由其管理者部署链码。",
    deploy: "部署",
    upgrade: "升级",
    deployed: "部署时间",
    definition: "版本 {version}，序号 {sequence}",
    image_hint: "以服务方式运行链码的镜像。",
    policy_majority: "多数组织",
    readiness: "就绪情况",
    installed_on: "已安装",
    missing_on: "未安装",
    approved: "已批准",
    not_approved: "未批准",
    draft_hint: "尚未提交。就绪情况表列出了缺少的步骤。",
    install: "安装",
    commit: "提交定义",
    policy_kind: "谁必须背书",
    policy_any: "任一组织",
    policy_all: "所有组织",
    policy_most: "所选组织的多数",
    policy_out_of: "至少若干个组织",
    policy_count: "数量",
    package: "已有的链码包",
    package_hint: "由官方工具制作的 ccaas 类型链码包（.tgz），最大 32 MiB，由上面的镜像运行。",
    package_looking: "正在检查链码包……",
    package_taken: "将使用其标签 {label}。每个组织都会得到带有自己证书的链码包，因此不会使用其中的 {address}。",
    install_only: "仅安装",
    install_peers: "获得链码包的节点",
};
