//! Names of operations and steps in words.

/// An operation's name, if it is known.
pub fn operation(name: &str) -> Option<&'static str> {
    Some(match name {
        "chain-create" => "创建链",
        "chain-start" => "启动链",
        "chain-stop" => "停止链",
        "chain-restart" => "重启链",
        "chain-delete" => "删除链",
        "chain-demo" => "创建演示链",
        "chaincode-deploy" => "部署链码",
        "host-prepare" => "准备镜像",
        _ => return None,
    })
}

/// A step's name, if it is known.
pub fn step(name: &str) -> Option<&'static str> {
    Some(match name {
        "add-host" => "添加主机",
        "ensure-host" => "确认主机",
        "reserve-ports" => "预留端口",
        "issue-identities" => "签发身份",
        "make-genesis" => "生成创世区块",
        "ensure-images" => "准备镜像",
        "ensure-image" => "准备镜像",
        "start-nodes" => "启动节点",
        "stop-nodes" => "停止节点",
        "join-channel" => "加入通道",
        "wait-ready" => "等待就绪",
        "mark-running" => "标记链为运行中",
        "make-packages" => "生成链码包",
        "package" => "生成链码包",
        "install" => "安装到节点",
        "start-chaincode" => "启动链码容器",
        "approve" => "各组织批准",
        "commit" => "提交定义",
        "await-answer" => "等待链码响应",
        "wait-answer" => "等待链码响应",
        "remove-nodes" => "移除节点",
        "remove-chaincode" => "移除链码容器",
        "remove-volumes" => "移除数据卷",
        "remove-networks" => "移除网络",
        "release-ports" => "释放端口",
        "discard-identities" => "清除密钥和证书",
        "forget-chain" => "删除链记录",
        "check" => "检查现状",
        _ => return None,
    })
}
