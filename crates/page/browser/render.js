// Writes the figures into the page.

import { Chart, spark } from "./chart.js";
import { at, make, rows, say, set, show } from "./dom.js";
import { ago, batchTime, bytes, clock, count, digits, duration, known, percent, short } from "./format.js";

const STATES = {
  starting: ["◌", "Starting"],
  gathering: ["◔", "Gathering"],
  training: ["●", "Training"],
  waiting: ["▲", "Waiting"],
  paused: ["❙❙", "Paused"],
  finishing: ["◕", "Finishing"],
  over: ["■", "Over"],
};
const NAMES = { dense: "dense", gtc: "GTC", bmuf: "BMUF", "two-tier": "two tiers" };
const OWES = {
  contribution: ["◌", "computes"],
  payload: ["◐", "sends"],
  report: ["◔", "reports"],
  nothing: ["●", "is done"],
};

let loss = null;
let chosen = null;
let forecasts = null;

/** The sentence below the name, and the members that the run is waiting for. */
export function state(kind, word, sentence, members) {
  set(at("state"), "data-state", kind);
  say(at("mark"), STATES[kind]?.[0] ?? "✕");
  say(at("words"), `${word}. ${sentence}`);
  rows(
    at("waited"),
    members,
    (m) => m.identity,
    (m) => make("li", {}, make("b", {}, m.identity), " ", make("span")),
    (node, m) => say(node.lastChild, m.why),
  );
}

export function all(status) {
  const { run, waiting } = status;
  say(at("name"), run.name);
  say(at("strategy"), NAMES[run.strategy]);
  say(at("switching"), run.switching_to ? `→ ${NAMES[run.switching_to]} at the next boundary` : "");
  state(waiting.state, STATES[waiting.state][1], waiting.words, waiting.state === "training" ? [] : waiting.members);
  const share = status.progress ? `${(100 * status.progress.share).toFixed(0)} % · ` : "";
  document.title = `${share}${run.name} · Stentor`;
  progress(status);
  curves(status);
  members(status);
  exchange(status);
  costs(status.costs);
  checkpoints(status);
  data(status.quarantined);
  rows(
    at("happenings"),
    status.happenings,
    (h, index) => status.happenings.length - index + h.words,
    (h) => make("li", {}, make("span"), make("time")),
    (node, h) => {
      say(node.firstChild, h.words);
      say(node.lastChild, known(h.s_ago) ? ago(h.s_ago) : "before the coordinator restarted");
    },
  );
  say(at("where"), `${run.id} · ${count(run.parameters)} parameters · ${run.output}`);
}

function progress({ progress, checkpoints, uptime_s }) {
  const share = progress?.share ?? 0;
  at("done").style.width = `${100 * share}%`;
  set(at("bar"), "aria-valuenow", (100 * share).toFixed(1));
  say(at("share"), progress ? percent(share) : "–");
  say(at("share-of"), progress ? `of ${short(progress.total_frames)} frames committed` : "committed");
  const left = progress?.seconds_left;
  say(at("left"), share >= 1 ? "none" : duration(left));
  say(at("ends"), known(left) && share < 1 ? `to go: until about ${clock(new Date(Date.now() + 1e3 * left))}` : "to go");
  say(at("pace"), digits(progress?.rounds_per_minute, 3));
  const round = progress ? `rounds per minute; round ${count(progress.round)} is open` : "rounds per minute";
  say(at("round-of"), round);
  const best = checkpoints.list.find((c) => c.name === checkpoints.best);
  say(at("best"), best ? percent(best.dev_frame_error / 100) : "–");
  say(at("best-of"), best ? `best frame error on dev, after ${short(best.committed_frames)} frames` : "best frame error on dev");
}

function curves({ curves }) {
  loss ??= new Chart(at("loss"));
  const series = [
    { name: "annotated", style: "c0", points: curves.annotated },
    { name: "machine-labeled", style: "c1", points: curves.machine_labeled },
    { name: "dev", style: "c2", points: curves.dev, dots: true },
  ];
  const now = series.filter((s) => s.points.length > 0).map((s) => `${s.name} ${digits(s.points.at(-1)[1], 3)}`);
  say(at("loss-now"), now.length > 0 ? `Now: ${now.join(", ")}.` : "");
  loss.update(series, `Loss by committed frames. ${now.length > 0 ? `Now: ${now.join(", ")}` : "No round has closed yet"}.`);
}

function members({ members, applicants, waiting }) {
  const asking = applicants.length > 0 ? `, ${applicants.map((a) => a.identity).join(", ")} asking to join` : "";
  const verb = members.length === 1 ? "member" : "members";
  say(at("members-lead"), `${members.length} ${verb}${asking}. Late: after the round’s first contribution, and on average.`);
  rows(
    at("members"),
    members,
    (m) => m.identity,
    () => make("tr", {}, make("th", { scope: "row" }, make("span"), make("small")), make("td", {}, make("span", { class: "mark", "aria-hidden": "true" }), make("span"), make("small")), make("td", {}, make("span"), make("small"))),
    (node, m) => {
      const [who, does, late] = node.children;
      say(who.children[0], m.identity);
      say(who.children[1], `${m.host || "host unknown"} · slot ${m.slot}`);
      const [mark, word] = OWES[m.owes];
      say(does.children[0], mark);
      say(does.children[1], m.leaving ? `${word}, leaves` : word);
      const silent = m.heard_s_ago >= 3 ? `, silent for ${duration(m.heard_s_ago)}` : "";
      // What it reports may be a second old.
      say(does.children[2], `${m.owes === "nothing" ? "waits for the others" : m.doing}${silent}`);
      set(does, "data-state", m.heard_s_ago >= 3 || waiting.members.some((w) => w.identity === m.identity && waiting.state === "waiting") ? "waiting" : m.owes);
      say(late.children[0], known(m.lag_s) ? (m.lag_s === 0 ? "first" : duration(m.lag_s)) : "–");
      say(late.children[1], known(m.mean_lag_s) ? `mean ${duration(m.mean_lag_s)}` : "");
    },
  );
}

function exchange({ exchange, gtc, bmuf, progress, curves }) {
  const last = { dense: "was sent dense", threshold: "was sent as signs", block: "closed a block" }[exchange.last_round];
  const source = progress?.source ? ` of ${progress.source} batches` : "";
  say(at("exchange-lead"), last ? `The last round${source} ${last}.` : "No round has closed yet.");
  const figures = [
    ["times less than dense", known(exchange.compression) ? `${digits(exchange.compression, 3)}\u00a0×` : "–", "payload up, newest rounds"],
    ["payload per frame", bytes(exchange.payload_per_frame), "up, newest rounds", curves.bytes_per_frame],
    ["transferred per frame", bytes(exchange.bytes_per_frame), "up and down, whole run"],
  ];
  if (gtc) {
    figures.push(
      ["threshold τ", digits(gtc.tau, 3), "the values that reach it are sent", curves.tau],
      ["density", percent(gtc.density, 2), known(gtc.aim) && gtc.aim > 0 ? `of the values sent; target ${percent(gtc.aim, 2)}` : "of the values sent", curves.density],
      ["residual norm", digits(gtc.residual_norm, 3), "mean over the members"],
    );
  }
  if (bmuf) {
    const groups = known(bmuf.groups) ? `batches, then ${bmuf.groups} groups exchange models` : "batches per worker";
    const deltas = { f32: "models are sent whole", bf16: "differences are sent as bf16", threshold: `differences are sent as signs, τ ${digits(bmuf.tau, 3)}` }[bmuf.deltas];
    figures.push(
      ["block", count(bmuf.block), groups],
      ["block momentum η", digits(bmuf.momentum, 3), "of the last block"],
      ["block learning rate ζ", digits(bmuf.learning_rate, 3), deltas ?? "no block has closed yet"],
    );
  }
  for (const [name, rate] of progress?.learning_rates ?? []) figures.push([`learning rate, ${name}`, digits(rate, 3), "current value"]);
  rows(
    at("figures"),
    figures,
    (f) => f[0],
    (f) => {
      const node = make("div", {}, make("dt"), make("dd"), make("dd", { class: "soft" }));
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("class", "spark");
      svg.setAttribute("aria-hidden", "true");
      if (f[3]) node.append(svg);
      return node;
    },
    (node, [name, value, words, points]) => {
      say(node.children[0], name);
      say(node.children[1], value);
      say(node.children[2], words);
      if (points) spark(node.children[3], points);
    },
  );
}

function costs(costs) {
  show(at("costs"), costs !== null);
  if (costs === null) return;
  chosen ??= costs.lines[1].name;
  rows(
    at("lines"),
    costs.lines,
    (l) => l.name,
    (l) => {
      const radio = make("input", { type: "radio", name: "line", value: l.name });
      radio.checked = l.name === chosen;
      const label = make("label", {}, radio, make("span", {}, l.name));
      radio.addEventListener("change", () => {
        chosen = l.name;
        strategies();
      });
      return label;
    },
    () => {},
  );
  forecasts = costs;
  strategies();
}

/** The forecasts for the chosen bandwidth. */
function strategies() {
  const costs = forecasts;
  const line = costs.lines.find((l) => l.name === chosen) ?? costs.lines[0];
  const measured = known(costs.measured_s) ? ` Here a batch takes ${batchTime(costs.measured_s)} now in total, including ${batchTime(costs.batch_s)} of computing.` : "";
  say(at("costs-lead"), `Forecast for ${costs.workers} workers and ${short(costs.parameters)} parameters with the chosen bandwidth.${measured}`);
  const longest = Math.max(...line.strategies.map((s) => s.total_s));
  rows(
    at("strategies"),
    line.strategies,
    (s) => s.method,
    () => make("tr", {}, make("th", { scope: "row" }, make("span"), make("small")), make("td", { class: "wide" }, make("div", { class: "stack" }, make("i", { class: "compute" }), make("i", { class: "wire" }))), make("td"), make("td")),
    (node, s) => {
      const [name, bar, time, traffic] = node.children;
      set(node, "class", s.in_force ? "in-force" : "");
      say(name.children[0], s.name);
      say(name.children[1], s.in_force ? "in force" : "");
      const [compute, wire] = bar.firstChild.children;
      compute.style.width = `${(100 * s.compute_s) / longest}%`;
      wire.style.width = `${(100 * s.wire_s) / longest}%`;
      say(time, batchTime(s.total_s));
      say(traffic, bytes(s.bytes));
    },
  );
  const sentences = (id, words) => rows(at(id), words, (_, n) => n, () => make("li"), (node, w) => say(node, w));
  sentences("advice", line.advice);
  sentences("assumed", costs.assumed);
}

function checkpoints({ checkpoints }) {
  const { list, newest } = checkpoints;
  say(at("checkpoints-lead"), newest ? `The newest published one is ${newest}.` : "None has been published yet.");
  show(at("checkpoint-table"), list.length > 0);
  rows(
    at("checkpoints"),
    list,
    (c) => c.name,
    () => make("tr", {}, make("th", { scope: "row" }, make("span"), make("small")), make("td"), make("td"), make("td")),
    (node, c) => {
      const [name, frames, dev, errors] = node.children;
      set(node, "class", c.name === checkpoints.best ? "best" : "");
      say(name.children[0], c.name);
      const standing = { scored: "being published", published: "published", abandoned: "abandoned" }[c.standing];
      const best = c.name === checkpoints.best ? "best on dev, " : "";
      say(name.children[1], `${best}${standing}${known(c.s_ago) ? ` ${ago(c.s_ago)}` : ""}`);
      say(frames, short(c.committed_frames));
      say(dev, digits(c.dev_loss, 4));
      say(errors, known(c.dev_frame_error) ? percent(c.dev_frame_error / 100) : "–");
    },
  );
}

function data({ count: found, shares, allowed_share, list }) {
  const words = shares.map(([source, share]) => `${percent(share, 2)} of the ${source} frames`).join(", ");
  const groups = `${count(found)} row group${found === 1 ? "" : "s"}`;
  say(at("data-lead"), found === 0 ? "No row group: all data read so far are intact." : `${groups}: ${words}. The run stops beyond ${percent(allowed_share, 2)} of a source.`);
  rows(
    at("set-aside"),
    list,
    (s) => `${s.file} ${s.row_group}`,
    (s) => make("li", {}, make("b", {}, `${s.file}, row group ${s.row_group}`), ` (${count(s.frames)} frames of ${s.source}, found by ${s.worker}): ${s.reason}`),
    () => {},
  );
}
