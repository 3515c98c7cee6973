//! 函数：`function.*`。

use super::translation::Translation;

pub(in super::super) static UNANSWERED: Translation = Translation {
    title: "函数没有按时回复请求",
    observed: "在函数的通道上发送了一个请求，但在 eKuiper 的 5 秒时限之内没有收到回复。",
    effect: "该条数据的调用失败；如果请求是 `Validate`，规则会被拒绝。插件状态和规则状态一直是 `running`。一个函数为所有规则服务，一次只处理一个调用，因此这期间数据会积压。迟到的回复会在下一次调用时被丢弃。",
    cause: "`exec` 超过 5 秒，例如模型的首次调用，或者服务器没有响应；也可能是它的线程已经结束。使用 Go SDK 2.4.0 时，函数空闲约 23 分钟之后就再也不会回复（#4077）。",
    remedies: &[
        "耗时的工作在第一次调用之前或在线程中完成，调用时返回最近的结果。从 2.1 起，可以调大 `kuiper.yaml` 中 `portable` 一节的 `recvTimeout`；但所有调用该函数的规则都会因此等待。",
        "在创建函数时加载，即在传给 `PluginConfig::function` 的闭包中。",
        "在函数的构造函数中加载，不要放在 `exec` 中。",
        "在构造函数中加载。至少每 20 分钟调用一次该函数；一旦没有回复，只有重启插件才有用。",
    ],
};

pub(in super::super) static INVALID_ANSWER: Translation = Translation {
    title: "函数对请求的回复无效",
    observed: "对请求的回复不是带有布尔值 `state` 的对象。",
    effect: "该条数据的调用失败；如果请求是 `Validate`，规则会被拒绝。如果请求是 `IsAggregate`，规则会运行，但函数算作非聚合函数：聚合函数于是收到单个值。",
    cause: "结果是 JSON 没有的值，例如 NaN、无穷大或二进制数据：这时 Go SDK 发送空的回复，Python SDK 写入 `NaN`。也可能是回复由手工拼接而成。",
    remedies: &[
        r#"回复 `{"state":true,"result":…}` 或 `{"state":false,"result":"text"}`；对 `IsAggregate` 回复布尔值。"#,
        "回复由 SDK 生成；非有限的浮点数会变成 `null`。",
        "返回 `json.dumps` 能写成 JSON 的值：用 `None` 代替 `float('nan')`，用 `list` 代替 numpy 数组；`is_aggregate` 返回 `True` 或 `False`。",
        "返回 `json.Marshal` 能接受的值：先用 `math.IsNaN` 和 `math.IsInf` 检查。",
    ],
};

pub(in super::super) static ERROR: Translation = Translation {
    title: "函数对调用回复了错误",
    observed: "对请求的回复中 `state` 为 false。",
    effect: "对规则而言，该条数据丢失；错误计在算子上，而不是源或目标上。如果启用了 `sendError`（1.x 默认启用），错误会作为一条数据发送给目标。如果请求是 `Validate`，规则会被拒绝。`IsAggregate` 的 `state` 为 false 时，函数算作非聚合函数。",
    cause: "某个参数的类型与函数所期望的不同：数据中没有的列为 `null`，窗口为空时聚合函数收到 `null`。也可能是 `Validate` 在统计参数个数：没有参数的调用，其参数列表为 `null`。",
    remedies: &[
        "查看 TEXT。每个参数都要允许为 `null`，错误也要带有文本。",
        "`args.parse::<Option<f64>>(0)` 接受 `null`；聚合函数的参数总是列表。",
        "TEXT 是 traceback，其最后一行说明失败的原因。一切正常时，`validate` 必须返回 `\"\"`。",
        "把 `err.Error()` 作为 `Exec` 的第一个返回值：`error` 本身会被编码为 `{}`。数字以 `float64` 传入。",
    ],
};
