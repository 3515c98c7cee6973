// The form of a configuration, made from the plugin's UI metadata, and the same
// configuration as JSON. Each follows the other. What the form shows is what is sent.

import { control, defaultOf, nested, remark } from './controls.js';
import { button, el, field, setText, visible } from './dom.js';
import { isObject, parse } from './json.js';
import { hasChinese, localized, t } from './text.js';

/** Returns the specs of a symbol's properties: a source has them below `default`. */
export function specsOf(metadata) {
  const properties = metadata?.properties;
  const listed = Array.isArray(properties) ? properties : properties?.default;
  return (Array.isArray(listed) ? listed : []).filter(spec => isObject(spec) && typeof spec.name === 'string');
}

/** Returns the configuration that the metadata's defaults make. */
export function defaults(specs) {
  const entries = specs.map(spec => [spec.name, defaultOf(spec)]).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}

/** A form for `draft.config`, which it changes. `draft.json` is a text that is not JSON yet. */
export class ConfigForm {
  constructor(metadata, draft) {
    this.specs = specsOf(metadata);
    this.draft = draft;
    this.fields = el('div', { class: 'fields' });
    this.unknown = el('p', { class: 'note' });
    this.error = el('p', { class: 'note bad', role: 'alert' });
    this.json = el('textarea', { rows: 6, spellcheck: 'false', on: { input: () => this.#typed() } });
    const details = el('details', { class: 'advanced', open: this.specs.length === 0 || Boolean(draft.json) },
      el('summary', {}, t('advanced')),
      field(t('config'), this.json, { hint: t('advancedHint') }),
      this.error);
    const none = metadata ? t('noProperties') : t('noMetadata');
    this.element = el('fieldset', { class: 'config' },
      el('legend', {}, t('config')),
      this.specs.length === 0 ? el('p', { class: 'dim' }, none) : null,
      this.fields,
      this.#withoutChinese(),
      this.unknown,
      details,
      this.specs.length > 0 ? el('div', { class: 'row' },
        button(t('defaults'), () => this.replace(defaults(this.specs)), { title: t('defaultsHint') }),
        button(t('empty'), () => this.replace({}), { title: t('emptyHint') })) : null);
    this.#drawFields();
    this.#drawJson();
  }

  /** Returns the configuration, or null while the JSON is not an object. */
  value() {
    return this.draft.json ? null : this.draft.config;
  }

  replace(config) {
    this.draft.config = config;
    this.draft.json = '';
    this.#drawFields();
    this.#drawJson();
  }

  #typed() {
    const fault = this.#read(this.json.value);
    this.draft.json = fault ? this.json.value : '';
    setText(this.error, fault);
    this.json.setAttribute('aria-invalid', String(Boolean(fault)));
    if (!fault) this.#drawFields();
  }

  #read(text) {
    try {
      const value = text.trim() === '' ? {} : parse(text);
      if (!isObject(value)) return t('notObject');
      this.draft.config = value;
      return '';
    } catch (error) {
      return t('notJson', visible(error.message));
    }
  }

  #drawJson() {
    this.json.value = this.draft.json || JSON.stringify(this.draft.config, null, 2);
    if (this.draft.json) this.#typed();
    else {
      setText(this.error, '');
      this.json.setAttribute('aria-invalid', 'false');
    }
    this.#noteUnknown();
  }

  #noteUnknown() {
    const known = new Set(this.specs.map(spec => spec.name));
    const others = Object.keys(this.draft.config).filter(key => !known.has(key));
    const shown = others.slice(0, 20).map(key => visible(key.slice(0, 80))).join(', ');
    setText(this.unknown, this.specs.length > 0 && others.length > 0 ? t('notInMetadata', shown) : '');
  }

  #withoutChinese() {
    const without = this.specs.filter(spec => !hasChinese(spec.label)).map(spec => visible(spec.name));
    if (without.length === 0 || document.documentElement.lang === 'en') return null;
    return el('p', { class: 'note' }, t('noChinese', without.join(', ')));
  }

  #drawFields() {
    const set = (name, value) => {
      if (value === undefined) delete this.draft.config[name];
      else this.draft.config[name] = value;
      this.draft.json = '';
      this.#drawJson();
    };
    this.fields.replaceChildren(...this.specs.map(spec => property(spec, this.draft.config[spec.name], set, 0)));
    this.#noteUnknown();
  }
}

/** One property: a field, or a group of the fields below it. `set` gets name and value. */
function property(spec, value, set, depth) {
  const label = visible(localized(spec.label) || spec.name);
  const inner = depth < 4 ? nested(spec) : null;
  const hint = [visible(localized(spec.hint)), inner ? '' : remark(spec)].filter(Boolean).join(' ');
  if (!inner) {
    const made = control(spec, value, now => set(spec.name, now));
    if (made.className === 'choices') return choices(spec, label, hint, made);
    return field(label, made, { hint, required: spec.optional === false, name: spec.name, code: spec.name });
  }
  const object = isObject(value) ? { ...value } : {};
  const change = (name, now) => {
    if (now === undefined) delete object[name];
    else object[name] = now;
    set(spec.name, Object.keys(object).length > 0 ? object : undefined);
  };
  return el('fieldset', { class: 'group', 'data-name': spec.name },
    el('legend', {}, label, el('code', { class: 'name' }, visible(spec.name))),
    hint ? el('p', { class: 'hint' }, hint) : null,
    inner.map(each => property(each, object[each.name], change, depth + 1)));
}

/** Radio buttons have a legend instead of a label. */
function choices(spec, label, hint, made) {
  return el('fieldset', { class: 'field plain', 'data-name': spec.name },
    el('legend', {}, label, spec.optional === false ? el('b', { class: 'required' }, ' *') : null,
      spec.name !== label ? el('code', { class: 'name' }, visible(spec.name)) : null),
    made,
    hint ? el('p', { class: 'hint' }, hint) : null);
}
