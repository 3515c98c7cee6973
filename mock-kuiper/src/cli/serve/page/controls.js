// One control of eKuiper's UI metadata: `text`, `textarea`, `password`, `select`,
// `radio` and `switch`, and `list` with its types. A value keeps its JSON type.

import { el, freshId, visible } from './dom.js';
import { isObject, parsed } from './json.js';
import { t } from './text.js';

/** Returns the specs of the properties in a nested list, or null if it is a plain list. */
export function nested(spec) {
  const specs = spec.default;
  const listed = Array.isArray(specs) && specs.length > 0 && specs.every(each => isObject(each) && typeof each.name === 'string');
  return spec.control === 'list' && listed ? specs : null;
}

/** Returns what the metadata gives for a property, or undefined. */
export function defaultOf(spec) {
  const inner = nested(spec);
  if (inner) {
    const entries = inner.map(each => [each.name, defaultOf(each)]).filter(([, value]) => value !== undefined);
    return entries.length > 0 ? Object.fromEntries(entries) : undefined;
  }
  const value = spec.default;
  if (value === undefined || value === null || value === '') return undefined;
  if (Array.isArray(value) && value.length === 0) return undefined;
  // Some metadata writes {"type": "bool", "default": "false"}.
  return typeof value === 'string' && spec.type !== 'string' ? typed(spec.type, value) : value;
}

/** Returns a text as the JSON value that its type asks for; what does not fit stays a text. */
export function typed(type, text) {
  if (type === 'string') return text;
  const value = parsed(text);
  if (type === 'int' || type === 'float') return isNumber(value) ? value : text;
  if (type === 'bool') return typeof value === 'boolean' ? value : text;
  return value === undefined ? text : value;
}

function isNumber(value) {
  return typeof value === 'number' || Boolean(JSON.isRawJSON?.(value));
}

/** Returns a value as the text of a control. */
export function asText(value) {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Returns the control of a property. `set` gets its new value, undefined for one that is
 * left out.
 */
export function control(spec, value, set) {
  switch (spec.control) {
    case 'radio':
    case 'switch':
      return choice(spec, value, set);
    case 'select':
      return select(spec, value, set);
    case 'list':
      return list(spec, value, set);
    case 'textarea':
      return area(spec, value, set);
    default:
      return input(spec, value, set);
  }
}

function input(spec, value, set) {
  const number = spec.type === 'int' || spec.type === 'float';
  const note = el('p', { class: 'note', 'aria-live': 'polite' });
  const say = now => {
    note.textContent = number && typeof now === 'string' ? t('asText') : now === undefined && spec.optional === false ? t('leftOut') : '';
  };
  const box = el('input', {
    type: spec.control === 'password' ? 'password' : 'text',
    inputmode: spec.type === 'int' ? 'numeric' : null,
    autocomplete: 'off',
    spellcheck: 'false',
    value: asText(value),
    on: { input: () => {
      const now = box.value === '' ? undefined : typed(spec.type, box.value);
      say(now);
      set(now);
    } },
  });
  say(value);
  return el('div', {}, box, note);
}

function area(spec, value, set) {
  const text = typeof value === 'string' || value === undefined ? asText(value) : JSON.stringify(value, null, 2);
  const box = el('textarea', { rows: Math.min(8, text.split('\n').length + 1), spellcheck: 'false', value: text });
  box.addEventListener('input', () => set(box.value === '' ? undefined : typed(spec.type, box.value)));
  return box;
}

function choice(spec, value, set) {
  const name = freshId();
  const options = [[true, t('yes')], [false, t('no')]];
  if (spec.optional !== false) options.push([undefined, t('unset')]);
  const radios = options.map(([given, text]) => el('label', {},
    el('input', { type: 'radio', name, checked: given === value, on: { change: () => set(given) } }), ` ${text}`));
  return el('div', { class: 'choices' }, radios);
}

function select(spec, value, set) {
  const values = (Array.isArray(spec.values) ? spec.values : []).map(given => (isObject(given) && 'value' in given ? given.value : given));
  const keys = values.map(given => JSON.stringify(given));
  // A value that was written as JSON, and is not offered.
  if (value !== undefined && !keys.includes(JSON.stringify(value))) {
    values.push(value);
    keys.push(JSON.stringify(value));
  }
  const options = values.map((given, index) => el('option', { value: index }, visible(asText(given))));
  const box = el('select', {}, el('option', { value: '' }, t('unset')), options);
  box.value = value === undefined ? '' : String(keys.indexOf(JSON.stringify(value)));
  box.addEventListener('change', () => set(box.value === '' ? undefined : values[Number(box.value)]));
  return box;
}

function list(spec, value, set) {
  const item = /^list_(string|int|float)$/.exec(spec.type)?.[1];
  if (!item) return area({ ...spec, type: 'any' }, value, set);
  const lines = Array.isArray(value) ? value.map(asText) : value === undefined ? [] : [asText(value)];
  const box = el('textarea', { rows: Math.min(8, lines.length + 1), spellcheck: 'false', value: lines.join('\n') });
  box.addEventListener('input', () => {
    const entries = box.value.split('\n').filter(line => line !== '');
    set(entries.length > 0 ? entries.map(line => typed(item, line)) : undefined);
  });
  return box;
}

/** Returns what is said below a control besides its hint. */
export function remark(spec) {
  const known = ['text', 'textarea', 'password', 'select', 'radio', 'switch', 'list', 'number', 'field', undefined];
  if (!known.includes(spec.control)) return t('unknownControl', visible(spec.control));
  if (spec.control !== 'list') return '';
  return /^list_(string|int|float)$/.test(spec.type) ? t('onePerLine') : t('asJson');
}
