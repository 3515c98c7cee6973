// The server: requests, and the one stream of this tab.
//
// A browser opens six connections to a server at most, over all tabs, so a tab has one
// stream, and none while it is hidden. A ping finds a server that is suspended, and one
// that was started again, which has another id.

import { envelope } from './json.js';

const PING = 3000; // milliseconds between two
const ANSWER = 3000; // that a ping may take
const AGAIN = 1000; // before the next attempt

const token = new URLSearchParams(location.search).get('token');

/** An error answer: `code`, `text` and `advice` as the server gives them. */
class Failure extends Error {
  constructor(status, error) {
    super(error.text);
    Object.assign(this, { status, ...error });
  }
}

function headers(more = {}) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

/** Sends a request and returns the JSON of its answer. Throws a `Failure`. */
export async function request(method, path, body, limit) {
  let answer;
  let text;
  try {
    answer = await fetch(path, {
      method,
      headers: headers(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: limit ? AbortSignal.timeout(limit) : undefined,
      cache: 'no-store',
    });
    text = await answer.text();
  } catch {
    throw new Failure(0, { code: 'no-answer', text: 'The server did not answer the request.', advice: [] });
  }
  let value;
  try {
    value = text === '' ? null : envelope(text);
  } catch {
    value = { error: { code: 'internal', text: `The answer is not JSON: ${text.slice(0, 200)}`, advice: [] } };
  }
  if (!answer.ok || value?.error?.code) {
    const unknown = { code: 'internal', text: `The server answered ${answer.status}.`, advice: [] };
    throw new Failure(answer.status, value?.error ?? unknown);
  }
  return value;
}

/** Returns the path of a plugin, or of what belongs to it. */
export function path(plugin, ...parts) {
  return ['/api/plugins', plugin, ...parts].map((part, index) => (index ? encodeURIComponent(part) : part)).join('/');
}

/** Fetches a file for a download, with the token in its header and not in its address. */
export async function blob(address) {
  const answer = await fetch(address, { headers: headers() });
  if (!answer.ok) throw new Failure(answer.status, (await answer.json()).error);
  return answer.blob();
}

/**
 * The connection of this tab. `stream` returns the stream's path, from where the last
 * one ended; `about` gets the answer of /api before each stream; `event` gets a name,
 * a value, and its id and size; `state` gets `connecting`, `open`, `gone` or `refused`, and an error.
 */
export class Link {
  #work;
  #aborter = new AbortController();
  #server = null;
  #state = '';
  #reading = false;
  #heard = 0; // when the stream brought something last

  constructor(work) {
    this.#work = work;
    document.addEventListener('visibilitychange', () => this.again());
    setInterval(() => this.#ping(), PING);
    this.#run();
  }

  /** Opens the stream anew, because something else is wanted from it. */
  again() {
    this.#aborter.abort();
  }

  #tell(state, error = null) {
    if (state !== this.#state || error) this.#work.state(state, error);
    this.#state = state;
  }

  async #run() {
    this.#tell('connecting');
    for (;;) {
      this.#aborter = new AbortController();
      try {
        await this.#seen();
        const about = await request('GET', '/api', undefined, ANSWER);
        this.#server = about.server;
        await this.#work.about(about);
        await this.#read(this.#aborter.signal);
      } catch (error) {
        if (!this.#aborter.signal.aborted) {
          this.#tell(error.status === 401 || error.status === 403 ? 'refused' : 'gone', error);
        }
      }
      this.#reading = false;
      if (!this.#aborter.signal.aborted) await new Promise(done => setTimeout(done, AGAIN));
    }
  }

  /** Waits until the tab is shown. */
  #seen() {
    return new Promise(done => {
      const look = () => {
        if (document.visibilityState === 'hidden') return;
        document.removeEventListener('visibilitychange', look);
        done();
      };
      document.addEventListener('visibilitychange', look);
      look();
    });
  }

  async #read(signal) {
    const address = this.#work.stream();
    if (!address) return;
    const answer = await fetch(address, { headers: headers({ Accept: 'text/event-stream' }), signal, cache: 'no-store' });
    if (!answer.ok) throw new Failure(answer.status, (await answer.json()).error);
    this.#tell('open');
    this.#reading = true;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = [];
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#heard = performance.now();
      if (this.#state === 'gone') this.#tell('open');
      // A large event comes in many pieces, which are joined once.
      const end = value.lastIndexOf('\n\n');
      const split = end < 0 && rest.length > 0 && rest.at(-1).endsWith('\n') && value.startsWith('\n');
      if (end < 0 && !split) {
        rest.push(value);
        continue;
      }
      const whole = rest.join('') + value;
      const last = whole.lastIndexOf('\n\n');
      rest = [whole.slice(last + 2)];
      for (const event of whole.slice(0, last).split('\n\n')) this.#event(event);
    }
  }

  #event(text) {
    let name = 'message';
    let id = null;
    const data = [];
    for (const each of text.split('\n')) {
      if (each.startsWith('event:')) name = each.slice(6).trim();
      if (each.startsWith('id:')) id = each.slice(3).trim();
      if (each.startsWith('data:')) data.push(each.slice(5));
    }
    if (data.length === 0) return;
    try {
      this.#work.event(name, envelope(data.join('\n')), { id, size: text.length });
    } catch (error) {
      // A mistake of the page, which must not look like one of the connection.
      reportError(error);
    }
  }

  async #ping() {
    if (document.visibilityState === 'hidden') return;
    try {
      const { server } = await request('GET', '/api', undefined, ANSWER);
      if (this.#server !== null && this.#server !== server) this.again();
      else if (this.#state === 'gone' && this.#reading) this.#tell('open');
    } catch {
      // A busy server may answer late while its stream goes on.
      const isSilent = performance.now() - this.#heard > ANSWER;
      if (this.#state !== 'refused' && isSilent) this.#tell('gone');
    }
  }
}
