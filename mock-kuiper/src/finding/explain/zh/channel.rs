//! 连接：`channel.*`。

use super::translation::Translation;

pub(in super::super) static NOT_DIALED: Translation = Translation {
    title: "插件没有按时连接通道",
    observed: "mock-kuiper 在通道的地址上监听，但插件没有连接：既可能是首次连接，也可能是断线后的重连。",
    effect: "对于函数，eKuiper 的每个请求要等待 5 秒，并拒绝所有调用该函数的规则，而插件状态一直是 `running`。对于源，eKuiper 没有任何提示：规则为 `running`，但没有数据。对于控制通道同样没有任何提示：命令会等待一个小时。",
    cause: "负责该通道的线程已经结束，或者断线后没有重连。使用 Go SDK 2.4.0 的函数会自行结束：SDK 空闲时每 5 秒发送一次握手消息，而 eKuiper 只在调用时才读取，大约 23 分钟后套接字就再也容纳不下新的握手消息（#4077；#3784 报告了 2.2.0 上的同样文本）。崩溃之后，eKuiper 只启动最后启动的那个函数；其余函数要等到 eKuiper 重启或插件更新后才能恢复。",
    remedies: &[
        "只要实例在运行，就要不断重连每个通道，直到接通；每个连接只握手一次，不要因为空闲而再次握手。要恢复失去的函数，请重启 eKuiper 或更新插件。",
        "SDK 已经这样做。",
        "不要让函数的回调抛出 `SystemExit`；普通异常会作为错误回复。",
        "至少每 20 分钟调用一次每个函数，或者使用空闲时不发送握手消息的 SDK。",
    ],
};

pub(in super::super) static PROTOCOL: Translation = Translation {
    title: "插件在通道上违反了 Scalability Protocols",
    observed: "连接上的字节与该通道应有的套接字不符：握手时声明了另一种套接字类型、帧被截断或过长，或者请求没有 id。",
    effect: "eKuiper 没有任何提示：它的套接字会关闭连接或丢弃消息，日志中没有记录。源没有数据，函数超时，命令得不到回复。eKuiper 1.x 对所有超过 1 MiB 的消息都这样处理。",
    cause: "套接字类型错误，协议是自行实现的，或者向 1.x 版本发送了超过 1 MiB 的数据或回复。",
    remedies: &[
        "控制通道和函数用 REQ，源发送数据和目标发送 ack 用 PUSH，目标接收数据用 PULL。REQ 套接字的 id 为 4 个字节，最高位为 1。发往 1.x 的消息要小于 1 MiB。",
        "套接字由 SDK 管理，您只需注意消息的大小。",
        "SDK 的目标收到超过 1 MiB 的数据时会关闭连接：请减小每条数据，例如使用 `sendSingle`。",
    ],
};

pub(in super::super) static HALF_FRAME: Translation = Translation {
    title: "插件开始发送一条消息，却没有发完",
    observed: "帧声明的字节数多于实际到达的字节数，而连接一直打开，却不再有字节到达。",
    effect: "eKuiper 没有任何提示：它的套接字等待消息的剩余部分，这个连接上后续的内容都不会被读取。源的规则为 `running`，但没有数据。",
    cause: "消息前面的长度不对，例如按字符而不是按字节计数，或者没有算上 id 的 4 个字节。也可能是发送线程在消息发到一半时结束了。",
    remedies: &[
        "长度写为 8 个字节，高位在前：其值为消息体的字节数，在控制通道和函数通道上还要加上 id。如果无法发完一条消息，请关闭连接。",
        "SDK 只发送完整的帧。",
    ],
};
