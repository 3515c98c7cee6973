// The work area of a function: a field for each argument, call and validate, and the
// history of the calls.

import { button, el, field, foreign, Outcome, setText, visible } from './dom.js';
import { form, heading, textField } from './fields.js';
import { line, parsed } from './json.js';
import { draft } from './store.js';
import { localized, t } from './text.js';

/** The calls that are kept. */
const HISTORY = 50;

/** Returns what an argument's field sends: JSON, or else a text. */
function argument(text, type) {
  if (text.trim() === '') return type === 'string' ? '' : null;
  const value = parsed(text);
  return value === undefined ? text : value;
}

export class CallView {
  #symbol;
  #app;
  #specs;
  #draft;
  #fields = el('div', { class: 'fields' });
  #sends = el('p', { class: 'dim' });
  #outcome = new Outcome();
  #call = el('button', { type: 'submit', class: 'main' }, t('call'));
  #history = el('tbody');
  #table;
  #none = el('p', { class: 'dim' }, t('noHistory'));

  constructor(app, symbol) {
    this.#app = app;
    this.#symbol = symbol;
    const listed = Array.isArray(symbol.metadata?.functions) ? symbol.metadata.functions : [];
    const own = listed.find(each => each?.name === symbol.name) ?? {};
    this.#specs = (Array.isArray(own.args) ? own.args : []).filter(Boolean);
    const first = () => (symbol.metadata ? this.#specs : [{}]).map(spec => (spec.default === undefined ? '' : JSON.stringify(spec.default)));
    this.#draft = draft(`function/${symbol.name}`, () => ({ rule: 'rule1', args: first(), calls: [] }));
    const validate = button(t('validate'), () => this.#send('validate', validate), { title: t('validateHint') });
    const hint = localized(own.hint);
    const returns = own.return?.type;
    this.#table = el('table', {},
      el('thead', {}, el('tr', {}, [t('time'), t('arguments'), t('result'), 'ms', ''].map(text => el('th', { scope: 'col' }, text)))),
      this.#history);
    this.element = el('div', {},
      heading(symbol),
      hint && hint !== localized(symbol.metadata?.about?.description) ? el('p', {}, visible(hint)) : null,
      own.example ? el('p', { class: 'dim example' }, `${t('example')}: `, foreign(own.example), typeof returns === 'string' ? ` → ${visible(returns)}` : '') : null,
      symbol.aggregate ? el('p', {}, el('span', { class: 'label quiet' }, t('aggregate')), ` ${t('aggregateHint')}`) : null,
      el('div', { class: 'columns' },
        form(() => this.#send('call', this.#call),
          el('h3', {}, t('arguments')),
          el('p', { class: 'hint' }, t('argumentsHint')),
          this.#fields,
          el('div', { class: 'row' },
            button(t('addArgument'), () => this.#resize([...this.#draft.args, ''])),
            button(t('removeArgument'), () => this.#resize(this.#draft.args.slice(0, -1)))),
          textField(this.#draft, 'rule', t('rule'), ''),
          this.#sends,
          el('div', { class: 'row' }, this.#call, validate),
          this.#outcome.element),
        el('section', { class: 'live-column', 'aria-label': t('history') }, el('h3', {}, t('history')), this.#none, this.#table)));
    this.element.addEventListener('keydown', event => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.#send('call', this.#call);
    });
    this.#drawFields();
    for (const call of this.#draft.calls) this.#show(call);
    this.#table.hidden = this.#draft.calls.length === 0;
  }

  wanted() {
    return null;
  }

  update() {}

  #values() {
    return this.#draft.args.map((text, index) => argument(text, this.#specs[index]?.type));
  }

  #resize(args) {
    this.#draft.args = args;
    this.#drawFields();
  }

  #drawFields() {
    this.#fields.replaceChildren(...this.#draft.args.map((text, index) => {
      const spec = this.#specs[index] ?? {};
      const box = el('textarea', { rows: Math.min(6, text.split('\n').length), spellcheck: 'false', value: text });
      box.addEventListener('input', () => {
        this.#draft.args[index] = box.value;
        this.#drawSends();
      });
      const label = localized(spec.label) || spec.name || t('argument', index + 1);
      const hint = [localized(spec.hint), spec.type ? `(${spec.type})` : ''].filter(Boolean).join(' ');
      return field(visible(label), box, { hint: visible(hint), required: spec.optional === false, name: spec.name, code: spec.name });
    }));
    this.#drawSends();
  }

  #drawSends() {
    this.#sends.replaceChildren(`${t('sends')}: `, foreign(JSON.stringify(this.#values()), 400));
  }

  async #send(what, pressed) {
    if (pressed.hasAttribute('aria-disabled')) return;
    const args = this.#values();
    const body = what === 'call' ? { args, rule: this.#draft.rule } : { args };
    const answer = await this.#outcome.of(this.#app.send('POST', ['functions', this.#symbol.name, what], body), pressed);
    if (!answer) return;
    const call = { what, args, texts: [...this.#draft.args], answer, at: new Date().toLocaleTimeString('en-GB') };
    this.#draft.calls = [...this.#draft.calls, call].slice(-HISTORY);
    this.#show(call);
  }

  #show({ what, args, texts, answer, at }) {
    const failed = 'error' in answer;
    const seen = what === 'validate'
      ? el('span', { class: `label ${failed ? 'bad' : 'good'}` }, t(failed ? 'notValid' : 'valid'))
      : failed ? el('span', { class: 'label bad' }, t(answer.refused ? 'notValid' : 'failed')) : line(answer.result);
    this.#none.hidden = true;
    this.#table.hidden = false;
    this.#history.prepend(el('tr', {},
      el('td', {}, el('time', {}, at)),
      el('td', {}, what === 'validate' ? `${t('validate')} ` : '', foreign(JSON.stringify(args), 120)),
      el('td', {}, seen, failed ? el('p', { class: 'bad' }, foreign(answer.error)) : null),
      el('td', { class: 'number' }, answer.ms === undefined ? '' : Number(answer.ms).toFixed(2)),
      el('td', {}, button(t('again'), () => this.#resize([...texts])))));
    while (this.#history.childElementCount > HISTORY) this.#history.lastChild.remove();
    setText(this.#none, t('noHistory'));
  }
}
