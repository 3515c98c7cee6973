'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const controls = document.querySelector('.controls');
  const [boxes, search] = [all('input[type=checkbox]', controls), controls.querySelector('input[type=search]')];
  const [button, output] = [controls.querySelector('button'), controls.querySelector('output')];
  const sections = all('section'), entries = all('.entry');
  const texts = new Map();
  const text = entry => {
    if (!texts.has(entry)) {
      const section = entry.closest('section').querySelector('h2').textContent;
      texts.set(entry, (section + ' ' + entry.textContent).toLowerCase());
    }
    return texts.get(entry);
  };
  const filter = () => {
    const words = new Set(boxes.filter(box => box.checked).map(box => box.value));
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const entry of entries) {
      entry.hidden = !words.has(entry.dataset.word) || !wanted.every(word => text(entry).includes(word));
    }
    for (const section of sections) section.hidden = !section.querySelector('.entry:not([hidden])');
    const shown = entries.filter(entry => !entry.hidden).length;
    output.textContent = shown === entries.length ? '' : `${shown} of ${entries.length} shown`;
  };
  const reveal = () => {
    const entry = location.hash && document.getElementById(location.hash.slice(1));
    if (!entry || !entry.matches('.entry')) return;
    entry.hidden = entry.closest('section').hidden = false;
    entry.open = true;
    entry.scrollIntoView();
  };
  boxes.forEach(box => box.addEventListener('change', filter));
  search.addEventListener('input', filter);
  button.addEventListener('click', () => {
    const open = entries.some(entry => !entry.hidden && !entry.open);
    for (const entry of entries) if (!entry.hidden) entry.open = open;
    button.textContent = open ? 'Close all' : 'Open all';
  });
  addEventListener('hashchange', reveal);
  addEventListener('beforeprint', () => all('.entry[open] details').forEach(part => { part.open = true; }));
  document.querySelector('.counts').hidden = true;
  controls.hidden = false;
  filter();
  reveal();
})();
