//! Where the texts of eKuiper were read.

pub(super) const MANAGER_2: &str =
    "eKuiper 2.4.0, internal/plugin/portable/runtime/plugin_ins_manager.go; seen in a run";
pub(super) const MANAGER_1: &str =
    "eKuiper 1.13.5, internal/plugin/portable/runtime/plugin_ins_manager.go; seen in a run";
pub(super) const CONNECTION_2: &str =
    "eKuiper 2.4.0, internal/plugin/portable/runtime/connection.go; seen in a run";
pub(super) const CONNECTION_1: &str =
    "eKuiper 1.13.5, internal/plugin/portable/runtime/connection.go; seen in a run";
pub(super) const SOURCE_2: &str =
    "eKuiper 2.4.0, internal/plugin/portable/runtime/source.go; seen in a run";
pub(super) const SOURCE_1: &str =
    "eKuiper 1.13.5, internal/plugin/portable/runtime/source.go; seen in a run";
pub(super) const SINK_2: &str =
    "eKuiper 2.4.0, internal/plugin/portable/runtime/sink.go; seen in a run";
pub(super) const FUNCTION_2: &str =
    "eKuiper 2.4.0, internal/plugin/portable/runtime/function.go; seen in a run";
pub(super) const FUNCTION_1: &str =
    "eKuiper 1.13.5, internal/plugin/portable/runtime/function.go; seen in a run";
pub(super) const INSTALL_2: &str =
    "eKuiper 2.4.0, internal/plugin/portable/manager.go; seen in a run";
pub(super) const FACTORY_2: &str =
    "eKuiper 2.4.0, internal/plugin/portable/factory.go; seen in a run";
pub(super) const PARSER_2: &str = "eKuiper 2.4.0, internal/xsql/parser.go; seen in a run";
pub(super) const VALUER_2: &str = "eKuiper 2.4.0, internal/xsql/valuer.go; seen in a run";
pub(super) const VALUER_1: &str = "eKuiper 1.13.5, internal/xsql/valuer.go; seen in a run";
pub(super) const NODE_2: &str = "eKuiper 2.4.0, internal/topo/node/node.go; seen in a run";
pub(super) const NODE_1: &str = "eKuiper 1.13.5, internal/topo/node/node.go; seen in a run";
pub(super) const RULE_2_3: &str = "eKuiper 2.4.0, internal/topo/rule/action.go; seen in a run";
pub(super) const STATE_2_3: &str =
    "eKuiper 2.4.0, internal/topo/rule/machine/state_machine.go; seen in a run";
pub(super) const RULE_2_0: &str = "eKuiper 2.2.5, internal/topo/rule/state.go";
pub(super) const RULE_1: &str = "eKuiper 1.13.5, internal/topo/rule/ruleState.go; seen in a run";
