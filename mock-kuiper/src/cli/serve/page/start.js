// The form that starts an instance of a source or a sink: its rule, its configuration,
// and the instances that it is connected with.

import { el, Outcome, visible } from './dom.js';
import { form, textField } from './fields.js';
import { ConfigForm, defaults, specsOf } from './form.js';
import { draft, store } from './store.js';
import { t } from './text.js';

/** Returns the draft of the form; `more` are the fields that only this kind has. */
export function startDraft(symbol, more) {
  return draft(`${symbol.kind}/${symbol.name}`, () => ({ config: defaults(specsOf(symbol.metadata)), json: '', rule: 'rule1', peers: [], ...more }));
}

/**
 * `fields` are those of this kind alone, and `body()` returns what they send. `peers`
 * names the instances that can be chosen: `kind`, `label`, `hint`, and the `name` under
 * which they are sent. `started` gets the new instance.
 */
export class StartForm {
  #app;
  #symbol;
  #draft;
  #with;
  #config;
  #outcome = new Outcome();
  #start = el('button', { type: 'submit', class: 'main' }, t('start'));
  #choices = el('div', { class: 'choices' });
  #peers;

  constructor(app, symbol, draft, { fields, peers, body, started }) {
    this.#app = app;
    this.#symbol = symbol;
    this.#draft = draft;
    this.#with = { peers, body, started };
    this.#config = new ConfigForm(symbol.metadata, draft);
    this.#peers = el('fieldset', { class: 'field plain', 'data-name': peers.name },
      el('legend', {}, peers.label), this.#choices, el('p', { class: 'hint' }, peers.hint));
    this.element = form(() => this.#submit(),
      el('h3', {}, t('startTitle')),
      el('div', { class: 'fields' }, textField(draft, 'rule', t('rule'), t('ruleHint')), fields, this.#peers),
      this.#config.element,
      el('div', { class: 'row actions' }, this.#start),
      this.#outcome.element);
    this.update();
  }

  /** Offers the instances that run now. */
  update() {
    const ids = this.#running();
    this.#peers.hidden = ids.length === 0;
    if (this.#choices.dataset.ids === ids.join()) return;
    this.#choices.dataset.ids = ids.join();
    this.#choices.replaceChildren(...ids.map(id => {
      const box = el('input', { type: 'checkbox', checked: this.#draft.peers.includes(id) });
      box.addEventListener('change', () => {
        this.#draft.peers = this.#draft.peers.filter(each => each !== id).concat(box.checked ? [id] : []);
      });
      return el('label', {}, box, ` ${visible(id)}`);
    }));
  }

  #running() {
    return (store.plugin?.instances ?? []).filter(each => each.kind === this.#with.peers.kind).map(each => each.id);
  }

  async #submit() {
    const config = this.#config.value();
    if (config === null || this.#start.hasAttribute('aria-disabled')) return;
    const running = this.#running();
    const peers = this.#draft.peers.filter(id => running.includes(id));
    const body = { config, rule: this.#draft.rule, [this.#with.peers.name]: peers, ...this.#with.body() };
    const started = this.#app.send('POST', [`${this.#symbol.kind}s`, this.#symbol.name, 'start'], body);
    const instance = await this.#outcome.of(started, this.#start);
    if (instance) this.#with.started(instance);
  }
}
