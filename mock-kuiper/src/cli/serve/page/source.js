// The work area of a source: the form that starts an instance, the instances, and the
// live rows of the chosen one.

import { el, visible } from './dom.js';
import { heading, textField } from './fields.js';
import { Instances } from './instances.js';
import { Rows } from './rows.js';
import { StartForm, startDraft } from './start.js';
import { instancesOf } from './store.js';
import { localized, t } from './text.js';

export class SourceView {
  #symbol;
  #app;
  #draft;
  #rows = new Rows();
  #instances;
  #form;

  constructor(app, symbol) {
    this.#app = app;
    this.#symbol = symbol;
    const known = symbol.metadata?.dataSource ?? {};
    const own = this.#draft = startDraft(symbol, { datasource: typeof known.default === 'string' ? known.default : '', confKey: '', chosen: null });
    this.#instances = new Instances(app, id => this.#choose(id));
    const label = localized(known.label);
    const live = el('div', { class: 'live-column' }, this.#instances.element, this.#rows.element);
    this.#form = new StartForm(app, symbol, own, {
      fields: [
        textField(own, 'datasource', visible(label || t('datasource')), visible(localized(known.hint) || t('datasourceHint'))),
        textField(own, 'confKey', t('confKey'), t('confKeyHint')),
      ],
      peers: { kind: 'sink', name: 'to', label: t('to'), hint: t('toHint') },
      body: () => ({ datasource: own.datasource, confKey: own.confKey || null }),
      started: instance => {
        this.#choose(instance.id);
        // On a narrow page they are below the form.
        this.#rows.element.scrollIntoView({ block: 'nearest' });
      },
    });
    this.element = el('div', {}, heading(symbol), el('div', { class: 'columns' }, this.#form.element, live));
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
    this.#form.update();
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
}
