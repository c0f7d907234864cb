// Curves as SVG, drawn anew into elements that stay.

import { make, set } from "./dom.js";
import { digits, short } from "./format.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const LEFT = 44, TOP = 14, BOTTOM = 26;

function draw(name, attributes = {}, text) {
  const node = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** Round numbers between two bounds, about `wanted` of them. */
function ticks(from, to, wanted) {
  const raw = (to - from) / wanted;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * size).find((s) => s >= raw);
  const found = [];
  for (let n = Math.ceil(from / step); n * step <= to + step * 1e-9; n++) found.push(n * step);
  return found;
}

const path = (points, x, y) => points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");

/** A small line without axes. */
export function spark(svg, points) {
  const width = 132, height = 30;
  set(svg, "viewBox", `0 0 ${width} ${height}`);
  const enough = points.length > 1;
  const values = points.map((p) => p[1]);
  const low = Math.min(...values), high = Math.max(...values);
  const first = enough ? points[0][0] : 0, last = enough ? points.at(-1)[0] : 1;
  const x = (v) => 1.5 + ((v - first) / (last - first || 1)) * (width - 6);
  const y = (v) => (high > low ? height - 4 - ((v - low) / (high - low)) * (height - 8) : height / 2);
  if (!svg.firstChild) svg.append(draw("path"), draw("circle", { r: 2.5 }));
  const [line, dot] = svg.children;
  set(line, "d", enough ? path(points, x, y) : "");
  set(dot, "cx", enough ? x(last) : -9);
  set(dot, "cy", enough ? y(values.at(-1)) : -9);
}

/** Curves with axes, names at their ends and values under the pointer or the arrow keys. */
export class Chart {
  constructor(place) {
    this.svg = draw("svg", { role: "img", tabindex: 0 });
    this.grid = draw("g");
    this.lines = draw("g");
    this.cursor = draw("line", { class: "cursor" });
    this.svg.append(this.grid, this.lines, this.cursor);
    this.tip = make("div", { class: "tip", "aria-live": "off" });
    this.tip.hidden = true;
    place.append(this.svg, this.tip);
    this.place = place;
    this.series = [];
    this.looked = null;
    new ResizeObserver(() => this.draw()).observe(place);
    this.svg.addEventListener("pointermove", (e) => this.look(this.toFrames(e.clientX - this.svg.getBoundingClientRect().left)));
    this.svg.addEventListener("pointerleave", () => this.look(null));
    this.svg.addEventListener("blur", () => this.look(null));
    this.svg.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!step || !this.x) return;
      e.preventDefault();
      this.look((this.looked ?? this.last) + (step * this.last) / 60);
    });
  }

  /** `series`: `[{ name, style, points: [[frames, value], …] }]`. */
  update(series, label) {
    this.series = series.filter((s) => s.points.length > 0);
    set(this.svg, "aria-label", label);
    this.draw();
  }

  draw() {
    const width = this.place.clientWidth, height = width < 480 ? 220 : 300;
    if (width === 0) return;
    set(this.svg, "viewBox", `0 0 ${width} ${height}`);
    set(this.svg, "height", height);
    const values = this.series.flatMap((s) => s.points.map((p) => p[1]));
    if (values.length === 0) {
      this.x = null;
      this.grid.replaceChildren(draw("text", { class: "empty", x: width / 2, y: height / 2 }, "No round has closed yet."));
      this.lines.replaceChildren();
      return;
    }
    // Where there is little room, names stand above their curves' ends and not beside them.
    this.narrow = width < 480;
    const right = this.narrow ? 8 : 12 + Math.max(...this.series.map((s) => s.name.length)) * 7.8;
    const low = Math.min(...values), high = Math.max(...values), room = (high - low || high || 1) * 0.06;
    this.last = Math.max(...this.series.map((s) => s.points.at(-1)[0]), 1);
    const inner = width - LEFT - right;
    this.x = (frames) => LEFT + (frames / this.last) * inner;
    this.toFrames = (px) => ((px - LEFT) / inner) * this.last;
    this.y = (value) => TOP + (1 - (value - low + room) / (high - low + 2 * room)) * (height - TOP - BOTTOM);
    this.bottom = height - BOTTOM;
    this.axes(low - room, high + room, width, right, height);
    this.lines.replaceChildren(...this.series.flatMap((s) => this.curve(s)), ...this.names(height));
    if (this.looked !== null) this.look(this.looked);
  }

  axes(low, high, width, right, height) {
    const nodes = [];
    for (const value of ticks(low, high, height < 250 ? 4 : 6)) {
      const y = this.y(value);
      nodes.push(draw("line", { class: "grid", x1: LEFT, x2: width - right, y1: y, y2: y }));
      nodes.push(draw("text", { class: "tick", x: LEFT - 8, y: y + 4, "text-anchor": "end" }, digits(value, 3)));
    }
    for (const frames of ticks(0, this.last, width < 480 ? 3 : 5)) {
      nodes.push(draw("text", { class: "tick", x: this.x(frames), y: height - 8, "text-anchor": "middle" }, short(frames)));
    }
    nodes.push(draw("line", { class: "axis", x1: LEFT, x2: width - right, y1: this.bottom, y2: this.bottom }));
    this.grid.replaceChildren(...nodes);
  }

  curve({ style, points, dots }) {
    const nodes = [draw("path", { class: `curve ${style}`, d: path(points, this.x, this.y) })];
    const marks = dots || points.length === 1 ? points : [];
    for (const [frames, value] of marks) {
      nodes.push(draw("circle", { class: `dot ${style}`, cx: this.x(frames), cy: this.y(value), r: 3 }));
    }
    return nodes;
  }

  /** Names beside the curves' ends, moved apart where they would overlap. */
  names(height) {
    const ends = this.series.map((s) => ({ ...s, y: this.y(s.points.at(-1)[1]) })).sort((a, b) => a.y - b.y);
    for (let i = 1; i < ends.length; i++) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + 16);
    const over = (ends.at(-1)?.y ?? 0) - (height - BOTTOM);
    if (over > 0) for (const end of ends) end.y -= over;
    const place = this.narrow ? { x: this.x(this.last), "text-anchor": "end" } : { x: this.x(this.last) + 9 };
    const drop = this.narrow ? -8 : 4;
    return ends.map((end) => draw("text", { class: `name ${end.style}`, ...place, y: end.y + drop }, end.name));
  }

  /** Shows the values at so many frames; null: none. */
  look(frames) {
    if (frames === null || !this.x) {
      this.looked = null;
      this.tip.hidden = true;
      this.cursor.setAttribute("class", "cursor");
      return;
    }
    this.looked = Math.min(Math.max(frames, 0), this.last);
    const nearest = (points) => points.reduce((a, b) => (Math.abs(b[0] - this.looked) < Math.abs(a[0] - this.looked) ? b : a));
    const found = this.series.map((s) => ({ name: s.name, style: s.style, point: nearest(s.points) }));
    const x = this.x(this.looked);
    for (const [key, value] of Object.entries({ class: "cursor on", x1: x, x2: x, y1: TOP, y2: this.bottom })) this.cursor.setAttribute(key, value);
    this.tip.replaceChildren(
      make("b", {}, `${short(this.looked)} frames`),
      ...found.map(({ name, style, point }) => make("span", { class: style }, `${name} ${digits(point[1], 4)}`)),
    );
    this.tip.hidden = false;
    const left = x + 14 + this.tip.offsetWidth > this.place.clientWidth ? x - 14 - this.tip.offsetWidth : x + 14;
    this.tip.style.left = `${Math.max(0, left)}px`;
  }
}
