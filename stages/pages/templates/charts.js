// The charts of the overview, each drawn once it comes into sight, and again where the colours change.
const SPECS = JSON.parse(document.getElementById('charts-data').textContent);
const drawn = new Map();  // by element: its Vega view

function configOf() {
  const dark = document.documentElement.dataset.theme === 'dark';
  const text = dark ? '#e6e9ee' : '#1b1f26', line = dark ? '#39414d' : '#d5d9e0';
  const axis = { labelColor: text, titleColor: text, domainColor: line, tickColor: line, gridColor: line, labelLimit: 200 };
  return {
    background: 'transparent', font: 'system-ui, sans-serif', axis, view: { stroke: line },
    legend: { labelColor: text, titleColor: text, orient: 'top', columns: window.innerWidth < 720 ? 3 : 8, labelLimit: 160 },
    header: { labelColor: text, titleColor: text },
    range: { category: dark ? { scheme: 'set2' } : { scheme: 'tableau10' } },
  };
}

// An arm has the same colour in every chart: the colours of all arms are given out, those that a chart lacks have no legend.
function withArms(spec) {
  const names = spec.encoding && spec.encoding.color && spec.encoding.color.scale && spec.encoding.color.scale.domain;
  if (spec.layer) return { ...spec, ...coloured(spec, names), layer: spec.layer.map(withArms) };
  return { ...spec, ...coloured(spec, names) };
}

function coloured(spec, names) {
  if (!names || !names.every((name) => ROWS.arms.includes(name))) return {};
  const color = { ...spec.encoding.color, scale: { ...spec.encoding.color.scale, domain: ROWS.arms }, legend: { values: names } };
  return { encoding: { ...spec.encoding, color } };
}

function draw(element) {
  if (drawn.has(element)) drawn.get(element).finalize();
  const height = Number(element.dataset.height) + 40, width = element.clientWidth;
  const spec = { ...withArms(SPECS[Number(element.dataset.spec)]), width, height, autosize: { type: 'fit', contains: 'padding' } };
  const compiled = vegaLite.compile({ $schema: 'https://vega.github.io/schema/vega-lite/v6.json', config: configOf(), ...spec }).spec;
  element.replaceChildren();
  const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
    expr: vega.expressionInterpreter, renderer: 'svg', container: element, hover: false, loader: null,
  });
  drawn.set(element, view);
  view.runAsync();
}

const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) { sight.unobserve(entry.target); draw(entry.target); }
  }
}, { rootMargin: '300px' });

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById('theme').textContent = theme === 'dark' ? 'Light' : 'Dark';
  for (const element of drawn.keys()) if (element.clientWidth) draw(element);
}
let redraw = 0;
function resized() {
  clearTimeout(redraw);
  redraw = setTimeout(() => { for (const element of drawn.keys()) if (element.clientWidth) draw(element); }, 200);
}
const toggleTheme = () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
