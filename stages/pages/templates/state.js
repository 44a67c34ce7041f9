// Where a reader is stands in the fragment of the address: #traces?task=sums&page=2, #problem/ID?task=sums, #lineage/ID.
function readState() {
  const [path, query] = location.hash.slice(1).split(/\?(.*)/s);
  const [view, id] = path.split(/\/(.*)/s);
  const state = { view: view || 'overview', id: decode(id || '') };
  for (const part of (query || '').split('&').filter(Boolean)) {
    const [key, value] = part.split(/=(.*)/s);
    if (['view', 'id', '__proto__'].includes(key)) continue;
    state[key] = decode((value || '').replace(/\+/g, ' '));
  }
  return state;
}

// A lone surrogate, which an id may hold, has no encoding.
const encode = (text) => encodeURIComponent(String(text).toWellFormed());

function decode(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

// The fragment of a state with changes; a value that is empty is left out.
function fragment(state, changes) {
  const { view, id, ...rest } = { ...state, ...changes };
  const query = Object.entries(rest).filter(([, value]) => value).map(([key, value]) => `${encode(key)}=${encode(value)}`);
  return `#${view}${id ? `/${encode(id)}` : ''}${query.length ? `?${query.join('&')}` : ''}`;
}

const filtersOf = (state) => Object.fromEntries([...Object.keys(FILTERS), 'q'].map((key) => [key, state[key] || '']));
