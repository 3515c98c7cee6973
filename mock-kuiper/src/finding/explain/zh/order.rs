//! 控制通道：`order.*`。

use super::translation::Translation;

pub(in super::super) static UNANSWERED: Translation = Translation {
    title: "命令没有按时得到回复",
    observed: "在控制通道上发送了启动或停止命令，但在回复超时之前没有收到回复。",
    effect: "eKuiper 没有任何提示：它会等待一个小时，规则为 `running`，但没有数据。一个插件的所有命令逐条发送，因此它的其他规则这期间既不能启动也不能停止，而创建用到该插件函数的规则时，`POST /rules` 不会返回。",
    cause: "`configure` 或 `close` 在等待：等待没有响应的服务器、锁，或者不结束的线程；也可能是目标在等待发送方，而发送方要在 `ok` 之后才连接。从 2.1.3 起，以 `h` 开头的回复视同没有回复：eKuiper 会把 `have a look at url` 当作握手消息，并以每秒数千次的频率重新发送该命令。",
    remedies: &[
        "立即回复，之后再连接，并设置时限。错误文本不要以 `h` 开头。",
        "可能需要等待的操作放在 `open` 中；`configure` 中的操作要设超时。SDK 绝不会发送以 `h` 开头的文本。",
        "`configure` 和 `close` 运行期间 eKuiper 一直在等待：请为每个连接设置超时。",
        "`Configure` 和目标的 `Close` 运行期间 eKuiper 一直在等待：请为每个连接设置超时。",
    ],
};

pub(in super::super) static REFUSED: Translation = Translation {
    title: "对命令的回复是错误",
    observed: "插件对启动或停止命令的回复不是 `ok`，而是其他文本。",
    effect: "启动被拒绝时，规则会停止，原因就是插件给出的文本。从 2.3 起，规则状态中没有原因：`\"message\"` 为空，该文本只出现在日志中。如果被拒绝的是函数，`POST /rules` 会失败。停止被拒绝时没有任何提示：规则算作已停止，但插件的 `refCount` 仍保留着它，并且启动命令会再次发送给下一个进程。",
    cause: "`configure` 失败：缺少某个配置项或其类型不对，或者无法连接服务器。在 2.x 上，`sources/NAME.yaml` 中的键会以小写形式传入，除非 `sources/NAME.json` 中列出了它们；流的 DATASOURCE 在 `config.datasource` 中。也可能是 json 文件中的符号在程序中不存在。使用 2.x 版 Go 或 Python SDK 的目标无法在 1.14 之前的 eKuiper 上启动，因为这些版本没有可供它连接的 ack 通道。",
    remedies: &[
        "查看日志中的 TEXT，在流的 CONF_KEY 或动作中设置相应的配置项。错误文本应当指明配置项的名称和期望的值。",
        "使用 `config.parse::<Settings>()` 解析：错误会指明路径和期望的类型。在 `PluginConfig` 中注册 json 文件里的每个符号。",
        "TEXT 是 traceback，其最后一行说明失败的原因。`KeyError: 'SYMBOL'` 表示 `PluginConfig` 中缺少该符号。",
        "`symbol not found` 表示 `runtime.PluginConfig` 中缺少该符号。",
    ],
};

pub(in super::super) static GREETING: Translation = Translation {
    title: "对命令的回复是握手消息，而该版本把它当作错误",
    observed: "本应收到回复时收到了又一条握手消息，而所模拟的版本早于 2.1.3。",
    effect: "2.1.3 之前的 eKuiper 把握手消息当作回复，并停止本来可以运行的规则。从 2.1.3 起，它会重新发送命令，一切正常。",
    cause: "插件因空闲而再次握手：Python SDK 2.4 每当 5 秒内没有命令就会这样做。也可能是插件在命令与回复之间重新连接了。",
    remedies: &[
        "每个连接只握手一次，等待命令时不设时限；或者使用 eKuiper 2.1.3 或更高版本。",
        "在任何版本上，SDK 的每个连接都只握手一次。",
        "SDK 等待命令的时限无法更改：请使用 eKuiper 2.1.3 或更高版本。",
    ],
};

pub(in super::super) static ANSWERED_TWICE: Translation = Translation {
    title: "命令又以过期的 id 发送了一次，结果得到两次回复",
    observed: "mock-kuiper 先以插件已经放弃的请求的 id 发送了一条命令，再以正确的 id 发送了一次；两次都得到了回复。",
    effect: "eKuiper 会把第二个回复当作下一条命令的回复。于是，正常的规则会因另一条规则的错误而停止，或者被拒绝的启动算作成功。日志中没有任何说明；下面这行日志指向的是一条并没有失败的规则。",
    cause: "REQ 套接字接受了 id 与最近一次请求不同的回复，或者会自行重发上一次的回复。Go SDK 2.4.0 属于后者：它把普通的 0 传给 `RETRY-TIME`，mangos 不接受，所以一分钟后会重发回复。",
    remedies: &[
        "丢弃 id 与最近一次请求不同的回复，并关闭 REQ 的重发（NNG：resend time 设为 0）。",
        "SDK 两者都已做到。",
        "该选项需要 `time.Duration(0)`；这需要修改 SDK。",
    ],
};

pub(in super::super) static NONSENSE_ACCEPTED: Translation = Translation {
    title: "对不是命令的字节回复了 `ok` 或握手消息",
    observed: "mock-kuiper 发送了不是命令的字节，而回复是 `ok` 或以 `h` 开头。",
    effect: "eKuiper 没有任何提示，它自己也不会发送这样的字节。但是，如果插件对看不懂的内容回复 `ok`，那么对将来版本的新命令也会如此：规则为 `running`，但没有数据。",
    cause: "在解码并执行命令之前就发出了回复，或者异常被吞掉了。",
    remedies: &[
        "最后才回复 `ok`；只要有任何失败，就回复一段不以 `h` 开头的错误文本。",
        "SDK 会回复错误文本。",
    ],
};

pub(in super::super) static SYMBOL_UNKNOWN: Translation = Translation {
    title: "插件中没有 json 文件所列出的某个符号",
    observed: "json 文件列出了某个源、目标或函数，而插件对其启动命令回复了错误，表示不认识这个名称。",
    effect: "插件可以安装，eKuiper 也会提供该符号。但每条使用它的规则都会停止，原因是插件给出的文本，与其他被拒绝的启动相同。",
    cause: "json 文件中的名称与插件配置（`PluginConfig`）中的不一致，例如大小写不同，或者只在其中一处改了名。",
    remedies: &[
        "在 json 文件、界面元数据文件的文件名和插件配置中使用同一个名称。",
        "名称是 `source`、`sink` 和 `function` 的第一个参数。",
        "名称是 `PluginConfig` 中各字典的键。",
        "名称是 `runtime.PluginConfig` 中各 map 的键。",
    ],
};
