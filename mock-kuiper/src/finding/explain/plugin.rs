//! The process: `plugin.*`.

use super::entry::{Explanation, Place, Sdk, quote, remedy};
use super::sources::{INSTALL_2, MANAGER_1, MANAGER_2, RULE_1, RULE_2_3, VALUER_2};
use super::zh;
use crate::finding::code::Code;

pub(super) static EXITED_EARLY: Explanation = Explanation {
    chinese: &zh::plugin::EXITED_EARLY,
    code: Code::PluginExitedEarly,
    title: "The process exited before its first greeting",
    observed: "The executable was started and the process exited before it sent a message on the control channel.",
    effect: "eKuiper does not look at the exit: it waits for the greeting until the init timeout (60 s as shipped with 2.x, 5 s with 1.x), and no other portable plugin can be started meanwhile. 2.x then refuses to install the plugin; 1.x has installed it and stops the first rule that uses it. Only the log names the exit, and only if the exit status is not 0. What the process wrote is in the log before that line.",
    quotes: &[
        quote(
            Place::Log,
            "all releases",
            "plugin executable PATH stops with error exit status N",
            MANAGER_2,
        ),
        quote(
            Place::RestAnswer,
            "2.x",
            r#"{"error":1000,"message":"portable plugin create command error: fail to install plugin: plugin PATH control handshake error: receive time out"}"#,
            INSTALL_2,
        ),
        quote(
            Place::PluginStatus,
            "2.x",
            r#"{"refCount":{},"status":"error","errMsg":"receive time out"}"#,
            MANAGER_2,
        ),
        quote(
            Place::RuleStatus,
            "1.x",
            "Stopped: plugin PATH control handshake error: receive time out.",
            RULE_1,
        ),
    ],
    cause: "The program fails while it starts: an import or a shared library that eKuiper's image lacks, a file that is not there, a name in the code that is not the plugin's. Or it goes to the background, or reads stdin and finds its end.",
    remedies: &[
        remedy(
            Sdk::Any,
            r#"Run the executable in eKuiper's image with the argument `{"sendTimeout":1000}` and read what it writes. Keep the process in the foreground and do not read stdin."#,
        ),
        remedy(
            Sdk::Rust,
            "Return what `plugin::start` returns from `main`, and give `PluginConfig::new` the name of the json. The exit status is 1 if the control address was out of reach for 30 s and 2 if the argument is not a JSON object; stderr says which.",
        ),
        remedy(
            Sdk::Python,
            "Install `ekuiper` for the interpreter that eKuiper runs (`pythonBin` in `kuiper.yaml`). An exit with status 0 after 5 s means that nobody listens at the control address: the name in `PluginConfig` is not that of the json.",
        ),
        remedy(
            Sdk::Go,
            "`runtime.Start` panics at once if nobody listens at the control address: `PluginConfig.Name` has to be the name of the json. Build with `CGO_ENABLED=0` for eKuiper's Alpine images.",
        ),
    ],
};

pub(super) static EXITED: Explanation = Explanation {
    chinese: &zh::plugin::EXITED,
    code: Code::PluginExited,
    title: "The process exited although the host had not ended it",
    observed: "The process exited while symbols of it were running or could be started.",
    effect: "Rules that use the plugin stay `running`, without rows. eKuiper starts the process again only when a rule that uses it is started, and then sends the start orders of what had been running. The log names the exit unless the exit status is 0: then eKuiper shows nothing, and the plugin's status stays `running`.",
    quotes: &[
        quote(
            Place::Log,
            "all releases",
            "plugin executable PATH stops with error exit status N",
            MANAGER_2,
        ),
        quote(
            Place::Log,
            "all releases",
            "plugin executable PATH stops with error signal: killed",
            MANAGER_1,
        ),
        quote(
            Place::PluginStatus,
            "2.x",
            r#"{"refCount":{"RULE":1},"status":"error","errMsg":"exit status N"}"#,
            MANAGER_2,
        ),
        quote(
            Place::Log,
            "2.x",
            "call func SYMBOL error: time out, plugin PLUGIN status error, message: exit status N",
            VALUER_2,
        ),
        quote(
            Place::Log,
            "2.3 on, when the rule is stopped",
            "graceful stop error, just cancel forcely: timeout waiting for operators to close after 5s",
            RULE_2_3,
        ),
        quote(
            Place::Log,
            "2.x",
            "plugin PLUGIN is not running successfully, please make sure it is valid",
            "eKuiper 2.4.0, internal/plugin/portable/runtime/plugin_ins_manager.go",
        ),
        quote(
            Place::Log,
            "1.x",
            "plugin PLUGIN is not running sucessfully, please make sure it is valid",
            "eKuiper 1.13.5, internal/plugin/portable/runtime/plugin_ins_manager.go",
        ),
    ],
    cause: "One symbol fails and takes the process with it: a panic, a crash in a native library, `exit` in a callback. `signal: killed` without a kill by hand is the system short of memory. Aggregate functions meet `null` where a window is empty.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Turn what fails in one symbol into an error of that symbol. Restart the rule, or eKuiper, to have the process started again.",
        ),
        remedy(
            Sdk::Rust,
            "The SDK catches panics: build with `panic = \"unwind\"`, the default, and do not call `std::process::exit`.",
        ),
        remedy(
            Sdk::Python,
            "Do not call `exit` or `os._exit` in a callback; look for native libraries that abort.",
        ),
        remedy(
            Sdk::Go,
            "A panic in any symbol ends the process: `recover` in `Open`, `Collect` and `Exec`, and check the type of each argument, `nil` included.",
        ),
    ],
};

pub(super) static NO_GREETING: Explanation = Explanation {
    chinese: &zh::plugin::NO_GREETING,
    code: Code::PluginNoGreeting,
    title: "The process sent no greeting in time",
    observed: "The process ran, and sent no message on the control channel within the init timeout.",
    effect: "eKuiper kills the process after the init timeout (60 s as shipped with 2.x, 5 s with 1.x), and no other portable plugin can be started meanwhile. 2.x refuses to install the plugin; 1.x stops the rule that needs it.",
    quotes: &[
        quote(
            Place::RestAnswer,
            "2.x",
            r#"{"error":1000,"message":"portable plugin create command error: fail to install plugin: plugin PATH control handshake error: receive time out"}"#,
            INSTALL_2,
        ),
        quote(
            Place::Log,
            "all releases",
            "plugin executable PATH stops with error signal: killed",
            MANAGER_2,
        ),
        quote(
            Place::PluginStatus,
            "2.x",
            r#"{"refCount":{},"status":"error","errMsg":"signal: killed"}"#,
            MANAGER_2,
        ),
        quote(
            Place::RuleStatus,
            "1.x",
            "Stopped: plugin PATH control handshake error: receive time out.",
            RULE_1,
        ),
        quote(
            Place::Log,
            "1.x",
            "closing rule RULE for error: plugin PATH control handshake error: receive time out",
            RULE_1,
        ),
    ],
    cause: "The program does long work before it dials, such as loading a model, or it dials an address that is not `/tmp/plugin_PLUGIN.ipc`.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Greet first and load afterwards, or raise `initTimeout` in the section `portable` of `kuiper.yaml` (milliseconds before 2.0; pull request lf-edge/ekuiper #1668). Use the json's name in the address.",
        ),
        remedy(
            Sdk::Rust,
            "Call `plugin::start` first. Load on the first `configure`, `open` or `exec`.",
        ),
        remedy(
            Sdk::Python,
            "`plugin.start` greets: import and load heavy modules inside `configure` or `open`, not at the top of the file.",
        ),
        remedy(
            Sdk::Go,
            "Call `runtime.Start` first; packages with a slow `init` delay it.",
        ),
    ],
};

pub(super) static LEAK: Explanation = Explanation {
    chinese: &zh::plugin::LEAK,
    code: Code::PluginLeak,
    title: "Stops and starts leave open files, threads or memory behind",
    observed: "The instances were stopped and started several times, and the process had more open files or threads, or much more memory, than before.",
    effect: "eKuiper shows nothing while the process grows with each start of a rule. 2.x keeps the process until the plugin is deleted or eKuiper ends. In the end the plugin fails to open a file, or the system kills it; then the log has the line of an exit.",
    quotes: &[quote(
        Place::Log,
        "all releases, if the system kills the process",
        "plugin executable PATH stops with error signal: killed",
        MANAGER_2,
    )],
    cause: "`close` does not undo what `configure` and `open` did, or a thread does not notice that its instance was stopped.",
    remedies: &[
        remedy(
            Sdk::Any,
            "On a stop, close every file and connection of the instance and end its threads before `ok` is answered.",
        ),
        remedy(
            Sdk::Rust,
            "Leave `open` as soon as `ctx.stopped()` is true, `ctx.sleep()` returns false or `ctx.emit()` fails; join threads in `close`, or hold them in a value whose `Drop` does.",
        ),
        remedy(
            Sdk::Python,
            "The SDK does not end `open`: set a flag in `close`, check it in the loop of `open`, and close connections there.",
        ),
        remedy(
            Sdk::Go,
            "End every goroutine at `ctx.Done()`, also one that is blocked in a send to `consumer`.",
        ),
    ],
};

pub(super) static GROWN: Explanation = Explanation {
    chinese: &zh::plugin::GROWN,
    code: Code::PluginGrown,
    title: "The plugin used more and more memory",
    observed: "The resident memory of the plugin's processes grew beyond the limit that the host had set, and the host ended the plugin.",
    effect: "eKuiper shows nothing: it sets no limit and watches no memory. The machine becomes slow, until the kernel kills a process, which may be the plugin or eKuiper.",
    quotes: &[],
    cause: "Rows that cannot be sent are collected in a list, results of calls are kept, or a frame's announced length is allocated before its bytes arrive.",
    remedies: &[remedy(
        Sdk::Any,
        "Bound every queue and cache, and drop or wait when it is full. Allocate for a message as its bytes arrive.",
    )],
};
