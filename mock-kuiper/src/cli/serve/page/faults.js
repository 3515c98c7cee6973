// The faults: what each does, what survival means, a button that plays it, and what
// came of it.

import { button, el, Outcome, problem, visible } from './dom.js';
import { draft, store } from './store.js';
import { t } from './text.js';

export class FaultsView {
  #app;
  #body = el('div', { class: 'faults' });
  #outcome = new Outcome();

  constructor(app) {
    this.#app = app;
    this.element = el('div', {},
      el('header', { class: 'heading' }, el('h2', { tabindex: -1 }, t('faults')), el('p', {}, t('faultsIntro'))),
      this.#outcome.element, this.#body);
    this.#load();
  }

  wanted() {
    return null;
  }

  update() {}

  async #load() {
    store.faults ??= await this.#outcome.of(this.#app.send('GET', ['faults']));
    this.#body.replaceChildren(...(store.faults ?? []).map(fault => this.#fault(fault)));
  }

  #fault(fault) {
    const kept = draft(`fault/${fault.name}`, () => ({ value: fault.value ? String(fault.value.default) : '', came: null }));
    const came = el('div', { class: 'outcome', 'aria-live': 'polite' });
    const box = fault.value
      ? el('input', { type: 'text', value: kept.value, 'aria-label': t('value', fault.name), autocomplete: 'off', on: { input: () => { kept.value = box.value; } } })
      : null;
    const play = button(t('play'), async () => {
      if (play.hasAttribute('aria-disabled')) return;
      play.setAttribute('aria-disabled', 'true');
      came.replaceChildren(el('p', { class: 'dim' }, t('playing', fault.name)));
      try {
        const named = fault.value && kept.value !== '' ? `${fault.name}=${kept.value}` : fault.name;
        kept.came = await this.#app.send('POST', ['faults'], { fault: named });
      } catch (error) {
        kept.came = { error };
      }
      play.removeAttribute('aria-disabled');
      this.#show(came, kept.came);
    }, { 'aria-label': `${t('play')} ${fault.name}` });
    this.#show(came, kept.came);
    return el('section', { class: 'fault', 'aria-label': fault.name, 'data-name': fault.name },
      el('h3', {}, el('code', {}, visible(fault.name))),
      el('div', { class: 'row' }, box, play),
      el('dl', {},
        el('dt', {}, t('happens')), el('dd', {}, visible(fault.happens)),
        el('dt', {}, t('survival')), el('dd', {}, visible(fault.survival))),
      came);
  }

  #show(element, came) {
    if (!came) return;
    if (!came.error) {
      const survived = came.outcome === 'survived';
      element.replaceChildren(el('p', {},
        el('span', { class: `label ${survived ? 'good' : 'quiet'}` }, t(survived ? 'survived' : 'notApplicable')),
        came.reason ? ` ${visible(came.reason)}` : ''));
      return;
    }
    const finding = came.error.status === 422;
    element.replaceChildren(...(finding ? [el('p', {}, el('span', { class: 'label bad' }, t('notSurvived')))] : []), problem(came.error));
  }
}
