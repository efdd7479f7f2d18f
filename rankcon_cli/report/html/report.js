// What moves in the OOD report: the page is complete without it. Names are set as text, never as HTML.
"use strict";

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("report-data").textContent);
// Ties go to the even digit, as in the tables.
const percent = (share) => `${(100 * share - ((100 * share) % 1 === 0.25 ? 0.01 : 0)).toFixed(1)}\u00a0%`;
const short = (value) => String(Number(value.toPrecision(4))).replace("-", "\u2212");
const count = (value) => value.toLocaleString("en");

function filled(made, attributes = {}, text = "") {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
const element = (name, ...content) => filled(document.createElement(name), ...content);
const shape = (name, ...content) => filled(document.createElementNS("http://www.w3.org/2000/svg", name), ...content);

const LEFT = 46, RIGHT = 10, TOP = 8, BOTTOM = 40, WIDTH = 330, HEIGHT = 290;

function ticks(low, high) {
  const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const n = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: n }, (_, i) => Number(((first + i) * step).toPrecision(10)));
}

// An empty chart in `box`: { svg, x, y } with x and y from values to places.
function chart(box, xRange, yRange, xLabel, yLabel, label, yText = String) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  const x = (value) => LEFT + ((value - xRange[0]) / (xRange[1] - xRange[0])) * (WIDTH - LEFT - RIGHT);
  const base = HEIGHT - BOTTOM;
  const y = (value) => base - ((value - yRange[0]) / (yRange[1] - yRange[0])) * (base - TOP);
  svg.append(shape("path", { class: "axis", d: `M${LEFT} ${TOP}V${base}H${WIDTH - RIGHT}` }));
  for (const value of ticks(...xRange)) {
    svg.append(shape("path", { class: "axis", d: `M${x(value)} ${base}v3.5` }));
    svg.append(shape("text", { x: x(value), y: base + 15, "text-anchor": "middle" }, String(value)));
  }
  for (const value of ticks(...yRange)) {
    svg.append(shape("path", { class: "axis", d: `M${LEFT} ${y(value)}h-3.5` }));
    svg.append(shape("text", { x: LEFT - 7, y: y(value) + 3.5, "text-anchor": "end" }, yText(value)));
  }
  const title = (text, place) => svg.append(shape("text", { "text-anchor": "middle", transform: place }, text));
  title(xLabel, `translate(${(LEFT + WIDTH - RIGHT) / 2} ${HEIGHT - 6})`);
  title(yLabel, `translate(11 ${(TOP + base) / 2}) rotate(-90)`);
  box.replaceChildren(svg);
  return { svg, x, y };
}

const line = (points, { x, y }) => "M" + points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L");

// Share of the `n` scores above `value`, between the stops by a straight line; counts: how many lie above each stop.
function shareAbove(stops, counts, n, value) {
  if (value <= stops[0]) return counts[0] / n;
  const i = stops.findIndex((stop) => stop >= value);
  if (i < 0) return 0;
  const part = (value - stops[i - 1]) / (stops[i] - stops[i - 1]);
  return (counts[i - 1] + part * (counts[i] - counts[i - 1])) / n;
}

function startExplorer() {
  const pick = Object.fromEntries(["run", "score", "feature", "set"].map((name) => [name, byId(`pick-${name}`)]));
  const slider = byId("threshold"), inUse = byId("in-use");
  let curve = data.curves[0], set = curve.unknown.findIndex(Boolean), stop = 0;

  function fill(select, values, chosen, text = String) {
    select.replaceChildren(...[...new Set(values)].map((value) => element("option", { value }, text(value))));
    select.value = String(chosen);
  }
  function fillControls() {
    const ofRun = data.curves.filter((c) => c.run === curve.run);
    const features = ofRun.filter((c) => c.score === curve.score).map((c) => c.feature);
    const sets = data.sets.map((_, i) => i).filter((i) => curve.unknown[i]);
    fill(pick.run, data.curves.map((c) => c.run).sort((a, b) => a - b), curve.run, (i) => data.runs[i]);
    fill(pick.score, ofRun.map((c) => c.score), curve.score, (name) => data.titles[name] || name);
    fill(pick.feature, features, curve.feature);
    fill(pick.set, sets, set, (i) => data.sets[i].name);
  }

  // The stop that keeps as many known images as before, or 95 % of them.
  function stopFlagging(share) {
    const found = curve.known.findIndex((flagged) => flagged / curve.n[0] <= share + 1e-9);
    return found < 0 ? curve.stops.length - 1 : found;
  }
  const stopInUse = () => (curve === data.curves[0] ? curve.stops.indexOf(data.threshold) : -1);

  function chooseCurve() {
    const share = curve.known[stop] / curve.n[0];
    const run = Number(pick.run.value), score = pick.score.value, feature = pick.feature.value;
    // What the new run or score lacks is given up, the feature first.
    const fit = (c) => 4 * (c.run === run) + 2 * (c.score === score) + (c.feature === feature);
    curve = data.curves.reduce((best, c) => (fit(c) > fit(best) ? c : best));
    if (!curve.unknown[set]) set = curve.unknown.findIndex(Boolean);
    stop = stopFlagging(share);
    fillControls();
    draw();
  }

  function draw() {
    slider.max = curve.stops.length - 1;
    const measures = curve.measures[set] || [];
    byId("live-measures").replaceChildren(...data.measures.flatMap((name, i) => [
      element("dt", {}, name), element("dd", {}, measures[i] ?? "–"),
    ]));
    drawThreshold();
  }

  function drawThreshold() {
    const known = curve.known[stop], nKnown = curve.n[0], value = curve.stops[stop];
    const isInUse = stop === stopInUse();
    slider.value = stop;
    inUse.disabled = isInUse || stopInUse() < 0;
    const kept = percent(1 - known / nKnown), name = data.sets[set].name;
    const caught = percent(curve.unknown[set][stop] / curve.n[set + 1]);
    byId("threshold-value").textContent = short(value) + (isInUse ? " (in use)" : "");
    slider.setAttribute("aria-valuetext", `${short(value)}: keeps ${kept} of ID, catches ${caught} of ${name}`);
    const row = (head, share, number, n, precision) => {
      const made = element("tr"), cell = element("td", { class: "share" }), bar = element("span", { class: "bar" });
      const header = element("th", { scope: "row" });
      header.append(...head);
      bar.style.setProperty("--share", share);
      cell.append(bar, ` ${percent(share)}`);
      made.append(header, cell, element("td", {}, `${count(number)} of ${count(n)}`), element("td", {}, precision));
      return made;
    };
    byId("live-rates").replaceChildren(row(["Known images kept"], 1 - known / nKnown, nKnown - known, nKnown, ""));
    data.sets.forEach((entry, i) => {
      if (!curve.unknown[i]) return;
      const found = curve.unknown[i][stop], n = curve.n[i + 1];
      const precision = found + known ? percent(found / (found + known)) : "–";
      byId("live-rates").append(row([element("bdi", {}, entry.name), " caught"], found / n, found, n, precision));
    });
    drawCharts(known / nKnown, caught, value, name);
  }

  function drawCharts(flagged, caught, value, name) {
    const unknown = curve.unknown[set], [nKnown, nUnknown] = [curve.n[0], curve.n[set + 1]];
    const rates = curve.stops.map((_, i) => [curve.known[i] / nKnown, unknown[i] / nUnknown]);
    const here = `At the threshold ${percent(flagged)} of known images are flagged and ${caught} of ${name} caught.`;
    const unit = [0, 1];
    const roc = chart(byId("live-roc"), unit, unit, "share of ID flagged", "share of OOD caught", `ROC curve. ${here}`);
    roc.svg.append(shape("path", { class: "chance", d: line([[0, 0], [1, 1]], roc) }));
    roc.svg.append(shape("path", { class: "curve", d: line(rates, roc) }));
    roc.svg.append(shape("circle", { class: "here", cx: roc.x(rates[stop][0]), cy: roc.y(rates[stop][1]), r: 5 }));

    const edges = binEdges(rates);
    const heights = (counts, n) => {  // what lies beyond the axis falls into the end bins
      const above = [1, ...edges.slice(1, -1).map((edge) => shareAbove(curve.stops, counts, n, edge)), 0];
      return above.slice(1).map((share, i) => above[i] - share);
    };
    const [inside, outside] = [heights(curve.known, nKnown), heights(unknown, nUnknown)];
    const top = 1.05 * Math.max(...inside, ...outside);
    const range = [edges[0], edges[edges.length - 1]];
    const label = `Histogram of outlier scores, known images against ${name}. ${here}`;
    const bars = chart(byId("live-histogram"), range, [0, top], `outlier score (${curve.score}, ${curve.feature})`,
      "share of images", label, (share) => `${Number((100 * share).toPrecision(6))} %`);
    for (const [kind, bins] of [["inside", inside], ["outside", outside]]) {
      const steps = bins.flatMap((height, i) => [[edges[i], height], [edges[i + 1], height]]);
      bars.svg.append(shape("path", { class: kind, d: line([[range[0], 0], ...steps, [range[1], 0]], bars) }));
    }
    const at = Math.min(Math.max(value, range[0]), range[1]);
    bars.svg.append(shape("path", { class: "cut", d: line([[at, 0], [at, top]], bars) }));
  }

  // 36 bins over what neither end's half percent of either kind lies beyond.
  function binEdges(rates) {
    const within = curve.stops.filter((_, i) => Math.max(...rates[i]) > 0.005 && Math.min(...rates[i]) < 0.995);
    const first = within.length ? within[0] : curve.stops[0];
    const last = within.length ? within[within.length - 1] : curve.stops[0];
    const [low, high] = last > first ? [first, last] : [first - 0.5, first + 0.5];
    return Array.from({ length: 37 }, (_, i) => low + ((high - low) * i) / 36);
  }

  for (const control of [pick.run, pick.score, pick.feature]) control.addEventListener("change", chooseCurve);
  pick.set.addEventListener("change", () => { set = Number(pick.set.value); draw(); });
  slider.addEventListener("input", () => { stop = Number(slider.value); drawThreshold(); });
  inUse.addEventListener("click", () => { stop = stopInUse(); drawThreshold(); slider.focus(); });
  stop = stopInUse() < 0 ? stopFlagging(0.05) : stopInUse();
  fillControls();
  draw();
  byId("explorer").hidden = false;
}

function startPictures() {
  const { points, pictures } = data;
  const figures = [...document.querySelectorAll("[data-picture]")];
  const card = byId("point"), canvas = card.querySelector("canvas");
  const setOf = points.sets.flatMap((entry) => Array(entry.n).fill(entry.name));
  const sheet = new Image();
  let shown = -1;

  function drawThumbnail() {
    const tile = shown < 0 ? -1 : points.tiles[shown];
    canvas.hidden = tile < 0;
    if (tile < 0 || !sheet.complete) return;
    const { columns, pitch, width, height } = points.sheet;
    const scale = Math.max(1, Math.floor(96 / Math.max(width, height)));
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    const [left, top] = [(tile % columns) * pitch[0], Math.floor(tile / columns) * pitch[1]];
    context.drawImage(sheet, left, top, width, height, 0, 0, canvas.width, canvas.height);
  }

  function describe(i) {
    const name = points.classes[points.members[i]], score = points.scores[i];
    card.querySelector(".class").textContent = name;
    card.querySelector(".set").textContent = setOf[i] === null ? "known class" : `unknown, ${setOf[i]}`;
    const verdict = data.threshold === null ? "" : score > data.threshold ? ": flagged" : ": not flagged";
    card.querySelector(".score").textContent = score === null ? "" : `outlier score ${short(score)}${verdict}`;
    card.querySelector(".file").textContent = points.names[i];
    canvas.setAttribute("aria-label", `The image, of ${name}`);
  }

  figures.forEach((figure, index) => {
    const stage = figure.querySelector(".stage"), svg = stage.querySelector("svg");
    const { size, places, method } = pictures[index];
    const ring = shape("circle", { class: "ring", r: 7, visibility: "hidden" });
    const n = points.members.length;
    svg.append(ring);
    stage.tabIndex = 0;
    stage.setAttribute("role", "application");
    stage.setAttribute("aria-label", `${method} picture: arrow keys go from image to image, Escape hides it`);

    function show(i) {
      shown = i;
      const [x, y] = [places[2 * i], places[2 * i + 1]];
      filled(ring, { cx: x, cy: y, visibility: "visible" });
      describe(i);
      drawThumbnail();
      stage.append(card);
      card.hidden = false;
      // Beside the point, towards the middle of the picture.
      const box = svg.getBoundingClientRect(), frame = stage.getBoundingClientRect();
      const [px, py] = [(x / size[0]) * box.width, (y / size[1]) * box.height];
      const beside = x < size[0] / 2 ? px + 14 : px - 14 - card.offsetWidth;
      const within = (value, room) => Math.max(0, Math.min(value, room));
      card.style.left = `${within(beside, frame.width - card.offsetWidth)}px`;
      card.style.top = `${within(py - card.offsetHeight / 2, frame.height - card.offsetHeight)}px`;
    }
    function hide() {
      shown = -1;
      ring.setAttribute("visibility", "hidden");
      card.hidden = true;
    }
    function nearest(x, y, reach, allowed = () => true) {
      let best = -1, least = reach ** 2;
      for (let i = 0; i < n; i += 1) {
        const [dx, dy] = [places[2 * i] - x, places[2 * i + 1] - y];
        const distance = dx * dx + dy * dy;
        if (distance < least && allowed(dx, dy)) [best, least] = [i, distance];
      }
      return best;
    }
    const onPointer = (event) => {
      const box = svg.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const i = nearest((x / box.width) * size[0], (y / box.height) * size[1], event.pointerType === "touch" ? 24 : 9);
      if (i >= 0) show(i);
      else if (event.type === "pointerdown") hide();
    };
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    stage.addEventListener("pointermove", onPointer);
    stage.addEventListener("pointerdown", onPointer);
    stage.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
    stage.addEventListener("focus", () => { if (shown < 0 && stage.matches(":focus-visible")) show(0); });
    stage.addEventListener("blur", hide);
    stage.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      const from = Math.max(shown, 0);
      const next = nearest(places[2 * from], places[2 * from + 1], Infinity, (dx, dy) => {
        const along = dx * step[0] + dy * step[1];
        return along > 0 && along >= Math.abs(dx * step[1] + dy * step[0]);
      });
      if (next >= 0) show(next);
    });
  });

  sheet.addEventListener("load", drawThumbnail);
  if (points.sheet) sheet.src = points.sheet.uri;
  const choose = (index) => figures.forEach((figure, i) => { figure.hidden = i !== index; });
  pictures.forEach(({ method }, i) => {
    const label = element("label"), radio = element("input", { type: "radio", name: "picture", value: i });
    radio.addEventListener("change", () => choose(i));
    label.append(radio, ` ${method}`);
    byId("pick-picture").append(label);
    if (i === 0) radio.click();
  });
  byId("pick-picture").hidden = pictures.length < 2;
  byId("picture-hint").hidden = false;
}

if (data.curves.length) startExplorer();
if (data.pictures.length) startPictures();
