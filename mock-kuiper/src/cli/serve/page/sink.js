// The work area of a sink: the form that starts an instance, the instances, and the
// editor of the rows that are sent to one.

import { button, el, field, foreign, Outcome, setText, visible } from './dom.js';
import { checkField, form, heading } from './fields.js';
import { count, Instances } from './instances.js';
import { parse } from './json.js';
import { StartForm, startDraft } from './start.js';
import { draft, instancesOf, store } from './store.js';
import { t } from './text.js';

/** The results that are kept. */
const HISTORY = 20;

/** Returns the rows in a text: an object, a list, or one object in each line. */
function rowsIn(text) {
  try {
    const value = parse(text);
    return Array.isArray(value) ? value : [value];
  } catch (error) {
    const lines = text.split('\n').filter(each => each.trim() !== '');
    if (lines.length < 2) throw error;
    return lines.map(each => parse(each));
  }
}

export class SinkView {
  #symbol;
  #editor;
  #instances;
  #form;

  constructor(app, symbol) {
    this.#symbol = symbol;
    const own = startDraft(symbol, { requireAck: true, sendSingle: false });
    this.#instances = new Instances(app, null);
    this.#editor = new Editor(app, symbol);
    this.#form = new StartForm(app, symbol, own, {
      fields: [
        checkField(own, 'requireAck', t('requireAck'), t('requireAckHint')),
        checkField(own, 'sendSingle', t('sendSingle'), t('sendSingleHint')),
      ],
      peers: { kind: 'source', name: 'from', label: t('from'), hint: t('fromHint') },
      body: () => ({ requireAck: own.requireAck, sendSingle: own.sendSingle }),
      // On a narrow page it is below the form.
      started: () => this.#instances.element.scrollIntoView({ block: 'nearest' }),
    });
    this.element = el('div', {},
      heading(symbol),
      el('div', { class: 'columns' },
        this.#form.element,
        el('div', { class: 'live-column' }, this.#instances.element, this.#editor.element)));
    this.update();
  }

  wanted() {
    return null;
  }

  update() {
    const instances = instancesOf(this.#symbol);
    this.#form.update();
    this.#instances.update(instances, null);
    this.#editor.update(instances);
  }
}

/** Sends rows to an instance, and shows what came of it. */
class Editor {
  #app;
  #draft;
  #select = el('select');
  #text;
  #send;
  #outcome = new Outcome();
  #note = el('p', { class: 'note bad', role: 'alert' });
  #history = el('ol', { class: 'results' });
  #heading = el('h4', { hidden: true }, t('sentBefore'));

  constructor(app, symbol) {
    this.#app = app;
    this.#draft = draft(`rows/${symbol.name}`, () => ({ text: '{"temperature": 21.5}', raw: false, results: [] }));
    this.#text = el('textarea', { rows: 6, spellcheck: 'false', value: this.#draft.text, on: {
      input: () => { this.#draft.text = this.#text.value; },
      keydown: event => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        this.#submit();
      },
    } });
    this.#send = el('button', { type: 'submit', class: 'main' }, t('send'));
    this.element = el('section', { 'aria-label': t('sendTitle') },
      form(() => this.#submit(),
        el('h3', {}, t('sendTitle')),
        field(t('sendTo'), this.#select),
        field(t('rowsField'), this.#text, { hint: t('rowsHint') }),
        checkField(this.#draft, 'raw', t('raw'), t('rawHint')),
        el('div', { class: 'row' }, this.#send, button(t('lastRow'), () => this.#insert())),
        this.#note, this.#outcome.element),
      this.#heading, this.#history);
    for (const result of this.#draft.results) this.#show(result);
  }

  update(instances) {
    const ids = instances.filter(each => each.state === 'running').map(each => each.id);
    if (this.#select.dataset.ids === ids.join()) return;
    this.#select.dataset.ids = ids.join();
    const before = this.#select.value;
    this.#select.replaceChildren(...ids.map(id => el('option', { value: id }, visible(id))));
    if (ids.includes(before)) this.#select.value = before;
  }

  #insert() {
    const rows = [...store.rows.values()].map(kept => kept.last).filter(row => row?.message).sort((a, b) => a.t - b.t);
    setText(this.#note, rows.length > 0 ? '' : t('noLastRow'));
    if (rows.length === 0) return;
    this.#draft.text = JSON.stringify(rows.at(-1).message, null, 2);
    this.#text.value = this.#draft.text;
    this.#text.focus();
  }

  async #submit() {
    if (this.#send.hasAttribute('aria-disabled')) return;
    const instance = this.#select.value;
    let body;
    try {
      body = this.#draft.raw ? { text: this.#text.value } : { rows: rowsIn(this.#text.value) };
    } catch (error) {
      setText(this.#note, t('notJson', visible(error.message)));
      return;
    }
    setText(this.#note, instance ? '' : t('needsInstance'));
    if (!instance) return;
    const result = await this.#outcome.of(this.#app.send('POST', ['instances', instance, 'rows'], body), this.#send);
    if (!result) return;
    const sent = { ...result, text: this.#text.value, at: new Date().toLocaleTimeString('en-GB') };
    this.#draft.results = [...this.#draft.results, sent].slice(-HISTORY);
    this.#show(sent);
  }

  #show({ sent, acks, text, at }) {
    const failed = (acks ?? []).filter(ack => !ack.ok);
    const acked = acks?.length > 0 ? t('acked', count(acks.length - failed.length), count(failed.length)) : t('noAcks');
    this.#heading.hidden = false;
    this.#history.prepend(el('li', {},
      el('time', {}, at), ' ',
      el('span', { class: `label ${failed.length > 0 ? 'bad' : 'good'}` }, t('sent', count(sent))), ' ', acked, ' ', foreign(text, 100),
      failed.slice(0, 5).map(ack => el('p', { class: 'bad' }, foreign(ack.error ?? '')))));
    while (this.#history.childElementCount > HISTORY) this.#history.lastChild.remove();
  }
}
