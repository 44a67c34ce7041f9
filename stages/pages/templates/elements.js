// Elements of the page. Whatever comes from a row is set as text; an address is always a fragment of this page.
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined).map(shown));
  return element;
}

// Direction and other format characters are shown as what they are, so a text cannot reorder what stands beside it.
function shown(child) {
  if (typeof child === 'object') return child;
  return String(child).replace(/[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/g, (letter) => `\\u${letter.codePointAt(0).toString(16).padStart(4, '0')}`);
}

const link = (text, address) => el('a', { href: address }, text);
const chip = (text, look) => el('span', { class: `chip ${look || ''}` }, text);
const folded = (title, open, ...children) => el('details', { open }, el('summary', {}, title), ...children);

// A text as it is, with what was searched for marked.
function block(text, search) {
  const parts = [];
  const rest = text === null ? '' : String(text), wanted = (search || '').toLowerCase();
  const small = rest.toLowerCase();
  if (!wanted || small.length !== rest.length) return el('pre', {}, rest);
  let start = 0;
  for (let at = small.indexOf(wanted); at >= 0; at = small.indexOf(wanted, start)) {
    parts.push(rest.slice(start, at), el('mark', {}, rest.slice(at, at + wanted.length)));
    start = at + wanted.length;
  }
  return el('pre', {}, ...parts, rest.slice(start));
}

const messageBlocks = (messages, search) => messages.map(({ role, content }) => [el('div', { class: 'note' }, role), block(content, search)]);

function verdictChip(row) {
  const verdict = verdictOf(row);
  return chip(verdict, verdict === 'right' ? 'good' : 'bad');
}

function routeChip(row) {
  const route = ofAnswer(row, 'route');
  return route === null ? null : chip(`${route} by the router`, route === 'chosen' ? 'good' : '');
}

function fateChip(row) {
  const fate = ofAnswer(row, 'fate');
  if (fate === null) return null;
  if (fate === 'kept') return chip('kept', 'good');
  return fate === 'hard' ? chip('kept for its problem alone') : chip(`dropped: ${fate}`, 'bad');
}
