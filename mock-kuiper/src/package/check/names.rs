//! Names of plugins and symbols: they must fit into a socket's path, and must not
//! be names of eKuiper's own symbols.

use super::super::report::{CheckLevel, CheckReport};

/// How many bytes a Unix socket's path may have on Linux, without the final 0.
const SOCKET_PATH: usize = 107;

/// The shortest possible id of a rule.
const SHORTEST_RULE: &str = "r";

/// eKuiper's built-in sources.
///
/// Source: eKuiper 2.4.0, internal/binder/io/builtin.go.
const SOURCES: &str = "mqtt httppull httppush file memory neuron websocket simulator nexmark";

/// eKuiper's built-in sinks.
///
/// Source: eKuiper 2.4.0, internal/binder/io/builtin.go.
const SINKS: &str = "log logToMemory mqtt rest nop memory neuron file websocket sse";

/// eKuiper's built-in functions. Their names match in any case.
///
/// Source: eKuiper 2.4.0, internal/binder/function (`builtins`) and
/// internal/xsql/parser.go (`WindowFuncs`).
const FUNCTIONS: &str = "\
    abs acc_avg acc_count acc_max acc_min acc_sum acos array_cardinality array_concat \
    array_contains array_contains_any array_create array_distinct array_except array_flatten \
    array_intersect array_join array_last_position array_map array_max array_min array_position \
    array_remove array_shuffle array_sort array_union asin atan atan2 avg bitand bitnot bitor \
    bitxor bypass cardinality cast ceil ceiling changed_col changed_cols chr coalesce collect \
    concat conv convert_tz cos cosh cot count crc32 cur_date cur_time current_date current_time \
    current_timestamp date_calc date_diff day day_name day_of_month day_of_week day_of_year \
    dec2hex decode deduplicate degrees delay element_at encode endswith erase event_time exp \
    extract floor format format_time from_days from_unix_time get_keyed_state had_changed \
    hex2dec hour inc_avg inc_collect inc_count inc_last_value inc_max inc_merge_agg inc_min \
    inc_sum indexof isnull items json_path_exists json_path_query json_path_query_first keys \
    kvpair_array_to_obj lag last_agg_hit_count last_agg_hit_time last_day last_hit_count \
    last_hit_time last_value latest length ln local_time local_timestamp log lower lpad ltrim \
    max md5 median merge_agg meta microsecond min minute mod month month_name mqtt newuuid now \
    numbytes obj_to_kvpair_array object object_concat object_construct object_pick object_size \
    parse_json percentile_cont percentile_disc pi pow power props radians rand regexp_matches \
    regexp_replace regexp_substr repeat reverse round row_number rpad rtrim rule_id rule_start \
    second sequence sha1 sha256 sha384 sha512 sign sin sinh split_value sqrt startswith stddev \
    stddevs substring sum tan tanh to_json to_seconds trim trunc tstamp unnest upper values var \
    vars window_end window_start window_trigger zip \
    tumblingwindow hoppingwindow sessionwindow slidingwindow countwindow statewindow \
    dedup_trigger";

/// Checks the plugin's own name.
pub(super) fn check_plugin(report: &mut CheckReport, json: &str, name: &str) {
    if name.trim() != name || name.is_empty() {
        // Source: eKuiper 2.4.0, internal/plugin/portable/manager.go, `Register`.
        let text = format!("the name `{name}` begins or ends with a space, which eKuiper removes");
        report.error(json, format!("{text}; rename the file"));
    } else if !name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    {
        let text = "eKuiper 2.4's command line refuses this name, its REST interface does not; use \
                    letters, digits, `_` and `-`";
        report.warn(json, text);
    }
    if let Err(text) = fits(&format!("/tmp/plugin_{name}.ipc")) {
        report.error(
            json,
            format!("{text}; choose a shorter name for the plugin"),
        );
    }
}

/// Checks the names of one list of the json: `sources`, `sinks`, `functions`.
pub(super) fn check_symbols(report: &mut CheckReport, json: &str, list: &str, names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        let path = match list {
            "functions" => Some(format!("/tmp/func_{name}.ipc")),
            "sinks" => Some(format!("/tmp/{SHORTEST_RULE}_{name}_0_0_ack.ipc")),
            // A source's path contains the stream's name, not the source's.
            _ => None,
        };
        let place = Some(format!("{list}[{index}]"));
        if path.is_some() && name.contains('/') {
            let text =
                format!("`{name}` contains `/`, but it becomes part of a file name; rename it");
            report.push(CheckLevel::Error, json, place, text);
        } else if let Some(Err(text)) = path.as_deref().map(fits) {
            let text = format!("{text}; choose a shorter name");
            report.push(CheckLevel::Error, json, place, text);
        } else if is_builtin(list, name) {
            let text = format!("eKuiper uses its built-in `{name}` instead; rename it");
            report.push(CheckLevel::Warning, json, place, text);
        }
    }
}

/// Returns whether eKuiper has a built-in symbol of this name, which it finds before
/// those of portable plugins.
fn is_builtin(list: &str, name: &str) -> bool {
    let known = |names: &str, name: &str| names.split(' ').any(|own| own == name);
    match list {
        "sources" => known(SOURCES, name),
        "sinks" => known(SINKS, name),
        _ => known(FUNCTIONS, &name.to_lowercase()),
    }
}

fn fits(path: &str) -> Result<(), String> {
    let length = path.len();
    if length > SOCKET_PATH {
        return Err(format!(
            "its socket path `{path}` has {length} bytes, and {SOCKET_PATH} is the limit"
        ));
    }
    Ok(())
}
