// What the page shows, asked from the API every two seconds.  What guests say of themselves is hostile: it becomes text
// nodes and attributes, never markup (the server's policy has no other way either).

import { colour, drawMap } from "./map.js";
import { TokenNeeded, all, ask, token } from "./server.js";
import { choices, fill, make, put } from "./table.js";
import { ago, called, clock, kindly, number, uptime } from "./words.js";

const POLL_MS = 2000;
const ROWS = 100; // of guests on a page: a thousand would make a telephone slow
const EVENTS = 300; // newest that are shown

const $ = (id) => document.getElementById(id);
const data = { peerings: [], hosts: [], events: [], routes: [], sessions: [] };
let read = null; // when the server answered last
let lostAt = null;
let page = 0;
let opened = null; // uuid of the guest in the dialog
let before = null; // states at the last look, to tell what changed

// ---- what is asked

async function look() {
  const wanted = { peerings: all("api/v1/peerings"), hosts: ask("api/v1/hosts").then((found) => found.items),
    events: ask(`api/v1/events?pagesize=${EVENTS}`).then((found) => found.items) };
  const uuid = opened;
  if (uuid) {
    wanted.routes = all(`api/v1/routes?peeringid=${encodeURIComponent(uuid)}`);
    wanted.sessions = all(`api/v1/sessions?peeringid=${encodeURIComponent(uuid)}`);
  }
  const found = await Promise.all(Object.values(wanted));
  if (uuid !== opened) return; // another guest was opened meanwhile
  Object.keys(wanted).forEach((name, place) => { data[name] = found[place]; });
  read = Date.now();
}

async function poll() {
  try {
    if (!document.hidden) {
      await look();
      await drawMap($("map-box"), openGuest);
      lostAt = null;
      show();
    }
  } catch (failed) {
    if (failed instanceof TokenNeeded) return askToken();
    lostAt ??= Date.now();
  }
  tell();
  return setTimeout(poll, POLL_MS);
}

function askToken() {
  $("login-why").textContent = token.read() ? "That is not the token." : "";
  token.forget();
  $("link").textContent = "Waiting for the token";
  if (!$("login").open) $("login").showModal();
}

$("login").addEventListener("cancel", (event) => event.preventDefault()); // nothing is shown without it
$("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.elements.token;
  token.keep(field.value.trim());
  field.value = "";
  $("login").close();
  poll();
});

// ---- views

const GUEST_COLUMNS = [
  { name: "Guest", text: called, open: (peering) => openGuest(peering.uuid) },
  { name: "State", text: (peering) => peering.state, state: (peering) => peering.state },
  { name: "VNet", text: (peering) => peering.network_id, class: "short" },
  { name: "Host", text: (peering) => peering.host, class: "short" },
  { name: "Up for", text: uptime, class: "number" },
  { name: "Accepted", text: (peering) => counted(peering, "prefixes_accepted"), class: "number" },
  { name: "Refused", text: (peering) => counted(peering, "prefixes_rejected"), class: "number", dull: "0" },
  { name: "ASN", text: (peering) => peering.guest_asn, class: "mono" },
  { name: "Address", text: (peering) => peering.guest_ip, class: "mono" },
  { name: "Last error", text: (peering) => (peering.state === "Established" ? "" : peering.last_error), class: "whole" },
];
const HOST_COLUMNS = [
  { name: "Host", text: (host) => host.name },
  { name: "State", text: (host) => (host.reached ? "read" : "unknown: not read"),
    state: (host) => (host.reached ? "Established" : "Unknown") },
  { name: "Last read", text: (host) => ago(host.last_read), class: "when" },
  { name: "Sessions here", text: (host) => sessionsAt(host), class: "number" },
  { name: "Why not", text: (host) => host.error, class: "whole" },
];
const EVENT_COLUMNS = [
  { name: "When", text: (event) => clock(event.at), class: "when" },
  { name: "What", text: (event) => kindly(event.kind), class: "short" },
  { name: "Guest", text: (event) => (event.guest === "unknown" ? event.guest_ip : event.guest) },
  { name: "VNet", text: (event) => event.network_id, class: "short" },
  { name: "Host", text: (event) => event.host, class: "short" },
  { name: "Prefix", text: (event) => event.prefix, class: "mono" },
  { name: "Detail", text: (event) => event.detail, class: "whole" },
];
const ROUTE_COLUMNS = [
  { name: "Prefix", text: (route) => route.prefix, class: "mono" },
  { name: "State", text: (route) => route.state, state: (route) => route.state },
  { name: "Why refused", text: (route) => (route.state === "Rejected" ? route.rejection_reason ?? route.rejection_code : ""),
    class: "whole" },
  { name: "Other next hop", text: (route) => (route.next_hop === route.guest_ip ? "" : route.next_hop), class: "mono" },
  { name: "AS path", text: (route) => route.as_path, class: "mono" },
  { name: "Since", text: (route) => clock(route.withdrawn_at ?? route.accepted_at ?? route.received_at), class: "when" },
];
const SESSION_COLUMNS = [
  { name: "Host", text: (session) => session.host },
  { name: "State", text: (session) => session.state, state: (session) => session.state },
  { name: "Prefixes", text: (session) => session.prefixes_received, class: "number" },
  { name: "As of", text: (session) => ago(session.last_updated), class: "when" },
  { name: "Last error", text: (session) => session.last_error, class: "whole" },
];

const counted = (peering, name) => (peering.state === "Unknown" ? "" : peering[name]); // nobody knows it now

function sessionsAt(host) {
  if (!host.reached) return "unknown";
  return data.peerings.filter((peering) => peering.host === host.name && peering.state === "Established").length;
}

function show() {
  news();
  summary();
  guests();
  history();
  fill($("hosts-table"), HOST_COLUMNS, data.hosts.map((host) => ({ ...host, key: host.name })), "No host is read yet.");
  if (opened) guest();
  colour(data.peerings, data.hosts);
}

function summary() {
  const up = data.peerings.filter((peering) => peering.state === "Established").length;
  const count = (state) => data.peerings.filter((peering) => peering.state === state).length;
  const lost = count("Unknown"), held = count("Penalty");
  const refused = data.peerings.reduce((sum, peering) => sum + peering.prefixes_rejected, 0);
  const reached = data.hosts.filter((host) => host.reached).length;
  const tiles = [
    ["Sessions up", up, `of ${data.peerings.length}`, up === data.peerings.length && up ? "up" : null],
    ["Unknown", lost, "", lost ? "lost" : null],
    ["Cut off", held, "", held ? "warn" : null],
    ["Refused routes", refused, "", refused ? "down" : null],
    ["Hosts read", reached, `of ${data.hosts.length}`, reached < data.hosts.length ? "lost" : null],
  ];
  const list = $("summary");
  tiles.forEach(([name, value, more, colour], place) => {
    let tile = list.children[place];
    if (!tile) {
      tile = make("div");
      tile.append(make("dt", name), make("dd"));
      tile.lastChild.append(make("span"), " ", make("small"));
      list.append(tile);
    }
    put(tile, "data-tone", colour);
    put(tile.querySelector("span"), "text", String(value));
    put(tile.querySelector("small"), "text", more);
  });
}

const has = (text, ...values) => values.some((value) => String(value ?? "").toLowerCase().includes(text));

function guests() {
  const form = $("guest-filters").elements;
  for (const name of ["network_id", "host", "state"]) choices(form[name], data.peerings.map((peering) => peering[name]));
  const text = form.text.value.trim().toLowerCase();
  const chosen = data.peerings.filter((peering) =>
    ["network_id", "host", "state"].every((name) => !form[name].value || peering[name] === form[name].value)
    && (!form.refused.checked || peering.prefixes_rejected > 0)
    && (!text || has(text, called(peering), peering.guest_ip, peering.guest_asn, peering.vm_id, peering.tenant)));
  const last = Math.max(0, Math.ceil(chosen.length / ROWS) - 1);
  page = Math.min(page, last);
  const rows = chosen.slice(page * ROWS, (page + 1) * ROWS).map((peering) => ({ ...peering, key: peering.uuid }));
  fill($("guests-table"), GUEST_COLUMNS, rows, data.peerings.length ? "No guest is like that." : "No guest has been seen yet.");
  put($("guests-count"), "text", `${chosen.length} of ${number(data.peerings.length, "guest")}`);
  const pages = $("guests-pages");
  pages.hidden = last === 0;
  put(pages.querySelector("span"), "text", `page ${page + 1} of ${last + 1}`);
  pages.querySelector("[name=back]").disabled = page === 0;
  pages.querySelector("[name=on]").disabled = page === last;
}

function history() {
  const form = $("event-filters").elements;
  choices(form.kind, data.events.map((event) => event.kind));
  choices(form.host, data.events.map((event) => event.host));
  const text = form.text.value.trim().toLowerCase();
  const chosen = data.events.filter((event) => (!form.kind.value || event.kind === form.kind.value)
    && (!form.host.value || event.host === form.host.value)
    && (!text || has(text, event.guest, event.guest_ip, event.prefix, event.detail)));
  fill($("events-table"), EVENT_COLUMNS, keyed(chosen), "Nothing has happened.");
  put($("events-count"), "text", `${chosen.length} of the newest ${number(data.events.length, "event")}`);
}

const keyed = (events) => events.map((event) => ({ ...event, key: String(event.id) }));

function openGuest(uuid) {
  opened = uuid;
  Object.assign(data, { routes: [], sessions: [] });
  guest();
  $("guest").showModal();
  $("guest-name").focus();
  look().then(show).catch(() => {}); // else the next poll tells
}

function guest() {
  const peering = data.peerings.find((each) => each.uuid === opened);
  if (!peering) return;
  put($("guest-name"), "text", called(peering));
  const facts = [["State", `${peering.state}${uptime(peering) ? `, for ${uptime(peering)}` : ""}`],
    ["Host", peering.host || "none yet"], ["VNet, tenant", `${peering.network_id}, ${peering.tenant}`],
    ["Address", peering.guest_ip], ["ASN", peering.guest_asn],
    ["Gateway", `${peering.vr_ip}, AS ${peering.vr_asn}`], ["VM, card", `${peering.vm_id}, ${peering.nic_id}`],
    ["Peering", peering.mode], ["As of", ago(peering.last_updated)], ["Last error", peering.last_error ?? "none"]];
  const list = $("guest-facts");
  facts.forEach(([name, value], place) => {
    if (!list.children[place]) {
      const pair = make("div");
      pair.append(make("dt", name), make("dd"));
      list.append(pair);
    }
    put(list.children[place].lastChild, "text", value);
  });
  const order = ["Rejected", "Received", "Accepted", "Withdrawn"];
  const routes = [...data.routes].sort((one, other) => order.indexOf(one.state) - order.indexOf(other.state));
  fill($("routes-table"), ROUTE_COLUMNS, routes.map((route) => ({ ...route, key: route.uuid })), "It has announced nothing.");
  fill($("sessions-table"), SESSION_COLUMNS, data.sessions.map((session) => ({ ...session, key: session.host })), "No host has it.");
  const own = data.events.filter((event) => event.peering_uuid === opened).slice(0, 20);
  const columns = EVENT_COLUMNS.filter((column) => !["Guest", "VNet"].includes(column.name));
  fill($("guest-events-table"), columns, keyed(own), "Nothing lately.");
}

$("guest").addEventListener("close", () => { opened = null; });
$("guest-close").addEventListener("click", () => $("guest").close());

function news() { // says what changed, in words, and marks the rows
  const states = new Map(data.peerings.map((peering) => [peering.uuid, `${peering.state} ${peering.host}`]));
  const changed = before ? data.peerings.filter((peering) => before.get(peering.uuid) !== states.get(peering.uuid)) : [];
  before = states;
  if (!changed.length) return;
  const words = changed.slice(0, 3).map((peering) => `${called(peering)}: ${peering.state}${peering.host ? ` on ${peering.host}` : ""}`);
  if (changed.length > 3) words.push(`and ${changed.length - 3} more changed`);
  put($("news"), "text", words.join("; "));
  for (const peering of changed) {
    const row = [...$("guests-table").rows].find((each) => each.dataset.key === peering.uuid);
    if (!row) continue;
    row.classList.remove("fresh");
    requestAnimationFrame(() => row.classList.add("fresh"));
  }
}

function tell() { // how old what is shown is
  const link = $("link");
  document.body.toggleAttribute("data-lost", lostAt !== null);
  const since = read ? `what is shown is from ${new Date(read).toLocaleTimeString()}` : "nothing was read yet";
  put(link, "text", lostAt === null ? "Live" : `No answer from the server: ${since}`);
}

$("map-size").addEventListener("change", (event) => $("map-box").toggleAttribute("data-actual", event.target.checked));
const KEYS = [["up", "●", "Established"], ["down", "○", "no session"], ["warn", "▲", "cut off for a penalty"],
  ["lost", "?", "unknown: its host is not read"], ["off", "–", "stopped or gone"]];
KEYS.forEach(([colour, sign, text]) => $("map-keys").append(make("span", text,
  { class: "state", "data-tone": colour, "data-mark": sign })));

// ---- where one is

function view() {
  const names = ["guests", "map", "history", "hosts"];
  const chosen = names.includes(location.hash.slice(1)) ? location.hash.slice(1) : "guests";
  names.forEach((name) => {
    $(`view-${name}`).hidden = name !== chosen;
    put(document.querySelector(`nav a[href="#${name}"]`), "aria-current", name === chosen ? "page" : null);
  });
}

window.addEventListener("hashchange", view);
document.addEventListener("visibilitychange", () => { if (!document.hidden && read) look().then(show).catch(() => {}); });
for (const id of ["guest-filters", "event-filters"]) {
  $(id).addEventListener("input", () => { page = 0; show(); });
  $(id).addEventListener("submit", (event) => event.preventDefault());
}
$("guests-pages").addEventListener("click", (event) => {
  if (event.target.name === "back") page -= 1;
  if (event.target.name === "on") page += 1;
  guests();
});
setInterval(() => { if (read && !lostAt) show(); }, 1000); // uptimes and ages go on between answers
view();
poll();
