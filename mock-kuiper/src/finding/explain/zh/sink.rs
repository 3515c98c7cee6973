//! 目标及其 ack：`sink.*` 和 `ack.*`。

use super::translation::Translation;

pub(in super::super) static NOT_LISTENING: Translation = Translation {
    title: "目标在开始监听之前就回复了启动命令",
    observed: "目标对启动命令回复了 `ok`，但 mock-kuiper 无法立即连接它的数据通道。",
    effect: "eKuiper 在收到 `ok` 之后立即连接，而且只连接一次，失败则停止规则。从 2.3 起，原因只出现在日志中。如果规则的数据恰好同时到达，2.4.0 还会输出一次它自己的 panic。",
    cause: "套接字是在实例的线程中、在发送 `ok` 之后才打开的；或者像源那样主动连接，而目标应当监听。",
    remedies: &[
        "在发送 `ok` 之前监听 `/tmp/RULE_OP_INSTANCE.ipc`。如果那里留有无人监听的套接字文件，先删除它。Rust、Python 和 Go SDK 都先监听。",
    ],
};

pub(in super::super) static WRONG_SOCKET: Translation = Translation {
    title: "目标监听的套接字不是 PULL",
    observed: "mock-kuiper 连接了目标的数据通道，但对方的握手不属于 PULL 套接字。",
    effect: "eKuiper 停止规则。从 2.3 起，原因只出现在日志中。",
    cause: "目标打开的是 PAIR、REP 或 SUB，或者是没有 Scalability Protocols 握手的普通套接字。",
    remedies: &["打开 PULL 套接字（NNG：`Pull0`）。各 SDK 都是这样做的。"],
};

pub(in super::super) static STILL_LISTENING: Translation = Translation {
    title: "目标停止之后仍在监听",
    observed: "目标对停止命令回复了 `ok`，但一秒之后它的地址仍被占用。",
    effect: "eKuiper 在停止时没有任何提示。下次启动规则时，新实例无法监听，因而拒绝启动；或者 eKuiper 连接到旧实例，旧实例收下数据却不做任何处理。",
    cause: "读取套接字的线程结束时才关闭套接字，而该线程还在等待下一条数据；或者子进程继承了套接字。",
    remedies: &[
        "在回复停止命令之前关闭套接字。如果插件会启动其他进程，打开套接字时要设置 close-on-exec。",
        "SDK 会先关闭它。",
        "`close` 中的异常会使 SDK 无法关闭套接字：请捕获它。",
        "`Close` 必须返回：SDK 在此之后才关闭套接字。",
    ],
};

pub(in super::super) static ROW_NOT_TAKEN: Translation = Translation {
    title: "目标没有按时接收数据",
    observed: "目标已连接，但缓冲区已满，一条数据在 eKuiper 的发送时限之内无处可放。",
    effect: "eKuiper 起初没有任何提示：缓冲区可容纳 130 到 170 条数据，它们都计为已发送。之后每条数据都要等到发送超时（从 2.1 起为 5 秒，之前为 1 秒），然后丢失，除非目标启用了缓存；排在后面的数据会被丢弃。1.x 不把这两者写入日志，只在规则状态中显示。",
    cause: "`collect` 的处理速度赶不上规则，或者永远在等待。常见的情况是等待发送 ack：没有 `requireAck` 时 eKuiper 不读取 ack，几百条数据之后 ack 通道就满了。",
    remedies: &[
        "只在设置了 `requireAck` 时发送 ack，或者丢弃无法发送的 ack。为 `collect` 中的每个调用设置时限。",
        "SDK 从不等待 ack 被读取。`collect` 必须返回；耗时的工作放到线程中，并使用有上限的队列。",
        "只有配置中设置了 `requireAck` 时才调用 `ctx.ack_ok()`。",
        "使用 2.2.2 或更高版本的 SDK：它不发送 ack。",
    ],
};

pub(in super::super) static UNREACHABLE: Translation = Translation {
    title: "目标关闭了连接，并且无法再次连接",
    observed: "目标关闭了传输数据的连接，而 mock-kuiper 无法重新连接。",
    effect: "eKuiper 起初没有任何提示：它会尝试重新连接，有 130 到 170 条数据计为已发送，尽管没有任何目标收到它们。之后每条数据都在发送超时后失败。规则一直是 `running`。",
    cause: "`collect` 中的错误结束了实例，而进程还在运行。也可能是一条数据超过了目标的套接字所能接收的长度：除非另行设置，数据超过 1 MiB 时 NNG 和 mangos 会关闭连接。",
    remedies: &[
        "出错之后，以及发送方断开之后，都要继续监听。把套接字的接收上限设为 0。",
        "`collect` 的错误只影响该条数据；panic 会结束实例。",
        "`collect` 中的异常会结束目标：请在其中捕获所有异常。",
        "SDK 保留了 1 MiB 的上限：请减小每条数据，例如使用 `sendSingle`。",
    ],
};

pub(in super::super) static ACK_MISSING: Translation = Translation {
    title: "目标没有按时发送 ack",
    observed: "设置了 `requireAck`，发送了一条数据，但在回复超时之前没有收到 ack。",
    effect: "eKuiper 没有任何提示：它无限期地等待，不再发送数据。规则一直是 `running`，`sink_OP_0_records_in_total` 为 1，`sink_OP_0_records_out_total` 为 0。缓冲区满了之后，后面的数据会被丢弃，停止规则也要多花 5 秒。",
    cause: "目标根本不发送 ack（2.2.2 到 2.4.0 的 Go SDK），在某个分支上漏发，或者先攒够数据再发送 ack：而 eKuiper 要收到第一个 ack 之后才发送第二条数据。",
    remedies: &[
        "对每条消息发送 `{}` 或 `{\"error\":\"text\"}`，或者在动作中去掉 `requireAck`。要攒批，请在动作中设置 `batchSize`：一批就是一条消息。",
        "`collect` 的返回值就是 ack。使用 `acks_by_hand` 的目标必须自己对每条消息发送 ack。",
        "在 `collect` 的每个分支上调用 `ctx.ack_ok()` 或 `ctx.ack_error(text)`。",
        "2.2.2 到 2.4.0 的 SDK 不发送 ack：不要设置 `requireAck`。",
    ],
};

pub(in super::super) static ACK_INVALID: Translation = Translation {
    title: "ack 既不是 `{}` 也不是 `{\"error\":\"text\"}`",
    observed: "设置了 `requireAck`，但对数据的回复不是 JSON 对象，或者其中的 `error` 不是文本。",
    effect: "eKuiper 将该条数据计为目标的一次异常，然后处理下一条。它不认为这是 I/O 错误，所以即使目标启用了缓存，也不会重新发送该数据。",
    cause: "ack 是 `ok`，与对命令的回复一样；或者是错误码，而不是文本。",
    remedies: &[
        "发送 `{}` 这两个字节，或者发送 `error` 为非空文本的对象。",
        "ack 由 SDK 生成。",
        "向 `ctx.ack_error` 传入 `str`，例如 `str(error)`。",
    ],
};

pub(in super::super) static ACK_ERROR: Translation = Translation {
    title: "目标报告某条数据处理失败",
    observed: "设置了 `requireAck`，目标对一条数据回复了 `{\"error\":\"text\"}`。",
    effect: "eKuiper 将该条数据计为目标的一次异常并继续运行。这属于 I/O 错误：如果目标启用了缓存（`enableCache`），会重新发送该数据，否则数据丢失。",
    cause: "目标无法送出该数据：这是协议的正常行为。也可能是目标无法读取该数据：没有 `sendSingle` 时，数据是对象的数组；使用 `dataTemplate` 或其他 `format` 时，数据不一定是 JSON。",
    remedies: &[
        "查看 TEXT。只报告稍后可能成功的错误；启用缓存时，永远无法保存的数据会反复发送。",
        "TEXT 是 `collect` 返回的错误。用 `data.rows()` 读取数据，它接受对象或数组。",
        "TEXT 是传给 `ctx.ack_error` 的文本。",
    ],
};

pub(in super::super) static HUNG_UP: Translation = Translation {
    title: "目标在运行期间关闭了通道",
    observed: "目标关闭了数据通道或 ack 通道，并且一秒之内没有恢复，而它并没有收到停止命令。",
    effect: "eKuiper 起初没有任何提示：它会重新连接数据通道，数据计为已发送，尽管没有任何目标收到它们。缓冲区满了之后，每条数据都在发送超时后失败。规则一直是 `running`。",
    cause: "`collect` 或 `open` 中的错误结束了实例，而进程还在运行。",
    remedies: &[
        "出错之后要让实例继续运行：如果规则要求 ack，就用错误回复该数据，否则写入日志。",
        "`collect` 的错误只影响该条数据；panic 会结束实例。",
        "`collect` 中的异常会结束目标：请在其中捕获所有异常。",
    ],
};

pub(in super::super) static UNREAD: Translation = Translation {
    title: "目标不再读取数据",
    observed: "数据已经发送，停留在套接字的缓冲区中，而在回复时限之内目标一条也没有读取。",
    effect: "eKuiper 起初没有任何提示：缓冲区中的数据计为已发送。缓冲区满了之后，每条数据都在发送超时后失败。规则停止时仍在缓冲区中的数据会丢失。",
    cause: "目标被阻塞：在发送无人读取的 ack、在写入很慢的设备，或者在等待锁；也可能是它的线程已经结束，而套接字仍然打开。",
    remedies: &[
        "始终读取数据，为耗时的工作设置时限，并且只在设置了 `requireAck` 时发送 ack，或者丢弃无法发送的 ack。",
    ],
};
