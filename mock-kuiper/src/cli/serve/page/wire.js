// The conversation: every message with its time, direction, channel and meaning, and
// its body when it is opened. Above it, the messages of each channel over time.

import { el, foreign, visible } from './dom.js';
import { block, decoded, parsed } from './json.js';
import { Lanes } from './lanes.js';
import { List } from './list.js';
import { conversation, isRow, KEPT, store } from './store.js';
import { t } from './text.js';

export class Wire {
  #list;
  #channel;
  #filter;
  #rows;
  #lanes = new Lanes();

  constructor() {
    this.#list = new List(t('conversation'), KEPT.wire, message => draw(message), t('noMessages'));
    this.#channel = el('select', { 'aria-label': t('channel'), on: { change: () => this.redraw() } });
    this.#filter = el('input', { type: 'search', 'aria-label': t('filter'), placeholder: t('filter'), on: { input: () => this.redraw() } });
    this.#rows = el('input', { type: 'checkbox', checked: true, on: { change: () => this.redraw() } });
    this.tools = el('div', { class: 'row' }, this.#channel, this.#filter, el('label', {}, this.#rows, ` ${t('rowsAndAcks')}`), el('span', { class: 'dim small wide' }, t('kept', KEPT.wire)));
    this.element = el('div', { class: 'wire' }, this.#lanes.element, this.#list.element);
    this.#channels();
    this.redraw();
  }

  #channels() {
    const known = [...store.wire.channels].sort();
    if (this.#channel.dataset.known === known.join()) return;
    this.#channel.dataset.known = known.join();
    const before = this.#channel.value;
    this.#channel.replaceChildren(el('option', { value: '' }, t('allChannels')), ...known.map(name => el('option', { value: name }, visible(name))));
    this.#channel.value = known.includes(before) ? before : '';
  }

  #shown(message) {
    if (isRow(message) && !this.#rows.checked) return false;
    if (this.#channel.value !== '' && message.channel !== this.#channel.value) return false;
    const wanted = this.#filter.value.toLowerCase();
    if (wanted === '') return true;
    return [message.explain, message.channel, kindOf(message), bodyOf(message)].some(text => text?.toLowerCase().includes(wanted));
  }

  add(message) {
    this.#channels();
    if (this.#shown(message)) this.#list.add(message);
    this.#lanes.schedule();
  }

  redraw() {
    this.#channels();
    this.#list.replace(conversation().filter(message => this.#shown(message)));
    this.#lanes.schedule();
  }
}

/** The kind of a message, or the name of an event that is none. */
function kindOf(message) {
  return String(message.event ?? message.kind ?? '');
}

/** The body of a message as it was sent; rows come as JSON. */
function bodyOf(message) {
  if (typeof message.text === 'string') return message.text;
  if (message.message === undefined) return null;
  return JSON.stringify({ message: message.message, meta: message.meta ?? null });
}

/** The characters of a body that are shown beside its meaning. */
const PREVIEW = 160;

function draw(message) {
  const preview = (bodyOf(message) ?? '').slice(0, PREVIEW);
  const from = message.from === 'host' || message.from === 'plugin' ? message.from : null;
  const arrow = { host: '→', plugin: '←' }[from] ?? '·';
  const opened = el('div', { class: 'body' });
  const details = el('details', { on: { toggle: () => {
    if (details.open && opened.childElementCount === 0) opened.append(...contents(message));
  } } },
    el('summary', {},
      el('time', {}, `${Number(message.t).toFixed(3)} s`),
      el('span', { class: `from ${from ?? 'none'}`, title: from ? t(from) : '' }, arrow, el('span', { class: 'unseen' }, from ? t(from) : '')),
      el('span', { class: 'kind' }, visible(kindOf(message))),
      el('span', { class: 'explain' }, foreign(message.explain ?? '', 160, 'span')),
      el('code', { class: 'preview' }, visible(preview)),
      message.skipped > 0 ? el('span', { class: 'gap' }, t('before', message.skipped.toLocaleString('en'))) : null,
      el('span', { class: 'channel' }, visible(message.channel ?? ''))),
    opened);
  return el('li', {}, details);
}

/** What is shown of an opened message. */
function contents(message) {
  const body = bodyOf(message);
  if (body === null) {
    const { n, explain, ...rest } = message;
    return [block(rest)];
  }
  if (message.bytes > body.length) {
    return [foreign(body, 4000, 'pre'), el('p', { class: 'dim' }, t('bytes', message.bytes.toLocaleString('en')))];
  }
  const value = parsed(body);
  if (value === undefined || typeof value !== 'object') return [foreign(body, 4000, 'pre')];
  const sent = el('details', {}, el('summary', { class: 'dim' }, t('asSent')), foreign(body, 4000, 'pre'));
  return [block(decoded(value)), sent];
}
