// The messages of each channel over time, as a picture: a lane for each channel, a mark
// for each message, above the lane from the host and below it from the plugin.

import { el, visible } from './dom.js';
import { conversation } from './store.js';
import { t } from './text.js';

const LANE = 18; // pixels
const LANES = 8;
const NAMES = 190; // pixels for the names of the channels

export class Lanes {
  #frame = 0;
  #canvas = el('canvas', { role: 'img', 'aria-label': t('lanes') });

  constructor() {
    this.element = el('div', { class: 'lanes', hidden: true }, this.#canvas);
    new ResizeObserver(() => this.schedule()).observe(this.element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.schedule());
  }

  /** Draws in the next frame. */
  schedule() {
    if (!this.#frame) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#draw();
      });
    }
  }

  #draw() {
    const all = conversation();
    // The time counts from the last launch.
    const begin = all.findLastIndex(message => message.event === 'launched');
    const messages = all.slice(Math.max(begin, 0)).filter(message => message.channel && message.from);
    const channels = [...new Set(messages.map(message => message.channel))].slice(-LANES);
    this.element.hidden = channels.length === 0;
    if (channels.length === 0) return;
    const width = this.element.clientWidth;
    const height = channels.length * LANE;
    const scale = devicePixelRatio;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const pen = this.#canvas.getContext('2d');
    pen.scale(scale, scale);
    const style = getComputedStyle(this.element);
    const color = name => style.getPropertyValue(name).trim();
    const first = messages[0].t;
    const span = Math.max(messages.at(-1).t - first, 0.001);
    const names = Math.min(NAMES, width / 3);
    pen.font = '11px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    channels.forEach((channel, index) => {
      const middle = index * LANE + LANE / 2;
      pen.fillStyle = color('--dim');
      pen.fillText(visible(channel), 0, middle, names - 8);
      pen.fillStyle = color('--edge');
      pen.fillRect(names, middle, width - names, 1);
    });
    for (const message of messages) {
      const index = channels.indexOf(message.channel);
      if (index < 0) continue;
      const x = names + ((message.t - first) / span) * (width - names - 4);
      pen.fillStyle = color(message.from === 'host' ? '--host' : '--plugin');
      pen.fillRect(x, index * LANE + (message.from === 'host' ? 2 : LANE / 2 + 1), 3, LANE / 2 - 3);
    }
  }
}
