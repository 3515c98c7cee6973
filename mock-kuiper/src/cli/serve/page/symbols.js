// The list of the plugin's symbols with what runs of each, and the tools below it.

import { el, setText, visible } from './dom.js';
import { speed } from './instances.js';
import { instancesOf, store } from './store.js';
import { t } from './text.js';

/** The key of a symbol in the address of the page. */
export function keyOf(symbol) {
  return `${symbol.kind}/${symbol.name}`;
}

export class Symbols {
  #made = '';
  #badges = new Map();

  constructor() {
    this.element = el('nav', { 'aria-label': t('symbols') });
  }

  /** Draws the list, or only its numbers if the symbols are the same. */
  update(chosen) {
    const symbols = store.plugin?.symbols ?? [];
    const made = JSON.stringify([store.name, symbols.map(keyOf)]);
    if (made !== this.#made) {
      this.#made = made;
      this.#draw(symbols);
    }
    for (const link of this.element.querySelectorAll('a')) {
      if (link.dataset.key === chosen) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    for (const symbol of symbols) this.#number(symbol);
  }

  #draw(symbols) {
    this.#badges.clear();
    const groups = [['source', 'sources'], ['sink', 'sinks'], ['function', 'functions']].map(([kind, title]) => {
      const own = symbols.filter(symbol => symbol.kind === kind);
      if (own.length === 0) return null;
      return el('div', {}, el('h2', {}, t(title)), el('ul', {}, own.map(symbol => this.#link(keyOf(symbol), symbol.name))));
    });
    this.element.replaceChildren(
      ...(symbols.length > 0 ? groups.filter(Boolean) : [el('p', { class: 'dim' }, t('noSymbols'))]),
      el('div', {}, el('h2', {}, t('tools')), el('ul', {},
        this.#link('faults', t('faults')), this.#link('case', t('case')))));
  }

  #link(key, text) {
    const badge = el('span', { class: 'badge' });
    this.#badges.set(key, badge);
    const address = `#/${[store.name, ...key.split('/')].map(encodeURIComponent).join('/')}`;
    return el('li', {}, el('a', { href: address, 'data-key': key }, el('span', {}, visible(text)), badge));
  }

  #number(symbol) {
    const running = instancesOf(symbol).filter(instance => instance.state === 'running');
    const rate = running.reduce((sum, instance) => sum + (instance.rate ?? 0), 0);
    const text = running.length === 0 ? '' : symbol.kind === 'source' ? t('perSecond', speed(rate)) : t('running');
    setText(this.#badges.get(keyOf(symbol)), text);
  }
}
