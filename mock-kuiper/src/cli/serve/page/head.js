// The top of the page: the plugin and its process, the release, the language; and below
// it what is wrong: the server does not answer, or the plugin ended.

import { button, el, Outcome, problem, setText, visible } from './dom.js';
import { copier } from './case.js';
import { store } from './store.js';
import { choose, current, NAMES, t } from './text.js';

const COLORS = { running: 'good', starting: 'doubtful', waiting: 'doubtful', exited: 'bad', stopped: 'quiet' };

export class Head {
  #app;
  #name = el('div', { class: 'who' });
  #state = el('span', { class: 'label', role: 'status' });
  #release = el('select');
  #outcome = new Outcome();
  #link = el('div', { class: 'banner', role: 'status', hidden: true });
  #trouble = el('div', { class: 'banner', hidden: true });
  #buttons;

  constructor(app, languageChanged) {
    this.#app = app;
    const act = (action, name) => {
      const pressed = button(t(name), () => this.#act(action, pressed), { title: t(`${name}Hint`), 'data-action': action });
      return pressed;
    };
    this.#buttons = [act('start', 'startPlugin'), act('stop', 'stopPlugin'), act('reload', 'reload'), act('kill', 'kill')];
    this.#release.addEventListener('change', () => this.#choose());
    const language = el('select', { value: current(), on: { change: () => {
      choose(language.value);
      languageChanged();
    } } }, Object.entries(NAMES).map(([key, name]) => el('option', { value: key, lang: key.slice(0, 2) }, name)));
    language.value = current();
    this.element = el('header', { class: 'top' },
      el('div', { class: 'bar' },
        el('h1', {}, 'mock-kuiper'), this.#name, this.#state,
        el('div', { class: 'row', role: 'group', 'aria-label': t('process') }, this.#buttons),
        el('span', { class: 'space' }),
        el('label', {}, el('span', { class: 'wide' }, `${t('release')} `), this.#release),
        el('label', {}, el('span', { class: 'unseen' }, t('language')), language)),
      this.#outcome.element, this.#link, this.#trouble);
  }

  /** Shows the state of the connection. */
  link(state, error) {
    const text = { connecting: 'connecting', gone: 'gone', refused: 'refused' }[state];
    this.#link.hidden = !text;
    this.#link.className = `banner ${state === 'connecting' ? '' : 'bad'}`;
    this.#link.replaceChildren(...(text ? [el('p', {}, t(text))] : []), ...(state === 'refused' && error ? [problem(error)] : []));
  }

  /** Says that the server was started again. */
  restarted() {
    this.#outcome.say(t('restarted'));
  }

  update() {
    const plugin = store.plugin;
    this.#drawName(plugin);
    for (const each of this.#buttons) each.disabled = !plugin;
    if (!plugin) {
      setText(this.#state, '');
      this.#trouble.hidden = true;
      this.#trouble.dataset.text = '';
      return;
    }
    setText(this.#state, `${t(plugin.state === 'waiting' ? 'waiting_state' : plugin.state)}${plugin.pid ? ` · pid ${plugin.pid}` : ''}`);
    this.#state.className = `label ${COLORS[plugin.state] ?? 'quiet'}`;
    this.#drawReleases(plugin);
    const waits = plugin.state === 'waiting' && plugin.attach;
    const text = JSON.stringify([plugin.finding, waits ? plugin.attach : null]);
    if (this.#trouble.dataset.text === text) return;
    this.#trouble.dataset.text = text;
    this.#trouble.hidden = !plugin.finding && !waits;
    this.#trouble.className = `banner ${plugin.finding ? 'bad' : ''}`;
    this.#trouble.replaceChildren(...(plugin.finding ? [problem(plugin.finding)] : []), ...(waits ? attach(plugin.attach) : []));
  }

  #drawName(plugin) {
    const facts = [plugin?.version, plugin?.language].filter(Boolean).join(' · ');
    const made = JSON.stringify([store.plugins, store.name, facts]);
    if (this.#name.dataset.made === made) return;
    this.#name.dataset.made = made;
    const name = store.plugins.length > 1
      ? el('select', { 'aria-label': t('plugin'), value: store.name, on: { change: event => this.#app.open(event.target.value) } },
        store.plugins.map(each => el('option', { value: each }, visible(each))))
      : el('b', {}, visible(store.name ?? ''));
    this.#name.replaceChildren(name, ' ', el('span', { class: 'dim' }, visible(facts)));
  }

  #drawReleases(plugin) {
    const names = store.releases.map(release => release.name);
    if (!names.includes(plugin.release)) names.push(plugin.release);
    if (this.#release.dataset.names !== names.join()) {
      this.#release.dataset.names = names.join();
      this.#release.replaceChildren(...names.map(name => el('option', { value: name }, visible(name))));
      this.#release.value = plugin.release;
    }
    // The keyboard may be on its way through the list.
    if (document.activeElement !== this.#release) this.#release.value = plugin.release;
  }

  async #act(action, pressed) {
    if (pressed.hasAttribute('aria-disabled')) return;
    const plugin = await this.#outcome.of(this.#app.send('POST', [action], {}), ...this.#buttons);
    if (plugin) this.#app.took(plugin);
  }

  async #choose() {
    const plugin = await this.#outcome.of(this.#app.send('PUT', ['release'], { release: this.#release.value }), ...this.#buttons);
    if (plugin) this.#app.took(plugin);
    else this.#release.value = store.plugin?.release;
  }
}

/** How a plugin is started that the server waits for. */
function attach({ command, env, directory }) {
  const variables = Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`).join(' ');
  return [
    el('p', {}, t('attach')),
    el('div', { class: 'row' }, el('code', { class: 'command' }, visible(command)), copier(command)),
    directory ? el('p', { class: 'dim' }, `${t('inDirectory')} `, el('code', {}, visible(directory))) : '',
    variables ? el('p', { class: 'dim' }, `${t('environment')} `, el('code', {}, visible(variables))) : '',
  ];
}
