//! Chinese, of nodes: where they run, and why one does not.

use crate::text::table::NodeText;

/// The texts.
pub const TEXT: NodeText = NodeText {
    restarts: "重启次数",
    last_exit: "上次退出",
    exit_code_n: "退出码 {n}",
    machine: "所在机器",
    which_process: "进程",
    process_now: "当前进程",
    process_before: "上一个进程",
    no_earlier_lines: "主机没有保留此节点之前进程的日志。",
    image_not_on_host: "机器上没有该镜像，也不会去拉取。请在主机页面上把镜像送到主机，或在各机器上导入。",
    image_not_in_registry: "镜像仓库中没有该镜像。请在主机页面更正镜像名称，或把镜像推送到仓库。",
    image_denied: "镜像仓库拒绝访问该镜像。请为主机提供仓库凭据，或检查该凭据是否有权读取此镜像。",
    registry_unreachable: "主机无法连接镜像仓库。请检查其网络、域名解析和代理；之后会自动重新拉取镜像。",
    image_not_pulled: "镜像无法拉取，稍后会自动重试。请在主机页面检查镜像名称和镜像仓库。",
    image_name_malformed: "镜像名称不合法。请在主机页面更正名称；如有仓库前缀，也请检查前缀。",
    no_machine: "没有机器可以运行此节点。请腾出资源、增加机器，或降低所需的 CPU 和内存；并检查主机设置允许使用哪些机器。",
    machine_out_of_sight: "节点所在的机器没有响应。请恢复该机器，或将其从集群中移除，以便节点在别处运行。",
    out_of_memory: "进程因内存不足被终止。请为节点分配更多内存，或在其机器上释放内存。",
    ends_again: "进程反复退出，每次都会重新启动。其日志的最后几行会说明原因。",
    not_well: "进程正在运行，但节点未报告自身健康。如果持续如此，请查看其日志，也可尝试重启。",
    moved_away: "集群已将节点从其机器上移走，节点会自动在别处启动。请检查该机器的磁盘和内存。",
    cannot_be_made: "节点无法创建：缺少它所需的内容。请停止该链后再启动，节点所需的内容会重新创建。",
    cannot_start: "进程无法启动。请检查镜像是否为节点镜像，以及是否适合该机器的体系结构。",
    not_allowed: "集群的配额或规则不允许创建此节点。请提高配额或修改规则，之后节点会自动创建。",
    not_mounted: "节点的数据或文件无法挂载。请检查主机的存储：存储服务器、访问权限，以及卷是否被其他机器占用。",
    no_volume: "没有为节点数据创建卷。请检查主机的存储类，以及是否还有空间创建新卷。",
    no_network: "机器无法为节点提供网络。请检查该机器上的集群网络插件。",
    data_going: "有人正在删除节点的数据：进程结束时数据就会消失。请先备份其内容，在此之前不要停止节点。",
    paused: "有人在主机上暂停了该进程。请在主机上恢复它，或重启该链。",
    other_reason: "主机给出了自己的说明。请检查主机和节点日志。",
};
