// Which problems pass the filters. A problem passes where it, and any one of its answers, has all that is asked for.
const FILTERS = {  // in the order in which they stand on the page
  task: { of: 'problems', label: 'task' },
  split: { of: 'problems', label: 'split' },
  level: { of: 'problems', label: 'level' },
  arm: { of: 'answers', column: 'by', label: 'who answers' },
  style: { of: 'answers', label: 'style' },
  verdict: { of: 'answers', label: 'verdict', from: (row) => [verdictOf(row)] },
  reason: { of: 'answers', label: 'reason of a grade', from: reasonsOf },
  fate: { of: 'answers', label: 'kept or dropped for' },
  ending: { of: 'answers', label: 'ended by' },
  route: { of: 'answers', label: 'by the router' },
  better: { label: 'right by', arms: true },
  worse: { label: 'but not by', arms: true },
};
const SEARCHED = { problems: ['id', 'question', 'answer', 'solution', 'context'], answers: ['text', 'reasoning', 'pred'] };

function valuesOf(filter, row) {
  if (filter.from) return filter.from(row);
  const value = get(filter.of, row, filter.column || filter.key);
  return value === null ? [] : [String(value)];
}

// The values that a filter can take, in their order of names; numbers by size.
function choicesOf(key) {
  const filter = FILTERS[key], choices = new Set();
  if (filter.arms) ROWS.arms.forEach((arm) => choices.add(arm));
  else for (const row of ROWS[filter.of]) for (const value of valuesOf(filter, row)) choices.add(value);
  return [...choices].sort((one, two) => one.localeCompare(two, 'en', { numeric: true }));
}
for (const key of Object.keys(FILTERS)) FILTERS[key].key = key;
const CHOICES = Object.fromEntries(Object.keys(FILTERS).map((key) => [key, choicesOf(key)]));

let lowered = null;  // by place of a value: the text in small letters
function containing(text) {
  if (!lowered) lowered = VALUES.map((value) => (typeof value === 'string' ? value.toLowerCase() : ''));
  const wanted = text.toLowerCase();
  return lowered.map((value) => value.includes(wanted));
}

// A test of a row for the filters of one kind that are set.
function testOf(kind, state) {
  const tests = [];
  for (const [key, filter] of Object.entries(FILTERS)) {
    const wanted = state[key];
    if (!wanted || filter.of !== kind) continue;
    if (filter.from) tests.push((row) => filter.from(row).includes(wanted));
    else {
      const column = COLUMNS[kind][filter.column || key];
      if (column.plain) tests.push((row) => String(row[column.place]) === wanted);
      else {
        const place = VALUES.indexOf(wanted);
        tests.push((row) => row[column.place] === place);
      }
    }
  }
  return tests.length ? (row) => tests.every((test) => test(row)) : null;
}

// The places of the problems that pass, in the order of the rows, and how many of their answers do (null: no filter is of answers).
function matching(state) {
  const problemTest = testOf('problems', state), answerTest = testOf('answers', state);
  const hits = state.q ? containing(state.q) : null;
  const problemColumns = SEARCHED.problems.map((name) => COLUMNS.problems[name].place);
  const answerColumns = SEARCHED.answers.map((name) => COLUMNS.answers[name].place);
  const found = [];
  let answers = 0;
  for (let place = 0; place < ROWS.problems.length; place += 1) {
    const problem = ROWS.problems[place];
    if (problemTest && !problemTest(problem)) continue;
    if ((state.better || state.worse) && !flips(place, state)) continue;
    const named = hits && problemColumns.some((column) => hits[problem[column]]);
    if (answerTest || (hits && !named)) {
      const passes = (number) => {
        const row = ROWS.answers[number];
        return (!answerTest || answerTest(row)) && (!hits || named || answerColumns.some((column) => hits[row[column]]));
      };
      const passing = ANSWERS_OF[place].filter(passes).length;
      if (!passing) continue;
      answers += passing;
    }
    found.push(place);
  }
  return { problems: found, answers: answerTest ? answers : null };
}

// Whether the arm `better` has the problem right and the arm `worse` has not.
function flips(place, state) {
  let better = !state.better, answered = !state.worse, worse = true;
  for (const number of ANSWERS_OF[place]) {
    const row = ROWS.answers[number], by = ofAnswer(row, 'by');
    if (by === state.better) better = better || isRight(row);
    if (by === state.worse) { answered = true; worse = worse && !isRight(row); }
  }
  return better && worse && answered;
}
