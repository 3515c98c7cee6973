// JSON as it was written: a number keeps its digits, for example 9007199254740993 or
// 1.0, where the browser can do so.

import { el, foreign, SHORT, visible } from './dom.js';

/** Parses a text. Throws a `SyntaxError`. */
export function parse(text) {
  return JSON.parse(text, JSON.rawJSON ? keepDigits : undefined);
}

function keepDigits(_, value, context) {
  if (typeof value !== 'number' || context?.source === undefined) return value;
  return context.source === String(value) ? value : JSON.rawJSON(context.source);
}

/** What is the plugin's own in a message of the server. */
const FOREIGN = ['message', 'meta', 'result'];

/** Parses a message of the server: only what is the plugin's own keeps its digits. */
export function envelope(text) {
  const value = JSON.parse(text);
  if (!JSON.rawJSON || !isObject(value) || !FOREIGN.some(name => name in value)) return value;
  const exact = parse(text);
  for (const name of FOREIGN) {
    if (name in value) value[name] = exact[name];
  }
  return value;
}

/** Returns the parsed text, or undefined if it is not JSON. */
export function parsed(text) {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** Says whether a value is an object with keys: no list, no number with its digits. */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON?.(value);
}

/** A value on one line, its keys set apart from its values. */
export function line(value) {
  const text = JSON.stringify(value) ?? 'undefined';
  if (text.length > SHORT) return foreign(text);
  const parts = text.split(/("(?:[^"\\]|\\.)*":)/);
  return el('code', { class: 'foreign' },
    parts.map((part, index) => (index % 2 ? el('span', { class: 'key' }, visible(part)) : visible(part))));
}

/** A value over several lines. */
export function block(value) {
  return foreign(JSON.stringify(value, null, 2) ?? 'undefined', 4000, 'pre');
}

/** Replaces texts that hold a JSON object or list by what they hold, as in an order's `arg`. */
export function decoded(value, depth = 0) {
  if (depth > 8) return value;
  if (typeof value === 'string' && /^[[{]/.test(value)) {
    const inner = parsed(value);
    return inner === undefined ? value : decoded(inner, depth + 1);
  }
  if (Array.isArray(value)) return value.map(item => decoded(item, depth + 1));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decoded(item, depth + 1)]));
}
