// Builds elements, and shows foreign text harmlessly.
//
// Foreign text only ever becomes a text node. Characters that are invisible or change
// the order of a line are shown as escapes; a long text is shortened, with a button
// that shows all of it.

import { t } from './text.js';

/** The characters of a text that are shown before it is shortened. */
export const SHORT = 240;
/** The characters of a text that are shown at most. */
const LONG = 200_000;

/**
 * Creates an element. `on` holds listeners; `value` and `checked` are set as
 * properties; other properties become attributes, and null or false leaves one out.
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value === null || value === undefined || value === false) {
      continue;
    } else if (name !== 'value' && name !== 'checked') {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  // After the children: the value of a `select` is one of its options.
  for (const name of ['value', 'checked']) {
    if (properties[name] !== undefined && properties[name] !== null) element[name] = properties[name];
  }
  return element;
}

/** Creates a button of the type `button`. */
export function button(text, click, properties = {}) {
  return el('button', { type: 'button', on: { click }, ...properties }, text);
}

/** Sets the text of an element, if it differs: a screen reader then stays calm. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// C0 and C1 without tab and line feed, soft hyphen, zero width, line and paragraph
// separators, directional marks, surrogates that stand alone.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Returns a text with its invisible characters as escapes. */
export function visible(text) {
  return String(text).replace(UNSEEN, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Returns a text as code, shortened with a button if it is long. */
export function foreign(text, limit = SHORT, tag = 'code') {
  const whole = String(text);
  const element = el(tag, { class: 'foreign' });
  if (whole.length <= limit) {
    element.textContent = visible(whole);
    return element;
  }
  const start = document.createTextNode(`${visible(whole.slice(0, limit))}…`);
  const more = button(t('showAll', whole.length.toLocaleString('en')), event => {
    event.preventDefault();
    event.stopPropagation();
    start.data = visible(whole.slice(0, LONG));
    more.replaceWith(whole.length > LONG ? el('em', {}, ` ${t('cutAt', LONG.toLocaleString('en'))}`) : '');
  }, { class: 'more' });
  element.append(start, ' ', more);
  return element;
}

/** Shows a request's error where it was caused: code, text, advice, what explains it. */
export function problem(error) {
  const code = error.code ?? 'internal';
  const advice = (error.advice ?? []).map(item => {
    if (typeof item === 'string') return el('li', {}, visible(item));
    return el('li', {}, visible(item.text ?? ''), item.command ? el('code', {}, visible(item.command)) : null);
  });
  return el('div', { class: 'problem', role: 'alert' },
    el('p', {}, el('code', { class: 'label bad' }, visible(code)), ' ', foreign(error.text ?? '', 600, 'span')),
    advice.length > 0 ? el('ul', { class: 'advice' }, advice) : null,
    code.includes('.') ? el('p', { class: 'dim' }, `${t('explain')}: `, el('code', {}, `mock-kuiper explain ${visible(code)}`)) : null);
}

/** A place beside what causes requests: shows that one is under way, or its error. */
export class Outcome {
  constructor() {
    this.element = el('div', { class: 'outcome', 'aria-live': 'polite' });
  }

  /** Runs a request; returns what it gave, or null after its error was shown. */
  async of(promise, ...buttons) {
    for (const each of buttons) each.setAttribute('aria-disabled', 'true');
    const waiting = setTimeout(() => this.say(t('waiting')), 300);
    try {
      const result = await promise;
      this.element.replaceChildren();
      return result;
    } catch (error) {
      this.element.replaceChildren(problem(error));
      this.element.scrollIntoView({ block: 'nearest' });
      return null;
    } finally {
      clearTimeout(waiting);
      for (const each of buttons) each.removeAttribute('aria-disabled');
    }
  }

  say(...content) {
    this.element.replaceChildren(el('p', { class: 'dim' }, ...content));
  }
}

let ids = 0;
/** Returns an id that no other element has. */
export function freshId() {
  ids += 1;
  return `id${ids}`;
}

/**
 * A field: label, control, hint. The control gets an id, and refers to the hint. `code`
 * is the property's name beside its label.
 */
export function field(label, control, { hint, required, name, code, inline } = {}) {
  const id = freshId();
  const target = control.matches('input, select, textarea') ? control : control.querySelector('input, select, textarea');
  target?.setAttribute('id', id);
  if (hint) target?.setAttribute('aria-describedby', `${id}h`);
  return el('div', { class: inline ? 'field inline' : 'field', 'data-name': name },
    el('label', { for: id }, label, required ? el('b', { class: 'required', title: t('required') }, ' *') : null,
      code && code !== label ? el('code', { class: 'name' }, visible(code)) : null),
    control,
    hint ? el('p', { class: 'hint', id: `${id}h` }, hint) : null);
}
