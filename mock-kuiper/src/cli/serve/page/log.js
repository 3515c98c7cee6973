// What the plugin writes to its output.

import { el, foreign } from './dom.js';
import { List } from './list.js';
import { KEPT, store } from './store.js';
import { t } from './text.js';

export class Log {
  #list;
  #filter;

  constructor() {
    this.#list = new List(t('log'), KEPT.log, line => draw(line), t('noLog'));
    this.#filter = el('input', { type: 'search', 'aria-label': t('filter'), placeholder: t('filter'), on: { input: () => this.redraw() } });
    this.tools = el('div', { class: 'row' }, this.#filter, el('span', { class: 'dim small' }, t('kept', KEPT.log)));
    this.element = this.#list.element;
    this.redraw();
  }

  #shown(line) {
    return line.gap || line.line.toLowerCase().includes(this.#filter.value.toLowerCase());
  }

  add(line) {
    if (this.#shown(line)) this.#list.add(line);
  }

  redraw() {
    this.#list.replace(store.log.ring.values().filter(line => this.#shown(line)));
  }
}

function draw(line) {
  if (line.gap) return el('li', { class: 'gap' }, `⋯ ${t('skipped', line.gap.toLocaleString('en'))}`);
  return el('li', { class: 'line' }, el('time', {}, `${Number(line.t).toFixed(3)} s`), foreign(line.line, 1000));
}
