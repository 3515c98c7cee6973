// The page's own words in English and Chinese, and the choice between the languages of
// a plugin's metadata. Chinese follows the terms of eKuiper's Chinese documentation.

const WORDS = {
  language: ['Language', '语言'],
  connecting: ['Connecting to the server…', '正在连接服务器…'],
  gone: ['The server does not answer. Trying again…', '服务器没有响应，正在重试…'],
  refused: ['The server refuses this page.', '服务器拒绝了此页面。'],
  restarted: ['The server was started again. What an earlier one did is no longer shown.', '服务器已重新启动，不再显示之前的内容。'],
  plugin: ['Plugin', '插件'],
  release: ['eKuiper release', 'eKuiper 版本'],
  process: ['Process', '进程'],
  running: ['running', '运行中'],
  starting: ['starting', '启动中'],
  exited: ['exited', '已退出'],
  stopped: ['stopped', '已停止'],
  ended: ['ended', '已结束'],
  waiting_state: ['waiting', '等待接入'],
  startPlugin: ['Start', '启动'],
  stopPlugin: ['Stop', '停止'],
  reload: ['Reload', '热重载'],
  kill: ['Kill', '强制终止'],
  startPluginHint: ['Launches the process.', '启动插件进程。'],
  stopPluginHint: ['Stops all symbols and ends the process.', '停止所有实例并结束进程。'],
  reloadHint: ['Replaces the process, as eKuiper does when a plugin is updated.', '像 eKuiper 更新插件时那样替换进程。'],
  killHint: ['Kills the process, as a crash does.', '强制终止进程，模拟崩溃。'],
  attach: ['Waiting for the plugin. Start it with:', '正在等待插件。请用以下命令启动：'],
  inDirectory: ['in the directory', '所在目录'],
  environment: ['with the environment', '环境变量'],
  copy: ['Copy', '复制'],
  copied: ['Copied', '已复制'],
  symbols: ['Symbols', '符号'],
  tools: ['Tools', '工具'],
  sources: ['Sources', '源'],
  sinks: ['Sinks', '目标 (Sink)'],
  functions: ['Functions', '函数'],
  source: ['source', '源'],
  sink: ['sink', '目标 (Sink)'],
  function: ['function', '函数'],
  aggregate: ['aggregate', '聚合函数'],
  noSymbols: ['The plugin names no symbols.', '插件没有声明任何符号。'],
  choose: ['Choose a symbol.', '请选择一个符号。'],
  start: ['Start', '启动'],
  startTitle: ['Start an instance', '启动实例'],
  stop: ['Stop', '停止'],
  instances: ['Instances', '实例'],
  noInstances: ['No instance is running.', '没有运行中的实例。'],
  instance: ['Instance', '实例'],
  rule: ['Rule', '规则'],
  ruleHint: ['The id of the rule that the instance belongs to.', '实例所属规则的 ID。'],
  datasource: ['Data source', '数据源'],
  datasourceHint: ["The stream's DATASOURCE.", '流定义中的 DATASOURCE。'],
  confKey: ['Configuration key', '配置组 (CONF_KEY)'],
  confKeyHint: ["A section of the source's yaml file; empty for `default`.", '源的 yaml 文件中的配置组；留空则使用 default。'],
  requireAck: ['Require acks', '需要确认 (requireAck)'],
  requireAckHint: ['The sink acks each row, and the page shows its acks.', '目标确认每条数据，页面显示确认结果。'],
  sendSingle: ['Send rows one by one', '逐条发送 (sendSingle)'],
  sendSingleHint: ['One object for each message instead of a list.', '每条消息为一个对象，而不是数组。'],
  from: ['Rows of', '数据来自'],
  fromHint: ['The sink gets the rows of these sources, as in a rule.', '目标接收这些源的数据，如同在规则中。'],
  to: ['Rows to', '数据发往'],
  toHint: ['These sinks get the rows of the source, as in a rule.', '这些目标接收此源的数据，如同在规则中。'],
  config: ['Configuration', '配置'],
  defaults: ['Defaults', '默认值'],
  defaultsHint: ['Fills the form with the defaults of the metadata.', '用元数据中的默认值填写表单。'],
  empty: ['Empty', '清空'],
  emptyHint: ['Sends no property at all.', '不发送任何属性。'],
  noMetadata: ['The plugin has no metadata for this symbol. Write the configuration as JSON.', '插件没有此符号的元数据，请用 JSON 编写配置。'],
  noProperties: ['The metadata names no property.', '元数据没有列出任何属性。'],
  advanced: ['Advanced: the configuration as JSON', '高级：JSON 配置'],
  advancedHint: ['This is what is sent. It changes with the form, and the form with it.', '这是实际发送的内容，与表单保持同步。'],
  notInMetadata: ['Not in the metadata: {}', '元数据中没有：{}'],
  noChinese: ['Without a Chinese text in the metadata: {}', '元数据中缺少中文的属性：{}'],
  notJson: ['This is not JSON: {}', '不是有效的 JSON：{}'],
  notObject: ['The configuration is an object, for example {"path":"/tmp/out"}.', '配置必须是对象，例如 {"path":"/tmp/out"}。'],
  asText: ['This is not a number, and is sent as a text.', '不是数字，将作为文本发送。'],
  leftOut: ['Required by the metadata, and left out.', '元数据要求填写，但未填写。'],
  required: ['required', '必填'],
  yes: ['true', '是 (true)'],
  no: ['false', '否 (false)'],
  unset: ['(left out)', '（不填写）'],
  onePerLine: ['One entry in each line.', '每行一项。'],
  asJson: ['As JSON.', '以 JSON 填写。'],
  unknownControl: ['The page does not know the control `{}`.', '页面不支持控件 `{}`。'],
  rows: ['Rows', '数据'],
  state: ['State', '状态'],
  rate: ['Rate', '速率'],
  perSecond: ['{} rows/s', '{} 条/秒'],
  total: ['{} rows', '共 {} 条'],
  invalid: ['{} invalid', '{} 条无效'],
  acks: ['Acks', '确认'],
  ackCounts: ['{} done, {} failed, {} pending', '成功 {}，失败 {}，等待 {}'],
  pause: ['Pause', '暂停'],
  resume: ['Resume', '继续'],
  clear: ['Clear', '清除'],
  pausedWith: ['Paused. {} new rows wait.', '已暂停，有 {} 条新数据。'],
  sampled: ['Sampled: at most {} rows per second are shown. {} rows of this instance were not shown.', '抽样显示：每秒最多 {} 条。此实例有 {} 条数据未显示。'],
  keptRows: ['The last {} rows are kept.', '保留最后 {} 条。'],
  noRows: ['Rows appear here.', '数据将显示在这里。'],
  bytes: ['({} bytes; only the beginning is kept)', '（共 {} 字节，仅保留开头）'],
  meta: ['meta', '元数据 (meta)'],
  send: ['Send', '发送'],
  sendTitle: ['Send rows', '发送数据'],
  sendTo: ['To', '发送到'],
  rowsField: ['Rows', '数据'],
  rowsHint: ['One JSON object, a list of them, or one in each line. Ctrl+Enter sends.', '一个 JSON 对象、对象数组，或每行一个对象。Ctrl+Enter 发送。'],
  raw: ['As raw text', '原始文本'],
  rawHint: ['Sends the text as it is, for example what is not JSON.', '按原样发送文本，例如非 JSON 内容。'],
  lastRow: ['Insert the last row of a source', '插入源的最后一条数据'],
  noLastRow: ['No source has emitted a row yet.', '还没有源发出数据。'],
  needsInstance: ['Start an instance first.', '请先启动实例。'],
  sent: ['{} sent', '已发送 {} 条'],
  acked: ['{} acked, {} failed', '确认成功 {} 条，失败 {} 条'],
  noAcks: ['acks are not read without “Require acks”', '未启用“需要确认”，不读取确认'],
  sentBefore: ['Sent', '发送记录'],
  call: ['Call', '调用'],
  validate: ['Validate', '校验'],
  validateHint: ['Asks the function whether it accepts these arguments, as eKuiper does when a rule is created.', '询问函数是否接受这些参数，如同 eKuiper 创建规则时。'],
  arguments: ['Arguments', '参数'],
  argument: ['Argument {}', '参数 {}'],
  argumentsHint: ['Each is JSON. What is not JSON is sent as a text. Ctrl+Enter calls.', '每个参数为 JSON；非 JSON 内容作为文本发送。Ctrl+Enter 调用。'],
  aggregateHint: ['An aggregate gets a list: the values of a column in a window.', '聚合函数的参数是数组：窗口中一列的值。'],
  addArgument: ['Add an argument', '添加参数'],
  removeArgument: ['Remove the last', '删除最后一个'],
  sends: ['Sends', '将发送'],
  example: ['Example', '示例'],
  history: ['History', '历史记录'],
  noHistory: ['Calls appear here, the last one first.', '调用将显示在这里，最新的在前。'],
  again: ['Use again', '再次使用'],
  valid: ['valid', '有效'],
  notValid: ['refused', '被拒绝'],
  failed: ['failed', '失败'],
  result: ['Result', '结果'],
  time: ['Time', '时间'],
  faults: ['Faults', '故障'],
  faultsIntro: ['Each button plays a fault on what is running, and says whether the plugin survived.', '每个按钮对运行中的插件模拟一次故障，并显示插件是否通过。'],
  fault: ['Fault', '故障'],
  happens: ['What happens', '发生什么'],
  survival: ['Survived if', '通过条件'],
  value: ['Value of {}', '{} 的值'],
  play: ['Play', '执行'],
  playing: ['Playing {}…', '正在执行 {}…'],
  survived: ['survived', '通过'],
  notApplicable: ['not applicable', '不适用'],
  notSurvived: ['not survived', '未通过'],
  case: ['Save as test case', '保存为测试用例'],
  caseIntro: ['What was done and seen since the launch becomes a test file. Run it with `mock-kuiper test`.', '自启动以来的操作和结果将成为测试文件，可用 `mock-kuiper test` 运行。'],
  caseName: ['Name of the case', '用例名称'],
  save: ['Save', '保存'],
  download: ['Download {}', '下载 {}'],
  trace: ['Download the trace', '下载跟踪记录'],
  traceHint: ['All messages so far, in the format of `run --trace`.', '至今的全部消息，格式与 `run --trace` 相同。'],
  conversation: ['Conversation', '通信记录'],
  log: ['Log', '日志'],
  channel: ['Channel', '通道'],
  rowsAndAcks: ['Rows and acks', '数据和确认'],
  allChannels: ['All channels', '所有通道'],
  filter: ['Filter', '筛选'],
  kept: ['The last {} are shown.', '显示最后 {} 条。'],
  skipped: ['{} were left out', '省略 {} 条'],
  before: ['+{} before, left out', '此前省略 {} 条'],
  noMessages: ['Messages appear here.', '消息将显示在这里。'],
  noLog: ["The plugin's output appears here.", '插件的输出将显示在这里。'],
  lanes: ['Messages of each channel over time', '各通道的消息时间线'],
  host: ['host', '主程序'],
  asSent: ['As sent', '原始内容'],
  body: ['Body', '正文'],
  larger: ['Larger', '放大'],
  smaller: ['Smaller', '缩小'],
  panel: ['Conversation and log', '通信记录和日志'],
  showAll: ['show all {} characters', '显示全部 {} 个字符'],
  cutAt: ['(only the first {} are shown)', '（仅显示前 {} 个）'],
  explain: ['More', '详细说明'],
  waiting: ['Waiting for the answer…', '正在等待回复…'],
  skipToWork: ['Go to the chosen symbol', '跳到所选符号'],
};

const LANGUAGES = ['en_US', 'zh_CN'];

/** The languages with their own names. */
export const NAMES = { en_US: 'English', zh_CN: '中文' };

let language = chosen();

function chosen() {
  const stored = localStorage.getItem('language');
  if (LANGUAGES.includes(stored)) return stored;
  return navigator.language.startsWith('zh') ? 'zh_CN' : 'en_US';
}

/** Returns the language that is shown. */
export function current() {
  return language;
}

/** Changes the language, and keeps it for the next visit. */
export function choose(other) {
  language = other;
  localStorage.setItem('language', other);
  document.documentElement.lang = other === 'zh_CN' ? 'zh-CN' : 'en';
}

/** Returns a text of the page, each `{}` replaced by the next value. */
export function t(key, ...values) {
  let next = 0;
  return WORDS[key][LANGUAGES.indexOf(language)].replaceAll('{}', () => String(values[next++]));
}

/**
 * Returns the text of `{"en_US": …, "zh_CN": …}`. Some plugins write `en` and `zh`. The
 * other language is better than nothing.
 */
export function localized(texts) {
  if (typeof texts === 'string') return texts;
  const english = texts?.en_US || texts?.en;
  const chinese = texts?.zh_CN || texts?.zh;
  const text = language === 'zh_CN' ? chinese || english : english || chinese;
  return typeof text === 'string' ? text : '';
}

/** Says whether metadata has a Chinese text. */
export function hasChinese(texts) {
  return Boolean(texts?.zh_CN || texts?.zh);
}
