// The work area of a source: the form that starts an instance, the instances, and the
// live rows of the chosen one.

import { button, el, field, Outcome, visible } from './dom.js';
import { ConfigForm, defaults, specsOf } from './form.js';
import { Instances } from './instances.js';
import { Rows } from './rows.js';
import { draft, instancesOf } from './store.js';
import { localized, t } from './text.js';

/** A text field of a draft. */
export function textField(of, name, label, hint) {
  const box = el('input', { type: 'text', value: of[name], autocomplete: 'off', spellcheck: 'false' });
  box.addEventListener('input', () => { of[name] = box.value; });
  return field(label, box, { hint, name });
}

/** A checkbox of a draft. */
export function checkField(of, name, label, hint) {
  const box = el('input', { type: 'checkbox', checked: of[name] });
  box.addEventListener('change', () => { of[name] = box.checked; });
  return field(label, box, { hint, inline: true, name });
}

/** A form: Enter in a field, or its button, runs `submit`. */
export function form(submit, ...children) {
  return el('form', { on: { submit: event => {
    event.preventDefault();
    submit();
  } } }, children);
}

/** The heading of a symbol: name, kind, description. */
export function heading(symbol) {
  const own = visible(localized(symbol.metadata?.node?.label));
  return el('header', { class: 'heading' },
    el('h2', { tabindex: -1 }, visible(symbol.name),
      el('span', { class: 'dim' }, ` ${t(symbol.kind)}${own && own !== symbol.name ? ` · ${own}` : ''}`)),
    el('p', {}, visible(localized(symbol.metadata?.about?.description))));
}

/** Returns the draft of the form that starts an instance. */
export function startDraft(symbol, more) {
  return draft(`${symbol.kind}/${symbol.name}`, () => ({ config: defaults(specsOf(symbol.metadata)), json: '', rule: 'rule1', ...more }));
}

export class SourceView {
  #symbol;
  #app;
  #draft;
  #rows = new Rows();
  #instances;
  #outcome = new Outcome();

  constructor(app, symbol) {
    this.#app = app;
    this.#symbol = symbol;
    const known = symbol.metadata?.dataSource ?? {};
    this.#draft = startDraft(symbol, { datasource: typeof known.default === 'string' ? known.default : '', confKey: '', chosen: null });
    this.#instances = new Instances(app, id => this.#choose(id));
    const config = new ConfigForm(symbol.metadata, this.#draft);
    const start = el('button', { type: 'submit', class: 'main' }, t('start'));
    const label = localized(known.label);
    this.element = el('div', {},
      heading(symbol),
      el('div', { class: 'columns' },
        form(() => this.#start(config, start),
          el('h3', {}, t('startTitle')),
          el('div', { class: 'fields' },
            textField(this.#draft, 'rule', t('rule'), t('ruleHint')),
            textField(this.#draft, 'datasource', visible(label || t('datasource')), visible(localized(known.hint) || t('datasourceHint'))),
            textField(this.#draft, 'confKey', t('confKey'), t('confKeyHint'))),
          config.element,
          el('div', { class: 'row actions' }, start),
          this.#outcome.element),
        el('div', { class: 'live-column' }, this.#instances.element, this.#rows.element)));
    this.update();
  }

  /** The instance whose rows the stream brings. */
  wanted() {
    return this.#draft.chosen;
  }

  update() {
    const instances = instancesOf(this.#symbol);
    const ids = instances.map(instance => instance.id);
    // The rows of an instance that has ended stay on the page until another one runs.
    if (ids.length > 0 && !ids.includes(this.#draft.chosen)) this.#choose(ids.at(-1));
    this.#instances.update(instances, this.#draft.chosen);
    this.#rows.show(this.#draft.chosen);
  }

  row(row, isOther) {
    this.#rows.add(row, isOther);
  }

  rate(instance) {
    this.#rows.rate(instance);
  }

  #choose(id) {
    if (this.#draft.chosen === id) return;
    this.#draft.chosen = id;
    this.#app.rewatch();
    this.update();
  }

  async #start(config, start) {
    const value = config.value();
    if (value === null || start.hasAttribute('aria-disabled')) return;
    const { rule, datasource, confKey } = this.#draft;
    const body = { config: value, datasource, confKey: confKey || null, rule };
    const instance = await this.#outcome.of(this.#app.send('POST', ['sources', this.#symbol.name, 'start'], body), start);
    if (instance) this.#choose(instance.id);
  }
}
