//! A sentence for every code: what happened and what helps.

use domain::Code;

/// The sentence of a code, with place-holders for its values.
pub fn code(code: Code) -> &'static str {
    match code {
        Code::NameEmpty => "缺少名称，请输入。",
        Code::NameTooLong => "名称过长，最多 {max} 个字符。",
        Code::NameMalformed => "“{name}” 不能用作名称。请使用小写字母、数字和单个连字符，并以字母开头。",
        Code::FieldMissing => "此项必填，请填写。",
        Code::ValueOutOfRange => "数值必须在 {min} 到 {max} 之间。",
        Code::TextTooLong => "文本过长，最多 {max} 个字符。",
        Code::SignInFailed => "用户名或密码错误，请检查后重试。",
        Code::SignInDelayed => "尝试次数过多，请等待 {seconds} 秒后重试。",
        Code::SessionMissing => "您尚未登录或会话已结束，请重新登录。",
        Code::SetupClosed => "门户已完成初始化，请直接登录。",
        Code::SetupTokenWrong => "令牌错误。请使用服务器最近一次启动时打印的令牌。",
        Code::PasswordTooShort => "密码过短，至少需要 {min} 个字符。",
        Code::PasswordTooLong => "密码过长，最多 {max} 个字符。",
        Code::PasswordTooCommon => "该密码容易被猜到，请另选一个，例如几个互不相关的词语。",
        Code::UserNameTaken => "该用户名已存在，请换一个。",
        Code::NotAllowed => "您的角色无权执行此操作。如有需要请联系管理员。",
        Code::NotFound => "对象不存在或您无权查看。请检查地址，或返回概览。",
        Code::HostNameTaken => "该主机名称已存在，请换一个。",
        Code::HostEndpointTaken => "该引擎已添加，请使用现有的主机。",
        Code::HostLocalRefused => "门户启动时未获准使用本机引擎。请在启动时允许，或添加远程引擎。",
        Code::HostPlainTcp => {
            "未加密的 TCP 会让网络中的任何人控制该机器，因此被拒绝。请为引擎启用 TLS 并使用 2376 端口。"
        }
        Code::HostAddress => "地址无法使用。请检查拼写以及名称能否解析。",
        Code::HostTcp => "该地址和端口没有响应。请检查引擎是否在监听以及防火墙设置。",
        Code::HostTls => "TLS 连接失败。请检查 CA 证书是否属于该引擎，以及其证书是否包含此地址。",
        Code::HostAuthentication => "引擎拒绝了客户端证书。请检查证书与私钥是否匹配，并由该引擎的 CA 签发。",
        Code::HostApiVersion => "引擎的 API 版本与门户不兼容，请升级引擎。",
        Code::HostEngine => "响应不像来自容器引擎。请检查该地址是否指向容器引擎。",
        Code::HostUnreachable => "主机没有响应。请检查引擎是否运行且可访问，然后重试。",
        Code::HostHasChains => "主机上仍有 {count} 条链，请先删除。",
        Code::HostFull => "主机的链数已达上限（{capacity}）。请提高容量或选择其他主机。",
        Code::HostPortsUsed => "该主机没有空闲的端口块。请删除一条链或扩大端口范围。",
        Code::HostMissing => "该主机已不存在，请选择其他主机。",
        Code::CapacityBelowUse => "主机上已有 {count} 条链，容量不能低于该数。",
        Code::ChainNameTaken => "该链名称已存在，请换一个。",
        Code::ChainNameUnconfirmed => "输入的名称与链名称不一致，请准确输入。",
        Code::ChainState => "链处于 {state} 状态时不能执行此操作。允许的状态：{allowed}。",
        Code::ChainBusy => "另一操作正在处理本链。请等待其结束，或将其取消。",
        Code::TooFewOrganizations => "链至少需要一个组织，请添加。",
        Code::TooManyOrganizations => "一条链最多 {max} 个组织，现有 {count} 个，请减少。",
        Code::TooManyPeers => "一条链最多 {max} 个 Peer 节点，现有 {count} 个，请减少。",
        Code::OrganizationTwice => "组织 {name} 重复，或该名称保留给排序组织，请换一个。",
        Code::OrdererCountRaft => "Raft 需要 1、3 或 5 个排序节点，而不是 {count} 个，请重新选择。",
        Code::OrdererCountBft => "BFT 需要 4 或 7 个排序节点，而不是 {count} 个，请重新选择。",
        Code::BftNeedsVersion3 => "BFT 需要 Fabric 3.1。请选择该版本，或使用 Raft。",
        Code::PreflightFailed => "创建前检查未通过。请按提示修正后重新检查。",
        Code::ImageMissing => "所需镜像不在主机上且无法拉取。请将其导入主机，或修改主机的镜像名称。",
        Code::ImageOutsideRules => "该镜像不在主机的允许范围内，请联系管理员或运维人员批准。",
        Code::PortTaken => "所需端口在主机上已被占用。请释放该端口或更换端口范围。",
        Code::NodeNotHealthy => "有节点未能就绪。其日志末尾说明了原因，修正后继续。",
        Code::NodeDataLost => "节点的数据已丢失，不能以原身份重启。请移除后重新添加。",
        Code::OperationState => "操作的当前状态不允许此动作。请刷新查看，它可能已有进展。",
        Code::OperationInterrupted => "门户在此步骤期间停止。请继续或撤销该操作。",
        Code::StepPanicked => "该步骤因门户自身故障而中断。请继续；若再次失败，请复制报告寻求支持。",
        Code::StepTimeout => "该步骤超时。请检查主机是否过载，然后继续。",
        Code::AttemptsUsedUp => "该步骤多次尝试均未成功。请根据记录修正原因后继续。",
        Code::UndoFailed => "撤销操作失败。请根据记录修正原因后再次撤销。",
        Code::PlanVersionUnknown => {
            "该操作由另一版本的门户发起，当前版本无法识别。请运行原版本，或撤销操作。"
        }
        Code::ChannelExists => "该通道名称已存在，请换一个。",
        Code::ChaincodeNameReserved => "名称 {name} 由 Fabric 保留，请换一个。",
        Code::ChaincodeVersionMalformed => "版本只能包含字母、数字和 _ . + - 符号，最多 40 个字符，请修正。",
        Code::PolicyMalformed => {
            "背书策略无法解析。请写成 OR('Org1MSP.peer','Org2MSP.peer') 的形式，并使用本链的组织。"
        }
        Code::SequenceConflict => "期间他人已更改该链码。请刷新页面后重新部署。",
        Code::NotApproved => "批准该定义的组织不足。请按就绪情况表为缺少的组织批准。",
        Code::NotInstalled => "所需的节点上未安装链码包。请重新部署以安装。",
        Code::ChaincodeNotDefined => "该通道上没有定义此链码，请先部署。",
        Code::ChaincodeUnreachable => "节点无法连接链码容器。请检查其是否运行，日志见节点页面。",
        Code::ChaincodeError => "链码拒绝了该调用，请检查函数和参数。",
        Code::ChaincodeNeedsInit => "链码需要先初始化，请先提交初始化调用。",
        Code::ArgumentsNotJson => "参数不是 JSON 数组。请写成 [\"a\",\"b\",\"10\"] 的形式。",
        Code::ArgumentsTooLarge => "参数过大，最多 {max} 字节。",
        Code::EndorsementMismatch => {
            "各节点的计算结果不一致，未提交任何内容。请检查链码中是否使用了时间或随机数，然后重试。"
        }
        Code::EndorsementPolicyFailure => "背书不满足策略，账本未改变。请检查所需组织的节点是否都在运行。",
        Code::MvccConflict => "另一交易同时修改了相同的键，本交易无效。请重新提交。",
        Code::PhantomConflict => "范围查询的结果期间发生变化，本交易无效。请重新提交。",
        Code::TransactionInvalid => "通道判定交易无效（{code}）。账本未改变，请检查后重新提交。",
        Code::TransactionTimeout => {
            "未能及时看到提交结果，交易仍可能生效。请先查看交易页面再决定是否重新提交。"
        }
        Code::NoEndorsers => "没有节点能为此调用背书。请检查所需组织的节点是否运行并已安装链码。",
        Code::NoLeader => "排序节点目前没有领导者。请稍候；若持续，请检查是否有多数节点在运行。",
        Code::AccessDenied => "链拒绝了该身份。请选择其他组织，或检查通道的访问规则。",
        Code::CertificateExpired => "证书已过期。请更新证书并检查各机器的时钟。",
        Code::ClockSkew => "门户与主机的时钟相差过大，请用时间服务器校准。",
        Code::NodeUnavailable => "所需的节点没有响应。请在链页面检查其是否运行，日志见节点页面。",
        Code::Overloaded => "请求过多，请稍候重试。",
        Code::FabricOther => "Fabric 因其自身原因拒绝了请求，详情见节点日志。",
        Code::Internal => "门户内部出错。请重试；若仍出现，请将请求编号告知维护人员。",
    }
}
