'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const controls = document.querySelector('.controls');
  const [boxes, search] = [all('input[type=checkbox]', controls), controls.querySelector('input[type=search]')];
  const [button, output] = [controls.querySelector('button'), controls.querySelector('output')];
  const sections = all('main > section'), entries = all('.entry');
  const select = controls.querySelector('select');
  const labels = new Map(entries.map(entry => [entry, entry.querySelector('summary > .label')]));
  const worst = new Map(entries.map(entry => [entry, [entry.dataset.word, labels.get(entry).className]]));
  const texts = new Map();
  const text = entry => {
    if (!texts.has(entry)) {
      const section = entry.parentElement.querySelector('h2').textContent;
      texts.set(entry, (section + ' ' + entry.textContent).toLowerCase());
    }
    return texts.get(entry);
  };
  // The result that an entry shows: the worst, or that of the column.
  const result = (entry, column) => {
    const cell = column && all('.cell', entry)[column];
    if (!cell) return worst.get(entry);
    return [cell.dataset.word, `label ${cell.classList[1]}`];
  };
  const choose = () => {
    for (const entry of entries) {
      const [word, style] = result(entry, select.value);
      entry.dataset.word = labels.get(entry).textContent = word;
      labels.get(entry).className = style;
      for (const part of all('.part', entry)) {
        part.hidden = select.value !== '' && !part.dataset.columns.split(' ').includes(select.value);
      }
      all('.cell', entry).forEach((cell, index) => cell.classList.toggle('chosen', select.value === `${index}`));
    }
    for (const box of boxes) {
      const count = entries.filter(entry => entry.dataset.word === box.value).length;
      box.nextSibling.data = ` ${count} ${box.value}`;
    }
    filter();
  };
  const filter = () => {
    const unwanted = new Set(boxes.filter(box => !box.checked).map(box => box.value));
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const entry of entries) {
      entry.hidden = unwanted.has(entry.dataset.word) || !wanted.every(word => text(entry).includes(word));
    }
    for (const section of sections) section.hidden = !section.querySelector('.entry:not([hidden])');
    const shown = entries.filter(entry => !entry.hidden).length;
    output.textContent = shown === entries.length ? '' : `${shown} of ${entries.length} shown`;
  };
  const reveal = () => {
    const entry = location.hash && document.getElementById(location.hash.slice(1));
    if (!entry || !entry.matches('.entry')) return;
    entry.hidden = entry.parentElement.hidden = false;
    entry.open = true;
    entry.scrollIntoView();
  };
  boxes.forEach(box => box.addEventListener('change', filter));
  search.addEventListener('input', filter);
  if (select) select.addEventListener('change', choose);
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
