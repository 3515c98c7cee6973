// A list that grows at its end: rows, messages, lines. It keeps the last entries, draws
// at most once in a frame, and follows its end unless the reader has scrolled up.

import { el } from './dom.js';

export class List {
  #limit;
  #draw;
  #queue = [];
  #frame = 0;
  #empty;
  #follows = true;

  /** `draw` turns a value into an `li`; `empty` is shown while there is none. */
  constructor(label, limit, draw, empty) {
    this.#limit = limit;
    this.#draw = draw;
    this.#empty = el('p', { class: 'dim nothing' }, empty);
    this.items = el('ol');
    this.element = el('div', { class: 'stream', role: 'region', 'aria-label': label, tabindex: 0 }, this.#empty, this.items);
    // Only the reader scrolls away from the end; a window that changes does not.
    this.element.addEventListener('scroll', () => { this.#follows = this.#isAtEnd(); });
    this.paused = false;
    /** How many values came during the pause. */
    this.waiting = 0;
  }

  add(value) {
    this.#queue.push(value);
    if (this.paused) this.waiting += 1;
    // No frame is drawn in a hidden tab; older values would not be kept anyway.
    if (this.#queue.length > 2 * this.#limit) this.#queue = this.#queue.slice(-this.#limit);
    this.#schedule();
  }

  replace(values) {
    this.items.replaceChildren();
    this.#queue = values.slice(-this.#limit);
    this.#schedule();
  }

  resume() {
    this.paused = false;
    this.waiting = 0;
    this.#schedule();
  }

  #schedule() {
    if (this.#frame || this.paused) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.paused) this.#flush();
    });
  }

  #isAtEnd() {
    return this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 24;
  }

  #flush() {
    const fresh = this.#queue.slice(-this.#limit).map(value => this.#draw(value));
    this.#queue = [];
    const surplus = this.items.childElementCount + fresh.length - this.#limit;
    for (let count = Math.min(surplus, this.items.childElementCount); count > 0; count -= 1) this.items.firstChild.remove();
    this.items.append(...fresh);
    this.#empty.hidden = this.items.childElementCount > 0;
    if (this.#follows) this.element.scrollTop = this.element.scrollHeight;
  }
}
