//! 源及其数据：`source.*` 和 `row.*`。

use super::translation::Translation;

pub(in super::super) static STARTED_TWICE: Translation = Translation {
    title: "再次启动之后，源的连接数比之前多",
    observed: "对正在运行的源再次发送了启动命令，之后该源在其数据通道上有不止一个连接。",
    effect: "eKuiper 没有任何提示：每条数据到达两次，`source_STREAM_0_records_in_total` 的增长速度也加倍。这种情况发生在崩溃之后：eKuiper 重放启动命令时发送一次，重启的规则又发送一次。",
    cause: "每次启动都新建实例，而不检查是否已有实例在运行。Go SDK 2.4.0 就是这样。",
    remedies: &[
        "按规则 id、算子 id、实例 id 和符号保存实例。再次收到参数相同的启动命令时，只回复 `ok`，不做改动；参数不同时，先停止旧实例。",
        "SDK 已经这样做。",
        "自行用 map 保存正在运行的源，并让第二个源的 `Open` 结束第一个。",
    ],
};

pub(in super::super) static ROW_MISSING: Translation = Translation {
    title: "源没有按时发送数据",
    observed: "源对启动命令回复了 `ok`，但在时限之内没有发送任何数据。",
    effect: "eKuiper 没有任何提示：规则为 `running`，`source_STREAM_0_records_in_total` 和 `source_STREAM_0_exceptions_total` 一直为 0。",
    cause: "`open` 在等待设备或服务器，或者已经失败而错误只出现在插件自己的输出中，或者轮询得比预期慢。在 2.x 上，Go 和 Python SDK 传给 `configure` 的 DATASOURCE 为空，并且 yaml 中的键以小写形式传入：源没有订阅到任何内容。",
    remedies: &[
        "在 eKuiper 的日志中查找插件自己的输出。在 2.x 上，从配置项 `datasource` 读取 DATASOURCE，并在 `sources/NAME.json` 中列出各配置项的名称。",
        "`open` 返回的错误会写入日志。在任何版本上，`configure` 都能得到 DATASOURCE。",
        "参数 `datasource` 在所有版本上都为空（SDK 2.4.2）。在 2.x 上读取 `conf['datasource']`，在 1.x 上读取自定义的属性。",
        "在 2.x 上读取 `props[\"datasource\"]`：参数 `datasource` 为空。",
    ],
};

pub(in super::super) static NOT_JSON: Translation = Translation {
    title: "数据不是 JSON",
    observed: "源发送的字节不是 JSON。",
    effect: "eKuiper 跳过该消息并继续运行。2.x 将其计为源的一次异常；1.x 只写日志，而且如果源只发送这样的消息，就无法停止它：规则停止之后它仍继续运行。",
    cause: "数据是文本或二进制，或者包含 JSON 没有的数值：NaN 或无穷大。",
    remedies: &[
        r#"发送由 JSON 库编码的 `{"message":{…},"meta":null}`；二进制数据放入 base64 字符串。"#,
        "`ctx.emit` 不可能发送其他内容：NaN 会变成 `null`。",
        "`json.dumps` 会把 `float('nan')` 写成 `NaN`：请在 `ctx.emit` 之前换成 `None`。",
    ],
};

pub(in super::super) static NOT_OBJECT: Translation = Translation {
    title: "数据是 JSON，但不是对象",
    observed: "源发送的 JSON 不是对象，例如是数组或数字。",
    effect: "eKuiper 跳过该消息并继续运行。2.x 将其计为源的一次异常；1.x 只写日志。",
    cause: "把多条数据作为一个数组发送。也可能是使用 Go SDK 2.4.0 的源用了 `Open` 的错误通道：SDK 会把该错误作为 JSON 文本发送，并结束该源。",
    remedies: &[
        r#"每条数据发送一条消息：`{"message":{…},"meta":null}`。"#,
        "每条数据调用一次 `ctx.emit`。",
        "每条数据调用一次 `ctx.emit`。",
        "用 `ctx.GetLogger().Errorf` 把错误写入日志，不要发送到错误通道。",
    ],
};

pub(in super::super) static NO_MESSAGE: Translation = Translation {
    title: "数据中没有 `message`",
    observed: "源发送的 JSON 对象中没有 `message`，或者其值为 `null`。",
    effect: "eKuiper 没有任何提示：它把一条没有列的数据交给规则。该数据计为已接收，`SELECT *` 的结果是 `{}`，每一列都是 `null`。",
    cause: "各列直接放在了数据的顶层，例如 `{\"temperature\":20}`。",
    remedies: &[
        r#"把各列包在 message 中：`{"message":{"temperature":20},"meta":null}`。"#,
        "`ctx.emit(columns)` 会进行包装。",
        "`ctx.emit(columns, None)` 会进行包装；不要把 `None` 作为列传入。",
        "发送 `api.NewDefaultSourceTuple(columns, nil)`，其中的 map 不能为 `nil`。",
    ],
};

pub(in super::super) static MESSAGE_NOT_OBJECT: Translation = Translation {
    title: "数据的 `message` 不是对象",
    observed: "源发送的数据中，`message` 是数组、文本或数字。",
    effect: "eKuiper 跳过该消息并继续运行。2.x 将其计为源的一次异常；1.x 只写日志。",
    cause: "把多条数据的列表或单个值作为一条数据发送。",
    remedies: &[
        "列表中的每条数据要单独发送；单个值要放入一个列中。",
        "`ctx.emit` 会返回 `EmitError::NotAnObject`，不发送任何内容：请发送结构体或 map。",
        "向 `ctx.emit` 传入 `dict`。",
    ],
};

pub(in super::super) static META_NOT_OBJECT: Translation = Translation {
    title: "数据的 `meta` 既不是对象也不是 `null`",
    observed: "源发送的数据中，`meta` 是数组、文本或数字。",
    effect: "尽管 `message` 正确，eKuiper 仍会跳过整条数据。2.x 将其计为源的一次异常；1.x 只写日志。",
    cause: "把主题或时间直接作为 `meta` 传入，而没有给它命名。",
    remedies: &[
        r#"给它一个名称，例如 `{"topic":"t/1"}`，或者发送 `null`。"#,
        "`ctx.emit` 会返回 `EmitError::NotAnObject`：请传入结构体、map 或 `()`。",
        "向 `ctx.emit` 传入 `dict` 或 `None`。",
    ],
};

pub(in super::super) static ERROR: Translation = Translation {
    title: "数据是 `{\"error\":\"text\"}`，而 eKuiper 不会把它当作错误",
    observed: "源没有发送数据，而是发送了 `{\"error\":\"text\"}`。",
    effect: "eKuiper 没有任何提示：错误文本会丢失。它把一条没有列的数据交给规则，计为已接收，不计异常。",
    cause: "使用了 SDK 的报错接口：它发送的就是这条消息，而任何版本都不读取它。",
    remedies: &[
        "把错误写入日志；插件的输出会出现在 eKuiper 的日志中。",
        "`ctx.emit_error` 只写日志，不发送任何内容。",
        "用 `logging.error` 代替 `ctx.emit_error`。",
        "使用 `ctx.GetLogger().Errorf`。`Open` 的错误通道会发送一段 JSON 文本，即 `row.not-object`，并结束该源。",
    ],
};

pub(in super::super) static UNDECODABLE: Translation = Translation {
    title: "数据是 JSON 但无法解码，例如嵌套过深",
    observed: "源发送的数据是 JSON，但 Go 的解码器不接受：嵌套超过 10000 层，或者数值超出浮点数的范围。",
    effect: "eKuiper 跳过整条数据。2.x 将其计为源的一次异常；1.x 只写日志。",
    cause: "某个值包含了它自身，或者某个数值的指数过大或有数百位数字。",
    remedies: &["把这样的数值作为文本发送，并减少结构的嵌套层数。"],
};

pub(in super::super) static SOURCE_ENDED: Translation = Translation {
    title: "还在等待数据时，源就结束了",
    observed: "源关闭了数据通道，没有重新连接，而到达的数据比要求的少。",
    effect: "eKuiper 没有任何提示：规则仍为 `running`，但不再有数据。插件状态也一直是 `running`。",
    cause: "对启动命令回复 `ok` 之后，`open` 失败了；或者源自行结束：文件读完、计数到头，或者有未捕获的异常。",
    remedies: &[
        "在回复启动命令之前就连接源所读取的对象，这样出错时会拒绝启动。之后如果出错，应当重试而不是结束，并把原因写入日志。",
        "`open` 中的异常会结束该实例：请在其中捕获异常并写入日志。",
    ],
};
