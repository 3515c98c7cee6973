// The page: what is chosen, what the stream brings, and which part shows it.

import { Link, path, request } from './api.js';
import { CallView } from './call.js';
import { CaseView } from './case.js';
import { button, el } from './dom.js';
import { FaultsView } from './faults.js';
import { Head } from './head.js';
import { Log } from './log.js';
import { SHOWN } from './rows.js';
import { SinkView } from './sink.js';
import { SourceView } from './source.js';
import { forget, keepMessage, keepRow, rowsOf, store } from './store.js';
import { keyOf, Symbols } from './symbols.js';
import { choose, current, t } from './text.js';
import { Wire } from './wire.js';

const VIEWS = { source: SourceView, sink: SinkView, function: CallView };

let head;
let symbols;
let work;
let panel;
let view = null;
let shown = '';
let tab = 'wire';
let connection = { state: 'connecting', error: null };

/** What the views use. */
const app = {
  send: (method, parts, body) => request(method, path(store.name, ...parts), body),
  rewatch: () => link?.again(),
  took,
  open(name) {
    location.hash = `#/${encodeURIComponent(name)}`;
  },
};

/** Builds the page, at the start and in another language. */
function build() {
  head = new Head(app, build);
  symbols = new Symbols();
  work = el('main', { id: 'work', tabindex: -1 });
  panel = new Panel();
  document.body.replaceChildren(
    el('a', { class: 'skip', href: '#work', on: { click: event => {
      event.preventDefault();
      (work.querySelector('h2') ?? work).focus();
    } } }, t('skipToWork')),
    head.element,
    el('div', { class: 'middle' }, symbols.element, work),
    panel.element);
  shown = '';
  head.link(connection.state, connection.error);
  update();
}

/** The panel below: conversation and log as tabs. */
class Panel {
  constructor() {
    this.wire = new Wire();
    this.log = new Log();
    this.body = el('div', { class: 'panel-body', role: 'tabpanel', id: 'panel-body' });
    this.tools = el('div', { class: 'tools' });
    this.tabs = ['wire', 'log'].map(name => button(t(name === 'wire' ? 'conversation' : 'log'), () => this.show(name), {
      role: 'tab', id: `tab-${name}`, 'data-tab': name, 'aria-controls': 'panel-body',
    }));
    const size = button(t('larger'), () => {
      const large = this.element.classList.toggle('large');
      size.textContent = t(large ? 'smaller' : 'larger');
    });
    this.element = el('section', { class: 'panel', 'aria-label': t('panel') },
      el('div', { class: 'panel-head' },
        el('div', { role: 'tablist', on: { keydown: event => this.#keys(event) } }, this.tabs), this.tools, size),
      this.body);
    this.show(tab);
  }

  show(name) {
    tab = name;
    for (const each of this.tabs) {
      each.setAttribute('aria-selected', String(each.dataset.tab === name));
      each.tabIndex = each.dataset.tab === name ? 0 : -1;
    }
    this.body.setAttribute('aria-labelledby', `tab-${name}`);
    this.body.replaceChildren(this[name].element);
    this.tools.replaceChildren(this[name].tools);
    this[name].redraw();
  }

  #keys(event) {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    this.show(tab === 'wire' ? 'log' : 'wire');
    this.tabs.find(each => each.dataset.tab === tab).focus();
  }
}

/** Returns the plugin and the key in the page's address. */
function address() {
  const [name, ...key] = location.hash.replace(/^#\/?/, '').split('/').map(part => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { name: store.plugins.includes(name) ? name : store.plugins[0] ?? null, key: key.join('/') };
}

/** Shows the plugin's state; builds the work area only if another one was chosen. */
function update() {
  const list = store.plugin?.symbols ?? [];
  let { key } = address();
  if (key !== 'faults' && key !== 'case' && !list.some(symbol => keyOf(symbol) === key)) key = list.length > 0 ? keyOf(list[0]) : '';
  head.update();
  symbols.update(key);
  const symbol = list.find(each => keyOf(each) === key);
  // The metadata may differ after a new launch.
  const now = store.plugin ? JSON.stringify([store.server, store.name, key, symbol?.metadata]) : '';
  if (now !== shown) {
    shown = now;
    view = null;
    if (symbol) view = new VIEWS[symbol.kind](app, symbol);
    else if (key === 'faults') view = new FaultsView(app);
    else if (key === 'case') view = new CaseView(app);
    work.replaceChildren(view?.element ?? el('p', { class: 'dim' }, store.plugin ? t('choose') : ''));
    work.scrollTop = 0;
    if (view?.wanted()) app.rewatch();
  } else {
    view?.update();
  }
  document.title = store.name ? `${store.name} – mock-kuiper` : 'mock-kuiper';
}

function took(plugin) {
  if (plugin.name !== store.name) return;
  store.plugin = plugin;
  update();
}

/** Follows the address: another symbol, or another plugin. */
function moved() {
  const { name } = address();
  if (name !== store.name) {
    store.name = name;
    forget();
    panel.show(tab);
    link.again();
  }
  update();
  (work.querySelector('h2') ?? work).focus();
}

const TAKE = {
  plugin: took,
  line: (line, { id, size }) => {
    store.log.last = id ?? line.n;
    store.log.ring.push(line, size);
    if (tab === 'log') panel.log.add(line);
  },
  message: (message, { id, size }) => {
    store.wire.last = id ?? message.n;
    message.skipped = store.wire.skipped;
    store.wire.skipped = 0;
    if (message.channel && store.wire.channels.size < 200) store.wire.channels.add(message.channel);
    keepMessage(message, size);
    if (tab === 'wire') panel.wire.add(message);
  },
  row: (row, { id, size }) => {
    const isOther = keepRow(row, id, size);
    view?.row?.(row, isOther);
  },
  rate: rate => {
    Object.assign(rowsOf(rate.instance), { total: rate.rows, rate: rate.rate, skipped: rate.skipped });
    view?.rate?.(rate.instance);
  },
  gap: gap => {
    if (gap.of === 'wire') store.wire.skipped += gap.skipped;
    if (gap.of === 'log') TAKE.line({ gap: gap.skipped }, { id: store.log.last, size: 10 });
  },
};

choose(current());
build();
addEventListener('hashchange', moved);

const link = new Link({
  about(about) {
    const other = store.server !== null && store.server !== about.server;
    Object.assign(store, { server: about.server, plugins: about.plugins, releases: about.releases ?? [] });
    if (other) {
      forget();
      panel.show(tab);
      head.restarted();
    }
    store.name = address().name;
    update();
  },
  stream() {
    if (!store.name) return null;
    const query = new URLSearchParams({ log: store.log.last, wire: store.wire.last, max: SHOWN });
    const wanted = view?.wanted();
    if (wanted) {
      query.append('rows', wanted);
      query.append('rows_after', rowsOf(wanted).id ?? '');
    }
    return `${path(store.name, 'stream')}?${query}`;
  },
  event: (name, value, about) => TAKE[name]?.(value, about),
  state(state, error) {
    connection = { state, error };
    head.link(state, error);
  },
});
