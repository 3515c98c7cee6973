// The live rows of one instance: rate, pause, what was left out, and each row's values.

import { button, el, foreign, setText } from './dom.js';
import { count, speed } from './instances.js';
import { block, line } from './json.js';
import { List } from './list.js';
import { KEPT, rowsOf } from './store.js';
import { t } from './text.js';

/** The rows that a server shows in a second. */
export const SHOWN = 50;

export class Rows {
  #instance = null;
  #rate = el('output', { class: 'rate' });
  #sampled = el('p', { class: 'note', role: 'status' });
  #paused = el('p', { class: 'note', role: 'status' });
  #pause;
  #list;

  constructor() {
    this.#list = new List(t('rows'), KEPT.rows, row => draw(row), t('noRows'));
    this.#pause = button(t('pause'), () => this.#toggle(), { 'aria-pressed': 'false' });
    this.element = el('section', { class: 'live', 'aria-label': t('rows') },
      el('div', { class: 'row' },
        el('h3', {}, t('rows')), this.#rate, el('span', { class: 'space' }),
        this.#pause,
        button(t('clear'), () => this.#clear())),
      this.#sampled, this.#paused, this.#list.element,
      el('p', { class: 'dim small' }, t('keptRows', KEPT.rows)));
    this.#numbers();
  }

  /** Shows the rows of an instance, or of none. */
  show(instance) {
    if (this.#instance === instance) return;
    this.#instance = instance;
    if (instance) this.#list.replace(rowsOf(instance).ring.values());
    this.#numbers();
  }

  /** Adds a row; `isOther` says that another instance of this id has begun. */
  add(row, isOther) {
    if (row.instance !== this.#instance) return;
    if (isOther) this.#list.replace([]);
    this.#list.add(row);
    if (this.#list.paused) this.#numbers();
  }

  /** Takes the counts of the last second from the store. */
  rate(instance) {
    if (instance === this.#instance) this.#numbers();
  }

  #numbers() {
    const kept = this.#instance ? rowsOf(this.#instance) : null;
    setText(this.#rate, kept ? `${t('perSecond', speed(kept.rate))} · ${t('total', count(kept.total))}` : '');
    setText(this.#sampled, kept?.skipped > 0 ? t('sampled', SHOWN, count(kept.skipped)) : '');
    setText(this.#paused, this.#list.paused ? t('pausedWith', count(this.#list.waiting)) : '');
  }

  #toggle() {
    if (this.#list.paused) this.#list.resume();
    else this.#list.paused = true;
    setText(this.#pause, t(this.#list.paused ? 'resume' : 'pause'));
    this.#pause.setAttribute('aria-pressed', String(this.#list.paused));
    this.#numbers();
  }

  #clear() {
    if (this.#instance) rowsOf(this.#instance).ring.clear();
    this.#list.replace([]);
  }
}

/** A row: its number, its time, its values; the whole of it when it is opened. */
function draw(row) {
  const start = [el('span', { class: 'n' }, String(row.n)), el('time', {}, `${Number(row.t).toFixed(3)} s`)];
  // The server keeps only the beginning of a very large row.
  if (row.excerpt !== undefined) {
    return el('li', { class: 'line' }, start, el('span', {}, foreign(row.excerpt), ' ', el('em', {}, t('bytes', count(row.bytes)))));
  }
  const body = el('div', { class: 'body' });
  const details = el('details', { on: { toggle: () => {
    if (!details.open || body.childElementCount > 0) return;
    body.append(block(row.message));
    if (row.meta !== null && row.meta !== undefined) body.append(el('p', { class: 'dim' }, t('meta')), block(row.meta));
  } } },
    el('summary', {}, start, line(row.message)), body);
  return el('li', {}, details);
}
