//! How the command helps with a finding, in Chinese.

use mock_kuiper::Code;

/// Translates the hint of a code.
pub(super) fn hint(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::PluginExitedEarly => "`run` 会打印退出码和最后几行输出；`--python PATH` 选择解释器。",
        Code::PluginNoGreeting => "`--init-timeout 120s` 可延长等待时间。",
        Code::PluginLeak => "`run --fault churn` 反复停止和启动所有符号并进行测量。",
        Code::ChannelNotDialed => {
            "`run --fault redial` 和 `--fault restart` 会关闭连接，并等待新的连接。"
        }
        Code::OrderUnanswered => "`--answer-timeout 60s` 可延长等待时间。",
        Code::OrderRefused => {
            "`--config SYMBOL='{\"url\":\"…\"}'` 设置配置项，`--conf-key` 和 `--datasource` 选择流的配置组和数据源。"
        }
        Code::OrderGreeting => "`--host RELEASE` 模拟其他版本；`mock-kuiper hosts` 列出所有版本。",
        Code::OrderAnsweredTwice => "`run --fault stale` 会发送这样的命令。",
        Code::OrderNonsenseAccepted => "`run --fault orders` 会发送这样的字节。",
        Code::SourceStartedTwice => "`run --fault start-again` 会再次发送启动命令。",
        Code::RowMissing => "`run --source SYMBOL -v` 会打印每条消息和插件的输出。",
        Code::SinkStillListening => "`run --fault stale-file` 会停止目标并进行检查。",
        Code::SinkRowNotTaken => "`run --fault acks-unread` 会发送数据而不读取 ack。",
        Code::AckMissing => {
            "`--answer-timeout 60s` 可延长等待时间；没有 `--require-ack` 时不等待 ack。"
        }
        Code::AckInvalid | Code::AckError => {
            "`--require-ack` 会读取 ack，与动作的 requireAck 属性作用相同。"
        }
        Code::FunctionError => "`run --call 'SYMBOL(null)'` 试着调用一次。",
        _ => return None,
    })
}
