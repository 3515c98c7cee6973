//! 与机器或安装包有关的文本，顺序与 [`other_texts`](super::super::other_texts) 相同。

pub(in super::super) static MEANINGS: [&str; 6] = [
    "zip 的最外层是一个目录，或者请求中的名称与 json 文件的名称不一致。`PLUGIN.json` 必须位于最外层。`mock-kuiper check` 能发现这个问题，`mock-kuiper pack` 能避免它。",
    "zip 中缺少 json 文件所指定的可执行文件，或者缺少某个源的 `sources/NAME.yaml`。`mock-kuiper check` 会列出缺少的文件。",
    "文件存在，但缺少它的解释器或 C 库：例如在 eKuiper 的 Alpine 镜像中运行依赖 glibc 的二进制文件。请静态链接（Rust：使用 `musl` 编译目标；Go：`CGO_ENABLED=0`），或者使用 Debian 镜像。`mock-kuiper check` 会指出该二进制文件需要什么。",
    "eKuiper 无法写入 `/tmp`，而它的所有套接字都在那里。请在容器中挂载可写的 `/tmp`。",
    "另一个程序正在监听 `/tmp/plugin_PLUGIN.ipc`：本机上的另一个 eKuiper，或者共用 `/tmp` 的 mock-kuiper。请结束其中一个。",
    "eKuiper 1.14 不会关闭目标的 ack 通道，因此使用 Portable 插件目标的规则停止之后，在 eKuiper 重启之前无法以原名再次启动。请以其他名称创建规则，或者使用其他版本。从 2.0 起，只有当设置了 `requireAck` 的目标还有 ack 没有发出时才会发生。",
];
