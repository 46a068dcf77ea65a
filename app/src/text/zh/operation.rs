//! Names of operations and steps in words.

/// An operation's name, if it is known.
pub fn operation(name: &str) -> Option<&'static str> {
    Some(match name {
        "chain-create" => "创建链",
        "chain-start" => "启动链",
        "chain-stop" => "停止链",
        "chain-restart" => "重启链",
        "chain-delete" => "删除链",
        "demo-create" => "创建演示链",
        "chaincode-deploy" => "部署链码",
        "host-prepare" => "准备主机镜像",
        "channel-create" => "创建通道",
        "channel-join" => "加入通道",
        "channel-anchors" => "设置锚节点",
        "chaincode-install" => "安装链码",
        "chaincode-approve" => "批准链码",
        "chaincode-commit" => "提交链码定义",
        "node-resize" => "调整节点资源",
        _ => return None,
    })
}

/// A step's name, if it is known.
pub fn step(name: &str) -> Option<&'static str> {
    Some(match name {
        "reserve-ports" => "预留端口",
        "issue-identities" => "签发身份",
        "make-genesis" => "生成创世区块",
        "ensure-images" => "准备镜像",
        "start-nodes" => "启动节点",
        "catch-up" => "等待区块全部同步",
        "join-channel" => "加入通道",
        "mark-starting" => "标记链为启动中",
        "mark-stopping" => "标记链为停止中",
        "mark-deleting" => "标记链为删除中",
        "stop-nodes" => "停止节点",
        "remove-nodes" => "移除节点、数据和网络",
        "discard-identities" => "清除密钥和证书",
        "release-ports" => "释放端口",
        "resolve-image" => "确认镜像",
        "make-packages" => "生成链码包",
        "start-chaincode" => "启动链码容器",
        "install-packages" => "安装到节点",
        "await-chaincode" => "等待容器稳定运行",
        "approve-definition" => "各组织批准",
        "commit-definition" => "提交定义",
        "await-definition" => "等待链码响应",
        "prepare-images" => "拉取镜像",
        "make-channel-genesis" => "生成通道的首个区块",
        "join-orderers" => "排序节点加入",
        "join-peers" => "节点加入",
        "open-channel" => "开放通道",
        "read-anchors" => "读取锚节点",
        "set-anchors" => "设置锚节点",
        "look-for-draft" => "查找已开始的部署",
        "check-image" => "比对镜像",
        "keep-draft" => "记录进度",
        "look-at-node" => "检查节点",
        "remember-size" => "记录新的资源上限",
        "apply-size" => "以新的资源上限重建节点",
        "look-at-nodes" => "检查各节点",
        "restart-orderers" => "逐个重启排序节点",
        "restart-peers" => "逐个重启 peer 节点",
        "restart-chaincode" => "重启链码容器",
        _ => return None,
    })
}
