// One problem: its question, two answers side by side, all other answers, its neighbours in the other split.
function showProblem(state) {
  const view = document.getElementById('view-problem'), place = PLACE_OF.get(state.id);
  const back = link('← rows', fragment({ ...filtersOf(state), view: 'traces' }, {}));
  if (place === undefined) {
    view.replaceChildren(el('p', { class: 'bar-line' }, back), el('p', {}, `No problem ${state.id} on this page.`));
    return;
  }
  const { problems } = search(state), at = problems.indexOf(place);
  const near = (step, label) => (at >= 0 && problems[at + step] !== undefined ? link(label, fragment({ ...filtersOf(state), view: 'problem', id: ofProblem(ROWS.problems[problems[at + step]], 'id') }, {})) : null);
  view.replaceChildren(
    el('p', { class: 'bar-line' }, back, at >= 0 ? el('span', { class: 'note' }, `${at + 1} of ${problems.length}`) : null,
      el('span', { class: 'space' }), near(-1, '← previous'), near(1, 'next →')),
    ...problemHead(ROWS.problems[place], state.q),
    ...sideBySide(place, state),
    ...otherAnswers(place, state),
    ...neighbourList(place));
}

function problemHead(row, search) {
  const level = ofProblem(row, 'level'), rate = ofProblem(row, 'pass_rate'), choices = ofProblem(row, 'choices');
  const history = ofProblem(row, 'history'), more = [];
  if (history) more.push(folded(`${history.length} earlier turns`, false, messageBlocks(history, search)));
  for (const name of ['context', 'rule_book', 'solution']) {
    const text = ofProblem(row, name);
    if (text !== null) more.push(folded(name.replace('_', ' '), name === 'context', block(text, search)));
  }
  const chain = ofProblem(row, 'chain');
  return [
    el('h2', {}, ofProblem(row, 'id')),
    el('p', { class: 'chips' }, chip(ofProblem(row, 'task')), chip(ofProblem(row, 'split')), chip(ofProblem(row, 'kind')),
      level === null ? null : chip(`level ${level}`), rate === null ? null : chip(`difficulty ${(1 - rate).toFixed(2)}`)),
    block(ofProblem(row, 'question'), search),
    el('p', {}, 'Gold answer: ', el('strong', {}, ofProblem(row, 'answer')), choices ? ` of ${choices.join(', ')}` : '', chain ? `; rules ${chain.join(', ')}` : ''),
    ...more,
  ];
}

const labelOf = (row) => [ofAnswer(row, 'by'), ofAnswer(row, 'style'), ofAnswer(row, 'sample') ? `no. ${ofAnswer(row, 'sample') + 1}` : ''].filter(Boolean).join(', ');
const keyOf = (row) => [ofAnswer(row, 'by'), ofAnswer(row, 'style'), ofAnswer(row, 'sample')].join('/');

// The two answers that are compared: those of the address, or the first arms, or the first answers but the probe's.
function pairOf(place, state) {
  const rows = ANSWERS_OF[place].map((number) => ROWS.answers[number]);
  const named = (key, arm) => rows.find((row) => keyOf(row) === key || ofAnswer(row, 'by') === key) || rows.find((row) => ofAnswer(row, 'by') === arm);
  const own = rows.filter((row) => ofAnswer(row, 'by') !== 'probe');
  const left = named(state.left || state.better, ROWS.arms[0]) || own[0] || rows[0];
  const right = named(state.right || state.worse || state.arm, ROWS.arms[1]) || own.find((row) => row !== left);
  return [left, right === left ? own.find((row) => row !== left) : right];
}

function sideBySide(place, state) {
  const numbers = ANSWERS_OF[place], pair = pairOf(place, state);
  const choose = (name, chosen) => el('select', { 'aria-label': `${name} answer`, onchange: (event) => { location.hash = fragment(state, { [name]: event.target.value }); } },
    ...numbers.map((number) => ROWS.answers[number]).map((row) => el('option', { value: keyOf(row), selected: row === chosen }, labelOf(row))));
  const cards = ['left', 'right'].map((name, side) => (pair[side] ? el('div', {}, choose(name, pair[side]), answerCard(pair[side], state.q)) : null));
  return [el('h3', {}, 'Answers'), el('div', { class: 'side' }, ...cards)];
}

function answerCard(row, search) {
  const reasons = reasonsOf(row), chats = CHATS_OF.get(ROWS.answers.indexOf(row)) || [], facts = ofAnswer(row, 'facts'), probabilities = ofAnswer(row, 'label_probs');
  const reasoning = ofAnswer(row, 'reasoning'), verdict = ofAnswer(row, 'verdict'), pred = ofAnswer(row, 'pred');
  return el('article', { class: 'card' },
    el('p', { class: 'chips' }, verdictChip(row), fateChip(row), routeChip(row), chip(`${ofAnswer(row, 'tokens')} tokens`), chip(`ended by ${ofAnswer(row, 'ending')}`)),
    reasoning === null ? null : folded('reasoning', true, block(reasoning, search)),
    block(ofAnswer(row, 'text'), search),
    el('p', {}, pred === null ? 'No answer was read.' : ['Read as ', el('strong', {}, pred), '.'], reasons.length ? ` Why: ${reasons.join(', ')}.` : ''),
    verdict === null ? null : folded('what the judge wrote', false, block(verdict, search)),
    folded('prompt', false, messageBlocks(messagesOf(ofAnswer(row, 'messages'), row), search)),
    folded('grades', false, block(Object.entries({ ...ofAnswer(row, 'grades'), ...facts }).map(([name, value]) => `${name}: ${value}`).join('\n'))),
    probabilities === null ? null : folded('probabilities of the labels', false, block(Object.entries(probabilities).map(([name, value]) => `${name}: ${value}`).join('\n'))),
    ...chats.map((chat) => folded(`shown to ${ofChat(chat, 'student')} as ${ofChat(chat, 'format')}`, false, messageBlocks(messagesOf(ofChat(chat, 'messages'), row), search))),
    el('p', { class: 'note' }, `${labelOf(row)}; ${ofAnswer(row, 'sampler')}, ${ofAnswer(row, 'model')}. `, link('lineage', fragment({ view: 'lineage', id: traceId(row) }, {}))));
}

// All answers but those side by side; the probe's, of which there are many, by what they say.
function otherAnswers(place, state) {
  const pair = pairOf(place, state), rows = ANSWERS_OF[place].map((number) => ROWS.answers[number]).filter((row) => !pair.includes(row));
  const groups = new Map();
  for (const row of rows) {
    const key = ofAnswer(row, 'by') === 'probe' ? `probe ${ofAnswer(row, 'text')}` : keyOf(row);
    groups.set(key, [...(groups.get(key) || []), row]);
  }
  const cards = [...groups.values()].map((same) => folded(`${labelOf(same[0])}${same.length > 1 ? ` and ${same.length - 1} more with the same text` : ''}: ${verdictOf(same[0])}${ofAnswer(same[0], 'route') === 'chosen' ? ', chosen by the router' : ''}`, false, answerCard(same[0], state.q)));
  return cards.length ? [el('h3', {}, `${rows.length} other answers`), ...cards] : [];
}

function neighbourList(place) {
  const near = neighboursOf(place, 5);
  const train = ofProblem(ROWS.problems[place], 'split') === 'train';
  if (!near.length) return [];
  return [el('h3', {}, train ? 'Nearest held-out problems' : 'Nearest training problems'),
    el('p', { class: 'note' }, 'By the share of words that the two questions have in common.'),
    ...near.map(({ place: other, share }) => problemRow(other, {}, `${(100 * share).toFixed(0)} % of the words`))];
}
