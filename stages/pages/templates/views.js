// The views, the keys, and the start.
function showLineage(state) {
  const view = document.getElementById('view-lineage');
  const field = el('input', { type: 'search', value: state.id, 'aria-label': 'id', placeholder: 'id of a problem, a trace or a chat', size: '60' });
  const form = el('form', { class: 'bar-line', onsubmit: (event) => { event.preventDefault(); location.hash = fragment({ view: 'lineage', id: field.value.trim() }, {}); } }, field, el('button', {}, 'Show'));
  view.replaceChildren(form, ...lineage(state.id));
}

// What an id names: a problem, or one answer of it (`problem/by/style/sample`, and of a chat `...#format`).
function named(id) {
  if (PLACE_OF.has(id)) return { place: PLACE_OF.get(id), answer: null };
  const trace = id.replace(/#[\w-]+$/, ''), row = ROWS.answers.find((answer) => traceId(answer) === trace);
  return row ? { place: row[0], answer: row } : null;
}

function lineage(id) {
  if (!id) return [el('p', { class: 'note' }, 'From a held-out answer or a training row to the request, the response, the grade, the chats that were made of it, and back. Ids stand in every row. ', el('code', {}, 'python -m stages.tools.explain ID'), ' says the same, with the key, price and date of a bought answer.')];
  const item = named(id);
  if (!item) return [el('p', {}, `Nothing on this page is called ${id}.`)];
  const problem = ROWS.problems[item.place], name = ofProblem(problem, 'id');
  const step = (title, ...children) => el('div', { class: 'step' }, el('h3', {}, title), ...children);
  const first = step('Problem', el('p', {}, link(name, fragment({ view: 'problem', id: name }, {}))), block(ofProblem(problem, 'question')), el('p', {}, `Gold answer: ${ofProblem(problem, 'answer')}; ${ofProblem(problem, 'split')}, ${ofProblem(problem, 'task')}`));
  if (!item.answer) {
    const rows = ANSWERS_OF[item.place].map((number) => ROWS.answers[number]);
    return [first, step(`${rows.length} answers`, el('ul', {}, ...rows.map((row) => el('li', {}, link(traceId(row), fragment({ view: 'lineage', id: traceId(row) }, {})), ' ', verdictChip(row), ' ', fateChip(row))))), ...neighbourList(item.place)];
  }
  const row = item.answer, chats = CHATS_OF.get(ROWS.answers.indexOf(row)) || [], reasons = reasonsOf(row), fate = ofAnswer(row, 'fate');
  return [first,
    step('Prompt', el('p', { class: 'note' }, `to ${ofAnswer(row, 'by')}, in the style ${ofAnswer(row, 'style')}`), messageBlocks(messagesOf(ofAnswer(row, 'messages'), row))),
    step('Response', el('p', { class: 'note' }, `${ofAnswer(row, 'sampler')}, ${ofAnswer(row, 'model')}, ${ofAnswer(row, 'tokens')} tokens, ended by ${ofAnswer(row, 'ending')}`), ofAnswer(row, 'reasoning') === null ? null : block(ofAnswer(row, 'reasoning')), block(ofAnswer(row, 'text'))),
    step('Trace', el('p', {}, verdictChip(row), ' ', reasons.join(', '))),
    fate === null ? null : step('Filter', el('p', {}, fateChip(row))),
    fate === null ? null : step(chats.length ? 'Chats' : 'No chat was made of it', ...chats.map((chat) => folded(`${traceId(row)}#${ofChat(chat, 'format')}, shown to ${ofChat(chat, 'student')}`, true, messageBlocks(messagesOf(ofChat(chat, 'messages'), row))))),
    ...neighbourList(item.place)].filter(Boolean);
}

const VIEWS = { overview: () => {}, traces: showTraces, problem: showProblem, lineage: showLineage };
let lastView = '';

function show() {
  const state = readState(), name = Object.hasOwn(VIEWS, state.view) ? state.view : 'overview';
  for (const view of Object.keys(VIEWS)) document.getElementById(`view-${view}`).hidden = view !== name;
  for (const tab of document.querySelectorAll('#tabs a')) {
    if (tab.hash === `#${name === 'problem' ? 'traces' : name}`) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
  }
  VIEWS[name](state);
  const section = name === 'overview' && state.id ? document.getElementById(`section-${state.id}`) : null;
  if (section) section.scrollIntoView();
  else if (`${name}/${state.id}` !== lastView) window.scrollTo(0, 0);
  lastView = `${name}/${state.id}`;
}

function step(direction) {
  const rows = [...document.querySelectorAll('main:not([hidden]) .row')], at = rows.indexOf(document.activeElement);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + direction))];
  if (next) next.focus();
}

function turn(label) {
  const target = [...document.querySelectorAll('main:not([hidden]) a')].find((anchor) => anchor.textContent.includes(label));
  if (target) location.hash = target.hash;
}

const KEYS = {
  1: () => { location.hash = '#overview'; }, 2: () => { location.hash = '#traces'; }, 3: () => { location.hash = '#lineage'; },
  '/': () => { if (readState().view !== 'traces') location.hash = '#traces'; setTimeout(() => document.querySelector('#filters [name=q]').focus(), 0); },
  j: () => step(1), k: () => step(-1), n: () => turn('next →'), p: () => turn('← previous'), x: clearFilters, d: toggleTheme,
  Escape: () => turn('← rows'), '?': () => document.getElementById('keys').showModal(),
};

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.getElementById('keys').open) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  if (Object.hasOwn(KEYS, event.key)) { event.preventDefault(); KEYS[event.key](); }
}

function start() {
  document.documentElement.dataset.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  setTheme(document.documentElement.dataset.theme);
  buildFilters();
  document.getElementById('theme').addEventListener('click', toggleTheme);
  document.getElementById('keys-button').addEventListener('click', KEYS['?']);
  document.addEventListener('keydown', press);
  window.addEventListener('hashchange', show);
  window.addEventListener('resize', resized);
  for (const element of document.querySelectorAll('.chart')) sight.observe(element);
  show();
}
