//! What stands beside the quotes of eKuiper: the releases, and where a text was read.

/// Translates [`Quote::releases`](super::super::Quote::releases); `None` if it is new.
pub(in super::super) fn releases(english: &str) -> Option<&'static str> {
    Some(match english {
        "all releases" => "所有版本",
        "all releases, after an hour" => "所有版本，一小时之后",
        "all releases, for a function" => "所有版本，针对函数",
        "all releases, for a row with NaN" => "所有版本，数据中有 NaN 时",
        "all releases, if the answer has no text" => "所有版本，回复中没有文本时",
        "all releases, if the system kills the process" => "所有版本，系统终止进程时",
        "1.x" => "1.x",
        "1.x, if a killed process left its socket file" => "1.x，被终止的进程留下套接字文件时",
        "1.8 on" => "1.8 及以后",
        "1.8 on, at the next call" => "1.8 及以后，下一次调用时",
        "1.13 on" => "1.13 及以后",
        "1.14" => "1.14",
        "before 2.1.3, after a crash" => "2.1.3 之前，崩溃之后",
        "before 2.1.3, for a source" => "2.1.3 之前，针对源",
        "2.x" => "2.x",
        "2.x, with the Go SDK, at the next start" => "2.x，使用 Go SDK，下一次启动时",
        "2.0 and 2.1" => "2.0 和 2.1",
        "2.0 to 2.1.2" => "2.0 到 2.1.2",
        "2.0 to 2.2" => "2.0 到 2.2",
        "2.0 to 2.2, with a Go SDK up to 2.2.1" => "2.0 到 2.2，使用 2.2.1 及以前的 Go SDK",
        "2.2 on" => "2.2 及以后",
        "2.2 on, when the buffers are full" => "2.2 及以后，缓冲区已满时",
        "2.3 on" => "2.3 及以后",
        "2.3 on, when a rule of the plugin is stopped" => "2.3 及以后，停止该插件的规则时",
        "2.3 on, when the rule is stopped" => "2.3 及以后，停止规则时",
        "2.4.0" => "2.4.0",
        "with the Go SDK" => "使用 Go SDK 时",
        _ => return None,
    })
}

/// Translates [`Quote::source`](super::super::Quote::source), of which most is a path.
pub(in super::super) fn source(english: &str) -> String {
    english
        .replace("; seen in a run", "；实际运行中出现过")
        .replace(", and the answer in ", "，以及这里的回复：")
        .replace("issues ", "issue ")
        .replace(" and #", " 和 #")
        .replace("; ", "；")
        .replace(", ", "，")
}
