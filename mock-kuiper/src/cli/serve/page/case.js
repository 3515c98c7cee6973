// Saves what was done and seen: as a case for `mock-kuiper test`, and as a trace.

import { blob, path } from './api.js';
import { button, el, Outcome, visible } from './dom.js';
import { form, textField } from './fields.js';
import { draft, store } from './store.js';
import { t } from './text.js';

/** Gives the browser a file to keep. */
function download(content, name) {
  const address = URL.createObjectURL(content);
  el('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A button that copies a text, and says so. */
export function copier(text) {
  const copy = button(t('copy'), async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = t('copied');
  });
  return copy;
}

export class CaseView {
  #app;
  #draft = draft('case', () => ({ name: 'from the page', saved: null }));
  #outcome = new Outcome();
  #file = el('div');

  constructor(app) {
    this.#app = app;
    const save = el('button', { type: 'submit', class: 'main' }, t('save'));
    const trace = button(t('trace'), async () => {
      const content = await this.#outcome.of(blob(path(store.name, 'trace')), trace);
      if (content) download(content, `${store.name}.jsonl`);
    });
    this.element = el('div', {},
      el('header', { class: 'heading' }, el('h2', { tabindex: -1 }, t('case')), el('p', {}, t('caseIntro'))),
      form(() => this.#save(save),
        textField(this.#draft, 'name', t('caseName'), ''),
        el('div', { class: 'row' }, save)),
      this.#outcome.element, this.#file,
      el('div', { class: 'row later' }, trace, el('span', { class: 'dim' }, t('traceHint'))));
    this.#show();
  }

  wanted() {
    return null;
  }

  update() {}

  async #save(save) {
    const saved = await this.#outcome.of(this.#app.send('POST', ['case'], { name: this.#draft.name }), save);
    if (!saved) return;
    this.#draft.saved = saved;
    this.#show();
  }

  #show() {
    if (!this.#draft.saved) return;
    const { yaml, file } = this.#draft.saved;
    this.#file.replaceChildren(
      el('div', { class: 'row' },
        button(t('download', visible(file)), () => download(new Blob([yaml], { type: 'application/yaml' }), file)),
        copier(yaml)),
      el('pre', { class: 'file', tabindex: 0, 'aria-label': visible(file) }, visible(yaml)));
  }
}
