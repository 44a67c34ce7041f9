// The rows: filters, a page of problems, the pager.
const PAGE = 50;
let found = { problems: [], answers: null }, foundFor = null;  // what passes, and the filters it passes
let took = 0;  // milliseconds that the last filter took

function search(state) {
  const key = JSON.stringify(filtersOf(state));
  if (key === foundFor) return found;
  const start = performance.now();
  found = matching(state);
  took = performance.now() - start;
  foundFor = key;
  return found;
}

function buildFilters() {
  document.getElementById('filter-box').open = window.innerWidth > 720;
  const form = document.getElementById('filters');
  const text = el('input', { name: 'q', type: 'search', placeholder: 'text in questions and answers', spellcheck: 'false' });
  form.append(el('label', { class: 'text' }, 'text', text));
  for (const [key, filter] of Object.entries(FILTERS)) {
    if (CHOICES[key].length < (filter.arms ? 2 : 1)) continue;
    const options = CHOICES[key].map((choice) => el('option', { value: choice }, choice));
    form.append(el('label', {}, filter.label, el('select', { name: key }, el('option', { value: '' }, 'any'), ...options)));
  }
  form.append(el('button', { type: 'button', onclick: clearFilters }, 'All off'));
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('change', apply);
  let waiting = 0;
  text.addEventListener('input', () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
}

function apply() {
  const wanted = { view: 'traces' };
  for (const field of document.getElementById('filters').elements) if (field.name && field.value) wanted[field.name] = field.value;
  history.replaceState(null, '', fragment(wanted, {}));
  show();
}

function clearFilters() {
  location.hash = '#traces';
}

function showTraces(state) {
  for (const field of document.getElementById('filters').elements) {
    if (field.name && field !== document.activeElement) field.value = state[field.name] || '';
  }
  const { problems, answers } = search(state), pages = Math.max(1, Math.ceil(problems.length / PAGE));
  const page = Math.min(pages, Math.max(1, Number(state.page) || 1));
  const left = ROWS.left_out ? ` ${ROWS.left_out} more are not on the page (systems.*.report.problems).` : '';
  document.getElementById('count').textContent = `${problems.length} of ${ROWS.problems.length} problems${answers === null ? '' : ` with ${answers} such answers`}.${left}`;
  document.getElementById('count').dataset.took = took.toFixed(1);
  const start = (page - 1) * PAGE;
  document.getElementById('list').replaceChildren(...problems.slice(start, start + PAGE).map((place) => problemRow(place, state)));
  const at = (number, label) => (number < 1 || number > pages ? el('span', { class: 'note' }, label) : link(label, fragment(state, { page: number > 1 ? String(number) : '' })));
  document.getElementById('pager').replaceChildren(at(page - 1, '← previous'), el('span', {}, `page ${page} of ${pages}`), at(page + 1, 'next →'));
}

function problemRow(place, state, note) {
  const row = ROWS.problems[place], level = ofProblem(row, 'level'), rate = ofProblem(row, 'pass_rate');
  const facts = [note, ofProblem(row, 'task'), ofProblem(row, 'split'), level === null ? '' : `level ${level}`, rate === null ? '' : `difficulty ${(1 - rate).toFixed(2)}`];
  return el('a', { class: 'row', href: fragment({ ...filtersOf(state), view: 'problem', id: ofProblem(row, 'id') }, {}) },
    el('span', {}, el('span', { class: 'line' }, ofProblem(row, 'question')), el('span', { class: 'soft' }, facts.filter(Boolean).join(' · '))),
    el('span', { class: 'chips' }, ...answerChips(place)));
}

// A chip for everyone who answers: one answer right or wrong, several as a share.
function answerChips(place) {
  const counts = new Map();
  for (const number of ANSWERS_OF[place]) {
    const row = ROWS.answers[number], by = ofAnswer(row, 'by'), [right, all] = counts.get(by) || [0, 0];
    counts.set(by, [right + isRight(row), all + 1]);
  }
  return [...counts].map(([by, [right, all]]) => chip(all > 1 ? `${by} ${right}/${all}` : `${by} ${right ? '✓' : '✗'}`, right === all ? 'good' : right ? '' : 'bad'));
}
