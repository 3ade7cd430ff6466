// How states, times and numbers are said.

const STATES = { // of a peering: tone, mark
  Established: ["up", "●"], Penalty: ["warn", "▲"], Unknown: ["lost", "?"], Withdrawn: ["off", "–"],
  Accepted: ["up", "●"], Rejected: ["down", "✕"], Received: ["off", "○"],
};

let skew = 0; // ms that the server's clock is ahead of ours

export function setClock(serverTime) { // told in whole seconds: what differs by less is no difference
  const found = serverTime - Date.now();
  if (Math.abs(found - skew) > 1500) skew = found;
}

export const now = () => Date.now() + skew;

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const ago = (time) => (time ? `${span(now() - Date.parse(time))} ago` : "never");
const two = (value) => String(value).padStart(2, "0");

export function clock(time) { // local, the same everywhere, and in order when sorted
  if (!time) return "";
  const at = new Date(time);
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`;
}

export const tone = (state) => (STATES[state] ?? ["down", "○"])[0];
export const mark = (state) => (STATES[state] ?? ["down", "○"])[1];
export const number = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
export const called = (peering) => (peering.guest === "unknown" ? peering.guest_ip : peering.guest);
export const kindly = (kind) => kind.replaceAll("_", " ");

export function uptime(peering) {
  if (peering.state !== "Established" || peering.uptime_seconds === null) return "";
  const since = Math.max(0, now() - Date.parse(peering.last_updated)); // our clock may be behind, by what a slow answer took
  return span(peering.uptime_seconds * 1000 + since);
}
