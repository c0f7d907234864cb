// Quantities in words. What is not known is a dash.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const known = (value) => value !== null && value !== undefined;

/** `1,234,567`. */
export const count = (value) => (known(value) ? whole.format(value) : "–");

/** `1.23 M`, for axes and tight places. */
export function short(value) {
  if (!known(value)) return "–";
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return `${digits(value / size, 3)}\u00a0${unit}`;
  }
  return digits(value, 3);
}

/** So many significant digits, and no exponent where people would not write one. */
export function digits(value, n = 3) {
  if (!known(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return value.toExponential(n - 1).replace("e-", "e−").replace("e+", "e");
  return Number(value.toPrecision(n)).toLocaleString("en", { maximumSignificantDigits: n });
}

export const percent = (share, places = 1) => (known(share) ? `${(100 * share).toFixed(places)}\u00a0%` : "–");

/** `4.2 kB`. */
export function bytes(value) {
  if (!known(value)) return "–";
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (value >= size) return `${digits(value / size, 3)}\u00a0${unit}`;
  }
  return `${digits(value, 3)}\u00a0B`;
}

/** `0.31 s`, `45 s`, `12 min`, `3 h 05 min`, `2 days 4 h`. */
export function duration(seconds) {
  if (!known(seconds)) return "–";
  if (seconds < 9.95) return `${seconds.toFixed(seconds < 0.995 ? 2 : 1)}\u00a0s`;
  if (seconds < 99.5) return `${Math.round(seconds)}\u00a0s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}\u00a0min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}\u00a0h\u00a0${String(minutes % 60).padStart(2, "0")}\u00a0min`;
  const days = Math.floor(hours / 24);
  return `${days} day${days === 1 ? "" : "s"} ${hours % 24} h`;
}

/** `12 s ago`. */
export const ago = (seconds) => (known(seconds) ? (seconds < 2 ? "just now" : `${duration(seconds)} ago`) : "");

/** A time in milliseconds of a batch. */
export function batchTime(seconds) {
  if (seconds >= 1) return `${digits(seconds, 3)}\u00a0s`;
  if (seconds >= 1e-3) return `${digits(seconds * 1e3, 3)}\u00a0ms`;
  return `${digits(seconds * 1e6, 3)}\u00a0µs`;
}

/** The time of day, with the day where it is not today. */
export function clock(date) {
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const days = Math.abs(date - new Date()) / 86_400_000;
  if (date.toDateString() === new Date().toDateString()) return time;
  const day = days < 6 ? { weekday: "long" } : { day: "numeric", month: "long" };
  return `${date.toLocaleDateString("en-GB", day)}, ${time}`;
}
