// Draws the document that lies in the page. Names come from a model's file and may be anything: they become text nodes
// and attributes, never markup.
"use strict";
(() => {
const report = JSON.parse(document.getElementById("document").textContent);
const { manifest, estimate, model, bench, debug } = report;
/** What measured. */
const where = bench && (bench.gpu ? `${bench.cpu} and ${bench.gpu}` : `${bench.cpu}, one core`);
const byId = (id) => document.getElementById(id);

// Text ---------------------------------------------------------------------------------------------------------------

/** What would not be seen, or would turn the text around it, is written out. */
const visible = (text) => String(text).replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
  (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
const cut = (text, length) => {
  const shown = visible(text);
  if (shown.length <= length) return shown;
  const head = Math.ceil((length - 1) / 2);
  return shown.slice(0, head) + "\u2026" + shown.slice(shown.length - (length - 1 - head));
};
const digits = (number) => number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2);
const scaled = (number, base, units) => {
  let unit = 0;
  while (number >= base * 0.9995 && unit + 1 < units.length) { number /= base; ++unit; }
  return (unit || !Number.isInteger(number) ? digits(number) : String(number)) + " " + units[unit];
};
const bytesText = (bytes) => scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB"]);
const countText = (count) => scaled(count, 1000, ["", "k", "M", "G", "T"]).trim();
const timeText = (us) => scaled(us * 1000, 1000, ["ns", "\u00b5s", "ms", "s"]);
const percent = (share) => (100 * share).toFixed(1) + " %";
const shapeText = (type, shape) => type + "[" + shape.join(", ") + "]";
const errorText = (value) => value === null ? "no bound" : value === 0 ? "0" : value < 1e-3 ? value.toExponential(1) : value.toPrecision(3);

// Elements -----------------------------------------------------------------------------------------------------------

const make = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {}))
    if (name === "onclick") node.addEventListener("click", value);
    else if (value !== undefined) node.setAttribute(name, value);
  for (const child of children.flat(Infinity))
    if (child !== null && child !== undefined) node.append(child instanceof Node ? child : visible(child));
  return node;
};
const html = (tag, attributes, ...children) => make(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => make(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const name = (text) => html("bdi", {}, text);

/** A table whose columns sort. columns: {title, number, value(row), cell(row)}; a cell is text or an element. */
function table(columns, rows, chosen) {
  const body = html("tbody");
  const drawn = rows.map((row) => {
    const line = html("tr", {}, columns.map((column) => html("td", { class: column.number ? "number" : undefined }, (column.cell || column.value)(row))));
    if (chosen) chosen(row, line);
    return { row, line };
  });
  const heads = columns.map((column) => html("th", { class: column.number ? "number" : undefined }, html("button", { type: "button", onclick: () => sort(column) }, column.title)));
  let sorted = null, isDescending = false;
  function sort(column) {
    isDescending = sorted === column ? !isDescending : Boolean(column.number) && column !== columns[0];
    sorted = column;
    const key = (row) => column.value(row) ?? -Infinity;
    const order = (a, b) => typeof key(a) === "string" || typeof key(b) === "string" ? String(key(a)).localeCompare(String(key(b)), "en") : key(a) - key(b);
    drawn.sort((a, b) => isDescending ? order(b.row, a.row) : order(a.row, b.row));
    heads.forEach((head, i) => columns[i] === column ? head.setAttribute("aria-sort", isDescending ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
    body.append(...drawn.map((each) => each.line));
  }
  body.append(...drawn.map((each) => each.line));
  return html("div", { class: "scroll" }, html("table", { class: "wide" }, html("thead", {}, html("tr", {}, heads)), body));
}

const legend = (entries) => html("div", { class: "legend" }, entries.map(([color, text]) => html("span", {}, html("i", { style: `background:${color}` }), text)));
const stack = (entries, total) => html("div", { class: "stack" }, entries.map(([color, share, title]) => html("i", { style: `flex:0 0 ${100 * share / (total || 1)}%;background:${color}`, title })));

// Kernels ------------------------------------------------------------------------------------------------------------

const KINDS = {
  contraction: "convolutions and products", pool: "pooling", elementwise: "elementwise", layout: "moves of data",
  reduce: "sums, norms, softmax", other: "other",
};
function kindOf(kernel) {
  if (kernel.macs > 0) return "contraction";
  if (/pool/.test(kernel.op)) return "pool";
  if (/^(unary|binary|cast|where|select|clip|dequantize|quantize)/.test(kernel.op)) return "elementwise";
  if (/^(copy|transpose|reshape|concat|slice|pad|tile|expand|gather|scatter|resize|depth|space)/.test(kernel.op)) return "layout";
  if (/^(reduce|softmax|norm|layer|log_softmax|arg|cumulative|lp|rms)/.test(kernel.op)) return "reduce";
  return "other";
}
const colorOf = (kind) => `var(--${kind})`;

const errors = new Map();
for (const row of debug ? debug.tensors : []) errors.set(row.kernel, (errors.get(row.kernel) || []).concat(row));

const kernels = manifest.kernels.map((plan, number) => {
  const mine = estimate.kernels[number], onGpu = plan.device !== "cpu0" && mine.gpu;
  const estimated = onGpu ? mine.gpu.us : mine.time.us, us = bench ? bench.kernels[number].us : estimated;
  const kernel = { ...plan, ...report.kernels[number], number, us, estimated, estimate: mine, readers: [], inputs_read: [], outputs_written: [], errors: errors.get(plan.name) || [] };
  kernel.kind = kindOf(kernel);
  kernel.touched = plan.bytes_read + plan.bytes_written + plan.weight_bytes;
  kernel.limit = onGpu ? mine.gpu.limit : mine.bound;
  for (const operand of plan.operands) {
    if (operand.memory === "input" && !kernel.inputs_read.includes(operand.index)) kernel.inputs_read.push(operand.index);
    if (operand.memory === "output" && operand.output) kernel.outputs_written.push(operand.index);
  }
  return kernel;
});
for (const kernel of kernels) for (const source of kernel.sources) kernels[source].readers.push(kernel.number);
const byName = new Map(kernels.map((kernel) => [kernel.name, kernel]));
const total = kernels.reduce((sum, kernel) => sum + kernel.us, 0);
const macs = kernels.reduce((sum, kernel) => sum + kernel.macs, 0);
const peak = byName.get(manifest.arena.peak_kernel);
const relative = (row) => !row.compared ? null : row.max_error === null ? Infinity : row.max_value > 0 ? row.max_error / row.max_value : row.max_error;
const worst = (kernel) => kernel.errors.reduce((most, row) => relative(row) === null ? most : Math.max(most ?? 0, relative(row)), null);
const speedText = (kernel) => kernel.macs ? digits(2e-3 * kernel.macs / kernel.us) + " GFLOP/s" : digits(1e-3 * kernel.touched / kernel.us) + " GB/s";

/** Everything that shows a kernel hears when one is chosen. */
const listeners = [];
function choose(number, scrolls = true) { for (const listener of listeners) listener(number, scrolls); }
const kernelLink = (kernel) => html("button", { type: "button", class: "link mono", onclick: () => choose(kernel.number) }, kernel.name);

// First lines --------------------------------------------------------------------------------------------------------

function drawTop() {
  const target = `${manifest.cpu} (${manifest.target})` + (manifest.gpu ? ` with ${manifest.gpu}` : "");
  document.title = `${visible(report.file)} on ${manifest.cpu}: nncc report`;
  byId("title").replaceChildren(name(report.file));
  byId("subtitle").textContent = `compiled for ${target}` + (model.producer ? `; the file was made by ${visible(model.producer)}` : "");
  const sizes = manifest.sizes;
  const tile = (value, label) => html("div", { class: "tile" }, html("b", {}, value), html("span", {}, label));
  const time = bench ? tile(timeText(bench.ms * 1000), `a run, measured on ${bench.gpu ? "this machine's GPU" : "one core"} (${timeText(bench.ms_low * 1000)} to ${timeText(bench.ms_high * 1000)})`)
    : manifest.gpu ? tile(timeText(total), `a run, estimated; no such GPU was measured`)
    : tile(timeText(estimate.time.us), `a run, estimated at ${estimate.mhz} MHz (${timeText(estimate.time.us_low)} to ${timeText(estimate.time.us_high)})`);
  const fit = (budget, what) => budget.fits === undefined ? what : html("span", { class: budget.fits ? undefined : "bad" }, budget.fits ? `${what}; fits ${bytesText(budget.bytes)}` : `${what}; does not fit ${bytesText(budget.bytes)}`);
  byId("tiles").append(time,
    tile(countText(macs), "multiply-accumulates"),
    tile(bytesText(estimate.flash.needed_bytes), fit(estimate.flash, "flash: code, constants, weights")),
    tile(bytesText(estimate.ram.needed_bytes), fit(estimate.ram, "RAM: arena, context, stack")),
    tile(String(kernels.length), `kernels of ${Object.values(model.ops).reduce((a, b) => a + b, 0)} nodes`),
    tile(bytesText(sizes.code), "code"));
  byId("made").append(`nncc ${report.nncc}; model SHA-256 `, html("code", { style: "overflow-wrap:anywhere" }, manifest.model_sha256));
}

function drawModel() {
  const ports = (kind, list, plans) => list.map((port) => ({ kind, port, plan: plans.find((plan) => plan.name === port.name) }));
  byId("ports").append(table([
    { title: "", value: (row) => row.kind },
    { title: "name", value: (row) => row.port.name, cell: (row) => name(row.port.name) },
    { title: "in the file", value: (row) => shapeText(row.port.type, row.port.shape) },
    { title: "in memory", value: (row) => row.plan ? shapeText(row.plan.type, row.plan.shape) + (row.plan.format ? ", " + row.plan.format : "") : "a constant" },
    { title: "bytes", number: true, value: (row) => row.plan ? row.plan.bytes : 0, cell: (row) => row.plan ? bytesText(row.plan.bytes) : "" },
  ], ports("input", model.inputs, manifest.inputs).concat(ports("output", model.outputs, manifest.outputs))));
  const opsets = Object.entries(model.opsets).map(([domain, version]) => (domain === "ai.onnx" ? "" : domain + " ") + version).join(", ");
  const ops = Object.entries(model.ops).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  byId("operators").append(html("h3", {}, `Operators, opset ${opsets}`),
    html("div", { class: "chips" }, ops.map(([op, count]) => html("span", { class: "chip" }, name(op), count > 1 ? ` \u00d7${count}` : ""))));

  const { code, constants, weights, arena, context, stack: frames } = manifest.sizes;
  const bar = (title, entries) => {
    const sum = entries.reduce((all, entry) => all + entry[1], 0);
    return [html("div", {}, `${title}: ${bytesText(sum)}`), stack(entries.map(([color, size, text]) => [color, size, `${text}: ${bytesText(size)}`]), sum),
      legend(entries.map(([color, size, text]) => [color, `${text} ${bytesText(size)}`]))];
  };
  byId("sizes").append(...bar("read-only", [["var(--contraction)", weights, "weights"], ["var(--elementwise)", code, "code"], ["var(--reduce)", constants, "constants"]]),
    ...bar("RAM", [["var(--pool)", arena, "arena"], ["var(--other)", context, "context"], ["var(--layout)", frames || 0, "stack"]]));
}

// Graph --------------------------------------------------------------------------------------------------------------

/** Rows: inputs, kernels as they run, outputs. A tensor with readers further down has a lane at the side. */
function drawGraph() {
  const WIDTH = 400, HEIGHT = 44, STEP = 60, LEFT = 8, TOP = 8, LANE = 9;
  const inputs = manifest.inputs.length, lastWriter = new Map();
  for (const kernel of kernels) for (const output of kernel.outputs_written) lastWriter.set(output, kernel.number);
  const rowOf = (number) => inputs + number;
  const tensors = manifest.inputs.map((_, index) => ({ from: index, kernel: null, to: kernels.filter((kernel) => kernel.inputs_read.includes(index)).map((kernel) => rowOf(kernel.number)) }));
  for (const kernel of kernels) {
    const to = kernel.readers.map(rowOf);
    for (const [output, writer] of lastWriter) if (writer === kernel.number) to.push(inputs + kernels.length + output);
    tensors.push({ from: rowOf(kernel.number), kernel: kernel.number, to });
  }
  const rows = inputs + kernels.length + manifest.outputs.length;
  const y = (row) => TOP + row * STEP, ends = [];
  const wires = svg("g"), boxes = svg("g");
  const wireSets = [];
  for (const tensor of tensors) {
    const far = tensor.to.filter((row) => row !== tensor.from + 1), drawn = [];
    if (far.length !== tensor.to.length)
      drawn.push(svg("path", { class: "wire", d: `M${LEFT + 40} ${y(tensor.from) + HEIGHT}V${y(tensor.from + 1)}`, "marker-end": "url(#arrow)" }));
    if (far.length) {
      const last = Math.max(...far);
      let lane = ends.findIndex((end) => end <= tensor.from);
      if (lane < 0) lane = ends.length;
      ends[lane] = last;
      const x = LEFT + WIDTH + 18 + lane * LANE, right = LEFT + WIDTH;
      drawn.push(svg("path", { class: "wire", d: `M${right} ${y(tensor.from) + HEIGHT - 9}H${x}V${y(last) + 9}` }));
      for (const row of far) drawn.push(svg("path", { class: "wire", d: `M${x} ${y(row) + 9}H${right + 2}`, "marker-end": "url(#arrow)" }));
    }
    wires.append(...drawn);
    wireSets.push({ tensor, drawn });
  }
  const width = LEFT + WIDTH + 30 + ends.length * LANE, height = TOP + rows * STEP;
  const most = Math.max(...kernels.map((kernel) => kernel.us), 1e-9);
  const found = [];
  const port = (kind, plan, row) => boxes.append(svg("g", { class: "box", transform: `translate(${LEFT} ${y(row)})` },
    svg("rect", { class: "back", width: WIDTH, height: HEIGHT, rx: 22 }), svg("title", {}, plan.name),
    svg("text", { x: 20, y: 19, "font-size": 13 }, `${kind} `, svg("tspan", { "font-weight": 600 }, cut(plan.name, 40))),
    svg("text", { class: "soft", x: 20, y: 36, "font-size": 11.5 }, shapeText(plan.type, plan.shape))));
  manifest.inputs.forEach((plan, index) => port("input", plan, index));
  for (const kernel of kernels) {
    const results = kernel.results.map((result) => shapeText(result.type, result.shape)).join(" ");
    const box = svg("g", { class: "box", transform: `translate(${LEFT} ${y(rowOf(kernel.number))})`, tabindex: 0, role: "button", "aria-label": `kernel ${kernel.number}, ${kernel.name}`, onclick: () => choose(kernel.number, false) },
      svg("title", {}, `${kernel.name}: ${kernel.nodes.join(", ")}; ${timeText(kernel.us)}`),
      svg("rect", { class: "back", width: WIDTH, height: HEIGHT, rx: 5 }),
      svg("rect", { width: 5, height: HEIGHT, rx: 2, style: `fill:${colorOf(kernel.kind)}` }),
      svg("rect", { x: 5, y: HEIGHT - 3, height: 3, width: ((WIDTH - 5) * kernel.us / most).toFixed(1), style: `fill:${colorOf(kernel.kind)};fill-opacity:.6` }),
      svg("text", { class: "soft", x: 12, y: 17, "font-size": 11 }, String(kernel.number)),
      svg("text", { x: 40, y: 17, "font-size": 12.5, "font-weight": 600 }, cut(kernel.name, 34)),
      svg("text", { class: "soft", x: WIDTH - 8, y: 17, "font-size": 11, "text-anchor": "end" }, percent(kernel.us / (total || 1))),
      svg("text", { x: 40, y: 34, "font-size": 11.5 }, cut(kernel.ops.join(" + ") || kernel.op, 32)),
      svg("text", { class: "soft", x: WIDTH - 8, y: 34, "font-size": 11, "text-anchor": "end" }, cut(results, 30)));
    box.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(kernel.number, false); } });
    boxes.append(box);
    found.push({ box, text: [kernel.name, kernel.op, ...kernel.ops, ...kernel.nodes, ...kernel.results.map((result) => result.tensor || "")].join("\n").toLowerCase() });
  }
  manifest.outputs.forEach((plan, index) => port("output", plan, inputs + kernels.length + index));
  const marker = svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 6 6", refX: 6, refY: 3, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, svg("path", { d: "M0 0L6 3L0 6z", style: "fill:var(--soft)" })));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "kernels and the tensors between them" }, marker, wires, boxes);
  const canvas = byId("canvas");
  canvas.append(picture);

  let scale = 1;
  const zoom = (factor, at) => {
    const before = scale, place = at ?? { x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 };
    scale = Math.min(4, Math.max(0.05, scale * factor));
    const left = (canvas.scrollLeft + place.x) * scale / before - place.x, top = (canvas.scrollTop + place.y) * scale / before - place.y;
    picture.style.width = width * scale + "px";
    canvas.scrollTo(left, top);
  };
  zoom(Math.min(1, (canvas.clientWidth - 2) / width, 1));
  byId("larger").addEventListener("click", () => zoom(1.3));
  byId("smaller").addEventListener("click", () => zoom(1 / 1.3));
  byId("fit").addEventListener("click", () => zoom(Math.min((canvas.clientWidth - 2) / width, canvas.clientHeight / height) / scale));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // the wheel alone scrolls
    event.preventDefault();
    const frame = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), { x: event.clientX - frame.left, y: event.clientY - frame.top });
  }, { passive: false });
  let grip = null;
  canvas.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse" && event.button === 0) grip = { x: event.clientX, y: event.clientY, left: canvas.scrollLeft, top: canvas.scrollTop }; });
  window.addEventListener("pointermove", (event) => {
    if (!grip) return;
    if (Math.hypot(event.clientX - grip.x, event.clientY - grip.y) > 4) canvas.classList.add("dragged");
    canvas.scrollTo(grip.left + grip.x - event.clientX, grip.top + grip.y - event.clientY);
  });
  window.addEventListener("pointerup", () => { grip = null; canvas.classList.remove("dragged"); });

  listeners.push((number, scrolls) => {
    const near = new Set([...kernels[number].sources, ...kernels[number].readers]);
    found.forEach(({ box }, other) => { box.classList.toggle("chosen", other === number); box.classList.toggle("near", near.has(other)); });
    for (const { tensor, drawn } of wireSets)
      for (const wire of drawn) wire.classList.toggle("chosen", tensor.kernel === number || tensor.to.includes(rowOf(number)));
    const at = y(rowOf(number)) * scale;
    if (scrolls || at < canvas.scrollTop || at > canvas.scrollTop + canvas.clientHeight) canvas.scrollTo({ top: at - canvas.clientHeight / 3 });
  });

  let hits = [], next = 0;
  byId("search").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    hits = wanted ? found.flatMap(({ text }, number) => text.includes(wanted) ? [number] : []) : [];
    next = 0;
    found.forEach(({ box }, number) => box.classList.toggle("hit", hits.includes(number)));
    byId("hits").textContent = wanted ? `${hits.length} found` : "";
    if (hits.length) canvas.scrollTo({ top: y(rowOf(hits[0])) * scale - canvas.clientHeight / 3 });
  });
  byId("search").addEventListener("keydown", (event) => { if (event.key === "Enter" && hits.length) choose(hits[next++ % hits.length]); });
}

function drawDetail(number) {
  const kernel = kernels[number], detail = byId("detail");
  const links = (numbers) => numbers.length ? numbers.map((other, i) => [i ? ", " : "", kernelLink(kernels[other])]) : null;
  const ports = (indices, plans) => indices.map((index) => [" ", name(plans[index].name)]);
  const facts = [
    ["computes", kernel.ops.join(" + ") || kernel.op],
    ["nodes", kernel.nodes.length ? kernel.nodes.map((node, i) => [i ? ", " : "", name(node)]) : "none: the memory plan needs it"],
    ["form", kernel.form || null],
    ["runs on", kernel.placed ? `${kernel.device}: ${kernel.placed}` : null],
    ["results", kernel.results.map((result, i) => [i ? ", " : "", shapeText(result.type, result.shape), result.tensor ? [" ", name(result.tensor)] : ""])],
    ["inputs", kernel.inputs.filter((input) => !input.is_weight).map((input) => shapeText(input.type, input.shape)).join(", ") || null],
    ["reads", [links(kernel.sources), kernel.inputs_read.length ? [kernel.sources.length ? ", input" : "input", ports(kernel.inputs_read, manifest.inputs)] : null]],
    ["read by", [links(kernel.readers), kernel.outputs_written.length ? [kernel.readers.length ? ", output" : "output", ports(kernel.outputs_written, manifest.outputs)] : null]],
    ["in place of", kernel.in_place_of ? name(kernel.in_place_of) : null],
    ["time", `${timeText(kernel.us)}, ${percent(kernel.us / (total || 1))} of all; ${speedText(kernel)}` + (bench ? `; estimated ${timeText(kernel.estimated)}` : `; limited by ${kernel.limit}`)],
    ["work", `${kernel.macs ? countText(kernel.macs) + " multiply-accumulates, " : ""}${countText(kernel.estimate.instructions)} instructions` + (kernel.parts > 1 ? `, in up to ${kernel.parts} parts on threads` : "")],
    ["bytes", `${bytesText(kernel.bytes_read)} read, ${bytesText(kernel.bytes_written)} written, ${bytesText(kernel.weight_bytes)} of weights`],
    ...kernel.errors.map((row) => ["error", !row.compared ? "not compared" : [html("span", { class: row.diverges ? "bad" : undefined }, `${errorText(row.max_error)} of ${errorText(row.max_value)}`), `, cosine ${row.cosine === null ? "none" : row.cosine.toFixed(7)}`]]),
  ].filter(([, value]) => value !== null && !(Array.isArray(value) && value.flat(9).every((part) => part === null)));
  const code = report.functions[kernel.variant];
  const called = new Set();
  const collect = (text) => { for (const [, symbol] of (text || "").matchAll(/@([\w.$-]+)/g)) if (report.functions[symbol] && symbol !== kernel.variant && !called.has(symbol)) { called.add(symbol); collect(report.functions[symbol]); } };
  collect(code);
  const shared = kernels.filter((other) => other.variant === kernel.variant && other !== kernel);
  const folded = (title, text, isOpen) => html("details", isOpen ? { open: "" } : {}, html("summary", {}, title), html("pre", {}, document.createTextNode(text.split("\n").map(visible).join("\n"))));
  detail.replaceChildren(html("h3", {}, `${kernel.number}  `, name(kernel.name)),
    html("div", { class: "scroll" }, html("table", {}, html("tbody", {}, facts.map(([title, value]) => html("tr", {}, html("th", { scope: "row" }, title), html("td", {}, value))))))) ;
  if (kernel.body) detail.append(folded("What is fused, and where its operands lie", kernel.body, true));
  if (code) detail.append(folded(`Loops of ${kernel.variant}` + (shared.length ? `, shared with ${shared.length} other${shared.length > 1 ? "s" : ""}` : ""), code, false));
  for (const symbol of [...called].sort()) detail.append(folded(`Calls ${symbol}`, report.functions[symbol], false));
  detail.scrollTop = 0;
}

// Memory -------------------------------------------------------------------------------------------------------------

const widthOf = (type) => type === "bool" || type === "i1" ? 1 : Number(/\d+$/.exec(type)) / 8 || 1;

/**
 * How many bytes each tensor has, and where it is drawn. Pieces of a concatenation lie between each other: the memory
 * from their first byte to their last is that of all, in which they are stacked.
 */
function placesOf(tensors) {
  const pieces = [];
  for (const tensor of tensors) {
    const result = kernels[tensor.first_kernel].results.find((each) => each.memory === "arena" && each.offset === tensor.offset);
    tensor.own = result ? Math.min(tensor.bytes, result.shape.reduce((all, dim) => all * dim, widthOf(result.type))) : tensor.bytes;
    tensor.low = tensor.offset;
    tensor.high = tensor.offset + tensor.own;
    if (tensor.own < tensor.bytes) pieces.push(tensor);
  }
  pieces.sort((a, b) => a.offset - b.offset);
  const groups = [];
  for (const piece of pieces) {
    const group = groups.find((other) => piece.offset < other.high && other.low < piece.offset + piece.bytes &&
      other.pieces.some((tensor) => tensor.first_kernel <= piece.last_kernel && piece.first_kernel <= tensor.last_kernel));
    if (group) { group.pieces.push(piece); group.high = Math.max(group.high, piece.offset + piece.bytes); } else groups.push({ low: piece.offset, high: piece.offset + piece.bytes, pieces: [piece] });
  }
  for (const group of groups) {
    let low = group.low;
    for (const tensor of group.pieces) { tensor.low = low; tensor.high = low += tensor.own; }
  }
}

function drawMemory() {
  const { bytes: size, lower_bound: bound, tensors } = manifest.arena, place = byId("arena");
  if (!size || !peak) {
    place.append(html("p", {}, "No tensor needs working memory: kernels write to the outputs alone."));
    return;
  }
  placesOf(tensors);
  const alive = tensors.filter((tensor) => tensor.first_kernel <= peak.number && peak.number <= tensor.last_kernel).sort((a, b) => b.own - a.own);
  place.append(html("p", {}, `The arena is fullest in kernel ${peak.number}, `, kernelLink(peak), `: ${alive.length} tensor${alive.length === 1 ? " is" : "s are"} alive there, which take ${bytesText(bound)}. No plan for this order of kernels takes less; this one takes ` + (size === bound ? "just that." : `${bytesText(size)}` + (bound ? `, ${(size / bound).toFixed(3)} times that.` : "."))));
  const W = 1000, H = 340, L = 70, B = 26, steps = kernels.length;
  const x = (step) => L + (W - L) * step / steps, y = (offset) => H - (H - 8) * offset / size;
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${W} ${H + B}`, role: "img", "aria-label": "tensors in the arena over time" });
  for (let part = 0; part <= 4; ++part)
    picture.append(svg("line", { class: "axis", x1: L, x2: W, y1: y(size * part / 4), y2: y(size * part / 4) }),
      svg("text", { class: "soft", x: L - 6, y: y(size * part / 4) + 4, "font-size": 11, "text-anchor": "end" }, bytesText(Math.round(size * part / 4))));
  const writer = (tensor) => kernels[tensor.first_kernel];
  for (const tensor of tensors) {
    const isAtPeak = alive.includes(tensor);
    picture.append(svg("rect", { class: "clickable", x: x(tensor.first_kernel).toFixed(1), width: Math.max(1, x(tensor.last_kernel + 1) - x(tensor.first_kernel) - 0.5).toFixed(1),
      y: y(tensor.high).toFixed(1), height: Math.max(0.8, y(tensor.low) - y(tensor.high) - 0.5).toFixed(1), rx: 1.5,
      style: `fill:${colorOf(writer(tensor).kind)};fill-opacity:${isAtPeak ? 0.95 : 0.45}`, onclick: () => choose(tensor.first_kernel) },
      svg("title", {}, `${tensor.tensor || "(unnamed)"}: ${bytesText(tensor.own)} at ${tensor.offset}, kernels ${tensor.first_kernel} to ${tensor.last_kernel}`)));
  }
  picture.append(svg("rect", { x: x(peak.number), width: Math.max(1.5, x(peak.number + 1) - x(peak.number)), y: 6, height: H - 6, style: "fill:none;stroke:var(--bad);stroke-width:1.5" }));
  for (let step = 0, each = Math.max(1, Math.ceil(steps / 12)); step < steps; step += each)
    picture.append(svg("text", { class: "soft", x: x(step), y: H + 16, "font-size": 11 }, String(step)));
  picture.append(svg("text", { class: "soft", x: L - 6, y: H + 16, "font-size": 11, "text-anchor": "end" }, "kernel"));
  place.append(html("div", { class: "scroll" }, picture), html("p", { class: "note" }, "Each bar is a tensor: where it lies, and from the kernel that writes it to the last that reads it. Those alive at the peak are drawn full. Gaps in a column are free, or scratch memory of the kernel that runs there."),
    legend(Object.keys(KINDS).filter((kind) => kernels.some((kernel) => kernel.kind === kind)).map((kind) => [colorOf(kind), "written by " + KINDS[kind]])),
    html("h3", {}, "Alive at the peak"),
    table([
      { title: "tensor", value: (row) => row.tensor, cell: (row) => name(row.tensor || "(unnamed)") },
      { title: "bytes", number: true, value: (row) => row.own, cell: (row) => bytesText(row.own) },
      { title: "share", number: true, value: (row) => row.own, cell: (row) => percent(row.own / (bound || 1)) },
      { title: "offset", number: true, value: (row) => row.offset },
      { title: "written by", value: (row) => row.first_kernel, cell: (row) => kernelLink(writer(row)) },
      { title: "last read by", value: (row) => row.last_kernel, cell: (row) => kernelLink(kernels[row.last_kernel]) },
    ], alive));
}

// Time ---------------------------------------------------------------------------------------------------------------

/** Speed of what multiplies over the multiply-adds for each byte, both on logarithmic scales. */
function roofline() {
  const points = kernels.filter((kernel) => kernel.macs > 0 && kernel.touched > 0 && kernel.us > 0)
    .map((kernel) => ({ kernel, x: 2 * kernel.macs / kernel.touched, y: 2e-3 * kernel.macs / kernel.us }));
  if (points.length < 2 || manifest.gpu) return null;
  const loop = Math.max(...points.map(({ kernel }) => kernel.estimate.cycles > 0 && !kernel.form?.startsWith("winograd") ? 2e-3 * kernel.macs * estimate.mhz / kernel.estimate.cycles : 0));
  const roof = bench ? bench.peak_gflops : loop, slope = estimate.ram_gbs;
  const W = 640, H = 300, L = 56, R = 20, B = 34;
  const span = (values) => [Math.floor(Math.log10(Math.min(...values)) * 2) / 2, Math.ceil(Math.log10(Math.max(...values)) * 2) / 2];
  const [x0, x1] = span([...points.map((p) => p.x), roof / slope]), [y0, y1] = span([...points.map((p) => p.y), roof]);
  const x = (v) => L + (W - L - R) * (Math.log10(v) - x0) / (x1 - x0 || 1), y = (v) => H - (H - 22) * (Math.log10(v) - y0) / (y1 - y0 || 1);
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${W} ${H + B}`, role: "img", "aria-label": "roofline", style: "max-width:760px" });
  for (let power = Math.ceil(x0); power <= x1; ++power)
    picture.append(svg("line", { class: "axis", x1: x(10 ** power), x2: x(10 ** power), y1: 22, y2: H }), svg("text", { class: "soft", x: x(10 ** power), y: H + 14, "font-size": 10, "text-anchor": "middle" }, String(+(10 ** power).toPrecision(1))));
  for (let power = Math.ceil(y0); power <= y1; ++power)
    picture.append(svg("line", { class: "axis", x1: L, x2: W - R, y1: y(10 ** power), y2: y(10 ** power) }), svg("text", { class: "soft", x: L - 5, y: y(10 ** power) + 3, "font-size": 10, "text-anchor": "end" }, String(+(10 ** power).toPrecision(1))));
  picture.append(svg("text", { class: "soft", x: W - R, y: H + 28, "font-size": 10, "text-anchor": "end" }, "operations for each byte of operands"), svg("text", { class: "soft", x: 10, y: 10, "font-size": 10 }, "GFLOP/s"));
  const ridge = roof / slope, low = 10 ** x0, high = 10 ** x1, floor = Math.max(low, 10 ** y0 / slope);
  picture.append(svg("path", { d: `M${x(floor)} ${y(floor * slope)}L${x(Math.min(ridge, high))} ${y(Math.min(ridge, high) * slope)}H${x(high)}`, style: "fill:none;stroke:var(--bad);stroke-width:1.5" }));
  for (const { kernel, x: at, y: speed } of points.sort((a, b) => b.kernel.us - a.kernel.us))
    picture.append(svg("circle", { class: "clickable", cx: x(at).toFixed(1), cy: y(speed).toFixed(1), r: (2.5 + 14 * Math.sqrt(kernel.us / (total || 1))).toFixed(1), style: `fill:${colorOf(kernel.kind)};fill-opacity:.55;stroke:${colorOf(kernel.kind)}`, onclick: () => choose(kernel.number) },
      svg("title", {}, `${kernel.name}: ${speed.toFixed(1)} GFLOP/s, ${at.toFixed(1)} operations for each byte, ${timeText(kernel.us)}`)));
  const top = bench ? `the peak of this core, ${roof.toFixed(0)} GFLOP/s, measured between the runs` : `the fastest loop of this model, ${roof.toFixed(0)} GFLOP/s`;
  return [html("h3", {}, "Roofline"), html("div", { class: "scroll" }, picture), html("p", { class: "note" }, `Each circle is a kernel that multiplies, as large as its time. The line is ${top}, and ${slope} GB/s from memory; operands that are still in a cache let a kernel pass its slope, and Winograd's form, which multiplies less than is counted, its roof.`)];
}

function drawTimes() {
  const how = bench ? `Measured on ${where}, medians of ${bench.rounds} runs kernel by kernel: ${timeText(total)} together, ${timeText(bench.ms * 1000)} when they run as one.`
    : manifest.gpu ? `Estimated: kernels on ${manifest.gpu} by Arm's published formulas, others for one core of ${manifest.cpu}. No device was measured.`
    : `Estimated for one core of ${manifest.cpu} at ${estimate.mhz} MHz with ${estimate.ram_gbs} GB/s from memory, by LLVM's model of ${estimate.scheduling_model}. A report with --bench measures on the machine that makes it.`;
  const kinds = Object.keys(KINDS).map((kind) => [kind, kernels.filter((kernel) => kernel.kind === kind).reduce((sum, kernel) => sum + kernel.us, 0)]).filter(([, us]) => us > 0);
  const most = Math.max(...kernels.map((kernel) => kernel.us), 1e-9);
  byId("times").append(html("p", {}, how), stack(kinds.map(([kind, us]) => [colorOf(kind), us, `${KINDS[kind]}: ${timeText(us)}`]), total),
    legend(kinds.map(([kind, us]) => [colorOf(kind), `${KINDS[kind]} ${timeText(us)}, ${percent(us / (total || 1))}`])));
  byId("times").append(...(roofline() || []));
  byId("times").append(html("h3", {}, "Kernels"), table([
    { title: "#", number: true, value: (kernel) => kernel.number },
    { title: "kernel", value: (kernel) => kernel.name, cell: kernelLink },
    { title: "computes", value: (kernel) => kernel.ops.join(" + ") || kernel.op },
    { title: "form", value: (kernel) => kernel.form ? kernel.form.split(",")[0] : "" },
    { title: "time", number: true, value: (kernel) => kernel.us, cell: (kernel) => [timeText(kernel.us), html("span", { class: "bar" }, html("i", { style: `width:${100 * kernel.us / most}%;background:${colorOf(kernel.kind)}` }))] },
    { title: "share", number: true, value: (kernel) => kernel.us, cell: (kernel) => percent(kernel.us / (total || 1)) },
    { title: "speed", number: true, value: (kernel) => kernel.macs ? 2e3 * kernel.macs / kernel.us : kernel.touched / kernel.us, cell: speedText },
    ...(bench ? [{ title: "estimated", number: true, value: (kernel) => kernel.estimated, cell: (kernel) => timeText(kernel.estimated) }] : []),
    { title: "limit", value: (kernel) => kernel.limit },
    { title: "MACs", number: true, value: (kernel) => kernel.macs, cell: (kernel) => kernel.macs ? countText(kernel.macs) : "" },
    { title: "weights", number: true, value: (kernel) => kernel.weight_bytes, cell: (kernel) => kernel.weight_bytes ? bytesText(kernel.weight_bytes) : "" },
    { title: "written", number: true, value: (kernel) => kernel.bytes_written, cell: (kernel) => bytesText(kernel.bytes_written) },
    ...(debug ? [{ title: "error", number: true, value: worst, cell: (kernel) => worst(kernel) === null ? "" : worst(kernel).toExponential(1) }] : []),
  ], kernels, (kernel, line) => listeners.push((number) => line.classList.toggle("chosen", number === kernel.number))));
}

// Errors -------------------------------------------------------------------------------------------------------------

function drawErrors() {
  const place = byId("accuracy");
  if (!debug) {
    place.append(html("p", {}, "Nothing was compared. With --data every tensor of a sample is held against onnxruntime's, kernel by kernel."));
    return;
  }
  if (report.outputs) {
    const share = (value) => value === null ? "" : (100 * value).toFixed(2) + " %";
    place.append(html("h3", {}, `Outputs, ${report.outputs.samples} sample${report.outputs.samples === 1 ? "" : "s"}`), table([
      { title: "output", value: (row) => row.name, cell: (row) => name(row.name) },
      { title: "shape", value: (row) => shapeText(row.type, row.shape) },
      { title: "largest error", number: true, value: (row) => row.max_error ?? Infinity, cell: (row) => errorText(row.max_error) },
      { title: "of", number: true, value: (row) => row.max_value, cell: (row) => errorText(row.max_value) },
      { title: "mean error", number: true, value: (row) => row.mean_error ?? Infinity, cell: (row) => errorText(row.mean_error) },
      { title: "cosine", number: true, value: (row) => row.cosine, cell: (row) => row.cosine.toFixed(7) },
      { title: "SQNR", number: true, value: (row) => row.sqnr_db, cell: (row) => row.sqnr_db === null ? "" : row.sqnr_db.toFixed(1) + " dB" },
      { title: "top-1", number: true, value: (row) => row.top1, cell: (row) => share(row.top1) },
      { title: "top-5", number: true, value: (row) => row.top5, cell: (row) => share(row.top5) },
    ], report.outputs.tensors), html("h3", {}, "Kernels"));
  }
  const rows = debug.tensors.filter((row) => row.compared), wrong = rows.filter((row) => row.diverges);
  place.append(html("p", {}, `${rows.length} of ${debug.tensors.length} results of kernels compared with the reference, on one sample; `,
    wrong.length ? html("span", { class: "bad" }, `${wrong.length} diverge, first `, name(wrong[0].tensor)) : "none diverges", ". The others are no tensor of the file, or not in the reference."));
  const finite = rows.map(relative).filter((value) => value > 0 && value < Infinity);
  const low = Math.log10(Math.min(...finite, 1e-8)), high = Math.log10(Math.max(...finite, 1e-3));
  const share = (value) => value > 0 ? Math.min(100, Math.max(2, 100 * (Math.log10(value) - low) / (high - low))) : 0;
  place.append(table([
    { title: "#", number: true, value: (row) => row.number, cell: (row) => byName.has(row.kernel) ? String(byName.get(row.kernel).number) : "" },
    { title: "kernel", value: (row) => row.kernel, cell: (row) => byName.has(row.kernel) ? kernelLink(byName.get(row.kernel)) : name(row.kernel) },
    { title: "tensor", value: (row) => row.tensor, cell: (row) => name(row.tensor) },
    { title: "error", number: true, value: (row) => row.max_error ?? Infinity, cell: (row) => html("span", { class: row.diverges ? "bad" : undefined }, errorText(row.max_error)) },
    { title: "of", number: true, value: (row) => row.max_value, cell: (row) => errorText(row.max_value) },
    { title: "relative", number: true, value: relative, cell: (row) => [relative(row) ? relative(row).toExponential(1) : "0", html("span", { class: "bar" }, html("i", { style: `width:${share(relative(row))}%;background:var(${row.diverges ? "--bad" : "--accent"})` }))] },
    { title: "cosine", number: true, value: (row) => row.cosine, cell: (row) => row.cosine === null ? "none" : row.cosine.toFixed(7) },
    { title: "NaN", number: true, value: (row) => row.nan, cell: (row) => row.nan ? String(row.nan) : "" },
  ], rows));
}

drawTop();
drawModel();
if (kernels.length) {
  drawGraph();
  listeners.push(drawDetail);
} else byId("graph").replaceChildren(html("p", {}, "The model has no kernels: its outputs are constants or its inputs."));
drawMemory();
drawTimes();
drawErrors();
if (kernels.length) choose((kernels.reduce((most, kernel) => kernel.us > most.us ? kernel : most)).number);
})();
