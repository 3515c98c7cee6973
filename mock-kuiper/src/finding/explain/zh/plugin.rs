//! 进程：`plugin.*`。

use super::translation::Translation;

pub(in super::super) static EXITED_EARLY: Translation = Translation {
    title: "进程在首次握手之前就退出了",
    observed: "可执行文件已启动，但进程还没有在控制通道上发送任何消息就退出了。",
    effect: "eKuiper 不检查进程是否退出，而是一直等待握手，直到初始化超时（2.x 默认 60 秒，1.x 为 5 秒），这期间也无法启动其他 Portable 插件。随后 2.x 会拒绝安装该插件；1.x 则已经装好插件，并停止第一条用到它的规则。只有日志会记录这次退出，而且仅当退出码不为 0 时才记录。进程自己的输出在该行日志之前。",
    cause: "程序在启动阶段失败：eKuiper 的镜像中缺少某个导入的模块或共享库、某个文件不存在，或者代码中的名称与插件名不一致。也可能是进程转入了后台，或者读取标准输入时立即遇到了文件结尾。",
    remedies: &[
        r#"在 eKuiper 的镜像中以参数 `{"sendTimeout":1000}` 运行该可执行文件，查看它的输出。让进程保持在前台，不要读取标准输入。"#,
        "在 `main` 中返回 `plugin::start` 的返回值，并把 json 文件的名称传给 `PluginConfig::new`。如果 30 秒内无法连接控制地址，退出码为 1；如果参数不是 JSON 对象，退出码为 2；具体原因见标准错误输出。",
        "为 eKuiper 所用的解释器（`kuiper.yaml` 中的 `pythonBin`）安装 `ekuiper`。如果 5 秒后以退出码 0 退出，说明控制地址上没有监听者：`PluginConfig` 中的名称与 json 文件的名称不一致。",
        "如果控制地址上没有监听者，`runtime.Start` 会立即 panic：`PluginConfig.Name` 必须与 json 文件的名称一致。若要在 eKuiper 的 Alpine 镜像中运行，请以 `CGO_ENABLED=0` 构建。",
    ],
};

pub(in super::super) static EXITED: Translation = Translation {
    title: "进程自行退出，而不是由主程序结束的",
    observed: "插件的符号正在运行或可以启动时，进程退出了。",
    effect: "使用该插件的规则仍显示为 `running`，但没有数据。只有再启动一条使用它的规则时，eKuiper 才会重新启动进程，并为此前运行的符号重新发送启动命令。退出会记录在日志中，除非退出码为 0：此时 eKuiper 没有任何提示，插件状态也一直是 `running`。",
    cause: "某个符号出错并拖垮了整个进程：panic、原生库崩溃，或在回调中调用了 `exit`。如果不是人为终止，`signal: killed` 说明系统内存不足。窗口为空时，聚合函数会收到 `null`。",
    remedies: &[
        "把某个符号中的失败转化为该符号自己的错误。重启规则或 eKuiper，进程才会重新启动。",
        "SDK 会捕获 panic：请使用默认的 `panic = \"unwind\"` 构建，并且不要调用 `std::process::exit`。",
        "不要在回调中调用 `exit` 或 `os._exit`；检查是否有会中止（abort）进程的原生库。",
        "任何符号的 panic 都会结束整个进程：请在 `Open`、`Collect` 和 `Exec` 中使用 `recover`，并检查每个参数的类型，包括 `nil`。",
    ],
};

pub(in super::super) static NO_GREETING: Translation = Translation {
    title: "进程没有按时握手",
    observed: "进程在运行，但在初始化超时之前没有在控制通道上发送任何消息。",
    effect: "初始化超时（2.x 默认 60 秒，1.x 为 5 秒）之后，eKuiper 会终止该进程，这期间也无法启动其他 Portable 插件。2.x 拒绝安装该插件；1.x 停止需要它的规则。",
    cause: "程序在连接之前做了耗时的工作，例如加载模型；或者连接的地址不是 `/tmp/plugin_PLUGIN.ipc`。",
    remedies: &[
        "先握手，再加载；或者调大 `kuiper.yaml` 中 `portable` 一节的 `initTimeout`（2.0 之前单位为毫秒；见 pull request lf-edge/ekuiper #1668）。地址中要使用 json 文件的名称。",
        "首先调用 `plugin::start`，在第一次 `configure`、`open` 或 `exec` 时再加载。",
        "握手由 `plugin.start` 完成：请在 `configure` 或 `open` 中导入和加载较大的模块，不要放在文件开头。",
        "首先调用 `runtime.Start`；`init` 较慢的包会推迟握手。",
    ],
};

pub(in super::super) static LEAK: Translation = Translation {
    title: "反复停止和启动后，打开的文件、线程或内存没有释放",
    observed: "多次停止并重新启动实例之后，进程打开的文件或线程比之前多，或者占用的内存比之前多得多。",
    effect: "进程随着规则的每次启动不断膨胀，而 eKuiper 没有任何提示。2.x 会一直保留该进程，直到插件被删除或 eKuiper 退出。最终插件会无法打开文件，或者被系统终止；后一种情况下日志中会有进程退出的记录。",
    cause: "`close` 没有撤销 `configure` 和 `open` 所做的事，或者某个线程没有察觉它所属的实例已经停止。",
    remedies: &[
        "收到停止命令时，先关闭该实例的所有文件和连接并结束它的线程，然后再回复 `ok`。",
        "一旦 `ctx.stopped()` 为 true、`ctx.sleep()` 返回 false 或 `ctx.emit()` 失败，就立即退出 `open`；在 `close` 中 join 线程，或者用一个会在 `Drop` 中 join 线程的值来持有它们。",
        "SDK 不会结束 `open`：请在 `close` 中设置标志，在 `open` 的循环中检查它，并在那里关闭连接。",
        "在 `ctx.Done()` 时结束每个 goroutine，包括阻塞在向 `consumer` 发送数据上的 goroutine。",
    ],
};

pub(in super::super) static GROWN: Translation = Translation {
    title: "插件占用的内存越来越多",
    observed: "插件各进程的常驻内存超过了所设的上限，插件因此被结束。",
    effect: "eKuiper 没有任何提示：它既不设上限，也不监视内存。机器会越来越慢，直到内核终止某个进程，可能是插件，也可能是 eKuiper。",
    cause: "无法发送的数据积压在列表中，或者保留了调用的结果，或者在字节到达之前就按帧所声明的长度分配了内存。",
    remedies: &[
        "为每个队列和缓存设置上限，满了就丢弃或等待。为消息分配内存时，应随字节的到达逐步分配。",
    ],
};
