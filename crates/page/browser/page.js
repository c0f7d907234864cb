// Asks the coordinator every two seconds, and says so where it does not answer.

import { at, say, set, show } from "./dom.js";
import { clock, duration } from "./format.js";
import { all, state } from "./render.js";

const EVERY_MS = 2000, LONGEST_MS = 15000, PATIENCE_MS = 5000;
const KEY = "stentor-token";

let answered = null;
let failures = 0;
let timer = null;
let run = "";

async function ask() {
  clearTimeout(timer);
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const reply = await fetch("api/status", { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (reply.status === 401) return refuse(token);
    if (!reply.ok) throw new Error(`it answers with ${reply.status}`);
    const status = await reply.json();
    failures = 0;
    answered = new Date();
    accept(status, token);
  } catch (error) {
    failures += 1;
    lost(error);
  }
  schedule(Math.min(EVERY_MS * 2 ** Math.max(0, failures - 1), LONGEST_MS));
}

function schedule(ms) {
  clearTimeout(timer);
  // A page that nobody sees asks nothing; it asks at once when it is seen again.
  if (!document.hidden) timer = setTimeout(ask, ms);
}

function accept(status, token) {
  show(at("sign-in"), false);
  show(at("sign-out"), token !== null);
  set(at("main"), "data-stale", "false");
  if (!status.run) return state("starting", "Starting", "The coordinator opens the data.", []);
  show(at("main"), true);
  run = status.run.output;
  all(status);
  say(at("seen"), `As of ${answered.toLocaleTimeString("en-GB")}; asked again every ${EVERY_MS / 1000} seconds.`);
}

function lost(error) {
  const reason = error.name === "TimeoutError" ? `no answer within ${PATIENCE_MS / 1000} seconds` : error.name === "TypeError" ? "no connection" : error.message;
  set(at("main"), "data-stale", "true");
  if (answered === null) return state("lost", "No answer", `The coordinator does not answer: ${reason}. It is asked again.`, []);
  const since = duration((Date.now() - answered) / 1000);
  const where = run ? ` If the run is over, ${run} holds its result.` : "";
  state("lost", "No answer", `The coordinator does not answer since ${since}: ${reason}. What stands below is of ${clock(answered)}.${where}`, []);
}

function refuse(token) {
  sessionStorage.removeItem(KEY);
  show(at("main"), false);
  show(at("sign-out"), false);
  show(at("sign-in"), true);
  state("starting", "Signed out", "A token is needed.", []);
  say(at("refused"), token === null ? "" : "This is not the coordinator’s token.");
  at("token").focus();
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("token").value.trim());
  at("token").value = "";
  ask();
});
at("sign-out").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  ask();
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
ask();
