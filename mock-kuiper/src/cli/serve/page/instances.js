// The running instances of a source or a sink: state, numbers, stop. The rows of the
// table stay in place while their numbers change, so that a button keeps the focus.

import { button, el, foreign, Outcome, problem, setText, visible } from './dom.js';
import { t } from './text.js';

/** Formats a count, for example `12,345`. */
export function count(number) {
  return (number ?? 0).toLocaleString('en', { maximumFractionDigits: 0 });
}

/** Formats a rate: small ones have a decimal place. */
export function speed(number) {
  const digits = (number ?? 0) < 10 ? 1 : 0;
  return (number ?? 0).toLocaleString('en', { maximumFractionDigits: digits });
}

export class Instances {
  #app;
  #rows = new Map();
  #body = el('tbody');
  #choose;

  /** `choose` gets the id of the instance whose rows are wanted; null for none. */
  constructor(app, choose) {
    this.#app = app;
    this.#choose = choose;
    this.#none = el('p', { class: 'dim' }, t('noInstances'));
    this.outcome = new Outcome();
    this.#table = el('table', {},
      el('thead', {}, el('tr', {},
        [t('instance'), t('state'), t('rows'), choose ? t('rate') : t('acks'), ''].map(text => el('th', { scope: 'col' }, text)))),
      this.#body);
    this.element = el('section', { 'aria-label': t('instances') },
      el('h3', {}, t('instances')), this.#none, this.#table, this.outcome.element);
  }

  #none;
  #table;

  update(instances, chosen) {
    this.#none.hidden = instances.length > 0;
    this.#table.hidden = instances.length === 0;
    const ids = new Set(instances.map(instance => instance.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      row.trouble.remove();
      this.#rows.delete(id);
    }
    for (const instance of instances) this.#update(instance, chosen);
  }

  #update(instance, chosen) {
    if (!this.#rows.has(instance.id)) this.#rows.set(instance.id, this.#row(instance));
    const row = this.#rows.get(instance.id);
    setText(row.state, t(instance.state === 'running' ? 'running' : 'ended'));
    row.state.className = `label ${instance.state === 'running' ? 'good' : 'quiet'}`;
    setText(row.total, count(instance.rows) + (instance.invalid > 0 ? ` (${t('invalid', count(instance.invalid))})` : ''));
    const acks = instance.acks ?? {};
    const acked = instance.requireAck ? t('ackCounts', count(acks.done), count(acks.failed), count(acks.pending)) : '—';
    setText(row.speed, this.#choose ? t('perSecond', speed(instance.rate)) : acked);
    row.name.setAttribute('aria-pressed', String(instance.id === chosen));
    const text = instance.finding ? JSON.stringify(instance.finding) : '';
    if (row.trouble.dataset.text !== text) {
      row.trouble.dataset.text = text;
      row.trouble.hidden = text === '';
      row.trouble.firstChild.replaceChildren(...(text === '' ? [] : [problem(instance.finding)]));
    }
  }

  #row(instance) {
    const state = el('span', { class: 'label' });
    const total = el('td', { class: 'number' });
    const rate = el('td', { class: 'number' });
    const name = this.#choose
      ? button(visible(instance.id), () => this.#choose(instance.id), { class: 'pick' })
      : el('span', {}, foreign(instance.id));
    const stop = button(t('stop'), async () => {
      await this.outcome.of(this.#app.send('POST', ['instances', instance.id, 'stop'], {}), stop);
    }, { 'aria-label': `${t('stop')} ${visible(instance.id)}` });
    const element = el('tr', {}, el('td', {}, name), el('td', {}, state), total, rate, el('td', {}, stop));
    const trouble = el('tr', { hidden: true }, el('td', { colspan: 5 }));
    this.#body.append(element, trouble);
    return { element, trouble, state, total, speed: rate, name };
  }
}
