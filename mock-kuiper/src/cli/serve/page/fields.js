// Parts of the work areas: headings, forms, and fields of what was typed.

import { el, field, visible } from './dom.js';
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
