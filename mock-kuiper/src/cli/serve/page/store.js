// What the page knows, all bounded: the plugin, the last rows, log lines and messages.
// Drafts are what was typed, so that another language or symbol loses nothing.

/** Keeps the last values, bounded in number and in characters. */
class Ring {
  constructor(limit, bytes = 8_000_000) {
    Object.assign(this, { limit, bytes, size: 0, items: [] });
  }

  push(value, size) {
    this.items.push({ value, size });
    this.size += size;
    while (this.items.length > this.limit || (this.size > this.bytes && this.items.length > 1)) {
      this.size -= this.items.shift().size;
    }
  }

  clear() {
    this.items = [];
    this.size = 0;
  }

  values() {
    return this.items.map(item => item.value);
  }
}

/** The rows, messages and lines that are kept. */
export const KEPT = { rows: 200, wire: 300, log: 500 };

export const store = {
  server: null,
  plugins: [],
  releases: [],
  name: null,
  plugin: null,
  faults: null,
  /** By instance: `ring`, and `rows`, `rate`, `skipped` of the last second. */
  rows: new Map(),
  /** Rows and acks have a ring of their own, so that they do not push out the orders. */
  wire: { ring: new Ring(KEPT.wire), rows: new Ring(KEPT.wire), last: 0, skipped: 0, channels: new Set() },
  log: { ring: new Ring(KEPT.log), last: 0 },
  drafts: new Map(),
};

/** Forgets what belongs to a server or a plugin that is no longer shown. */
export function forget() {
  store.plugin = null;
  store.faults = null;
  store.rows.clear();
  for (const kept of [store.wire, store.log]) {
    kept.ring.clear();
    kept.last = 0;
  }
  store.wire.rows.clear();
  store.wire.skipped = 0;
  store.wire.channels.clear();
}

/** Says whether a message is one of the many: a row or an ack. */
export function isRow(message) {
  return ['row', 'invalid_row', 'sink_row', 'ack'].includes(message.event);
}

let order = 0;
/** Keeps a message of the conversation. */
export function keepMessage(message, size) {
  order += 1;
  const ring = isRow(message) ? store.wire.rows : store.wire.ring;
  ring.push({ message, order }, size);
}

/** Returns the messages of the conversation in their order. */
export function conversation() {
  const all = [...store.wire.ring.values(), ...store.wire.rows.values()];
  return all.sort((a, b) => a.order - b.order).map(kept => kept.message);
}

/** Returns what is known about an instance's rows. */
export function rowsOf(instance) {
  if (!store.rows.has(instance)) {
    store.rows.set(instance, { ring: new Ring(KEPT.rows), id: null, last: null, total: 0, rate: 0, skipped: 0 });
    // Instances come and go; the oldest is forgotten.
    if (store.rows.size > 16) store.rows.delete(store.rows.keys().next().value);
  }
  return store.rows.get(instance);
}

/**
 * Keeps a row. Its id is `TAG.NUMBER`: another instance of the same name has another tag,
 * and its rows replace those of the earlier one.
 */
export function keepRow(row, id, size) {
  const kept = rowsOf(row.instance);
  const tag = id?.split('.')[0];
  const isOther = kept.id !== null && kept.id.split('.')[0] !== tag;
  if (isOther) kept.ring.clear();
  kept.id = id;
  kept.last = row;
  kept.ring.push(row, size);
  return isOther;
}

/** Returns what was typed for a symbol or a tool, `make()` the first time. */
export function draft(key, make) {
  const whole = `${store.name}/${key}`;
  if (!store.drafts.has(whole)) store.drafts.set(whole, make());
  return store.drafts.get(whole);
}

/** Returns the instances of a symbol. */
export function instancesOf(symbol) {
  const all = store.plugin?.instances ?? [];
  return all.filter(instance => instance.kind === symbol.kind && instance.symbol === symbol.name);
}
