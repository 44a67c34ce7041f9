// The rows as the page holds them: arrays of numbers that name values by their place (stages/pages/trace_table.py).
const ROWS = JSON.parse(document.getElementById('rows-data').textContent);
const VALUES = ROWS.values;

function columnsOf(names) {
  const columns = {};
  names.forEach((name, place) => { columns[name.replace('=', '')] = { place, plain: name.startsWith('=') }; });
  return columns;
}
const COLUMNS = { problems: columnsOf(ROWS.columns.problems), answers: columnsOf(ROWS.columns.answers), chats: columnsOf(ROWS.columns.chats) };

// The value of a column of a row; null where it has none.
function get(kind, row, name) {
  const column = COLUMNS[kind][name];
  return column.plain ? row[column.place] : VALUES[row[column.place]];
}
const ofProblem = (row, name) => get('problems', row, name);
const ofAnswer = (row, name) => get('answers', row, name);
const ofChat = (row, name) => get('chats', row, name);

const ANSWERS_OF = ROWS.problems.map(() => []);  // by problem: the places of its answers
ROWS.answers.forEach((row, place) => { ANSWERS_OF[row[0]].push(place); });
const CHATS_OF = new Map();  // by answer: the chats made of it
for (const chat of ROWS.chats) {
  if (!CHATS_OF.has(chat[0])) CHATS_OF.set(chat[0], []);
  CHATS_OF.get(chat[0]).push(chat);
}
const PLACE_OF = new Map(ROWS.problems.map((row, place) => [ofProblem(row, 'id'), place]));

const RIGHT = VALUES.map((value) => value !== null && typeof value === 'object' && value.answer === 1);  // by place of `grades`
const isRight = (row) => RIGHT[row[COLUMNS.answers.grades.place]];

function verdictOf(row) {
  if (isRight(row)) return 'right';
  return ofAnswer(row, 'pred') === null ? 'no answer' : 'wrong';
}

const REASONS = new Map();  // by place of `reasons`: `grader:reason` of each
function reasonsOf(row) {
  const place = row[COLUMNS.answers.reasons.place];
  if (!REASONS.has(place)) REASONS.set(place, Object.entries(VALUES[place] || {}).map(([grader, reason]) => `${grader}:${reason}`));
  return REASONS.get(place);
}

function traceId(row) {
  return [ofProblem(ROWS.problems[row[0]], 'id'), ofAnswer(row, 'by'), ofAnswer(row, 'style'), ofAnswer(row, 'sample')].join('/');
}

// The messages of an answer or a chat as text: their pieces name the fields of the problem that stand in them.
function messagesOf(pieces, answer) {
  const problem = ROWS.problems[answer[0]];
  const fields = [ofProblem(problem, 'rule_book'), ofProblem(problem, 'context'), ofProblem(problem, 'question'), ofAnswer(answer, 'text')];
  return (pieces || []).map(([role, parts]) => ({ role, content: parts.map((part) => (typeof part === 'number' ? fields[part] : part)).join('') }));
}

// The words of a text: those that neighbours are found by.
const wordsOf = (text) => new Set((text || '').toLowerCase().match(/[\p{L}\p{N}]+/gu) || []);

// The problems of other splits whose question shares most words with that of a problem (Jaccard index), nearest first.
function neighboursOf(place, most) {
  const problem = ROWS.problems[place], words = wordsOf(ofProblem(problem, 'question')), split = ofProblem(problem, 'split');
  const train = split === 'train', near = [];
  ROWS.problems.forEach((row, other) => {
    if ((ofProblem(row, 'split') === 'train') === train) return;
    const theirs = wordsOf(ofProblem(row, 'question'));
    let both = 0;
    for (const word of words) both += theirs.has(word);
    if (both) near.push({ place: other, share: both / (words.size + theirs.size - both) });
  });
  return near.sort((one, two) => two.share - one.share || one.place - two.place).slice(0, most);
}
