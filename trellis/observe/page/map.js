// The fabric's picture, whose marks name their guests: coloured by what their sessions do, opened by pointer or key.

import { askPicture } from "./server.js";
import { make, put } from "./table.js";
import { called, tone } from "./words.js";

const WORST = ["down", "warn", "lost", "off", "up"];

let picture = null;

export async function drawMap(box, open) {
  if (picture) return;
  const found = await askPicture("api/v1/map.svg");
  if (picture) return;
  picture = found ? document.importNode(found, true) : make("p", "This server was started without a site: it has no map.");
  const root = box.attachShadow({ mode: "open" });
  root.append(picture, make("link", null, { rel: "stylesheet", href: "map.css" }));
  root.addEventListener("click", (event) => choose(event, open));
  root.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && event.target.closest("g[role=button]")) choose(event, open);
  });
}

function choose(event, open) {
  const link = event.target.closest("a[href]");
  const group = event.target.closest("g[role=button]");
  if (!link && !group) return;
  event.preventDefault();
  if (group) return open(group.dataset.uuid);
  const id = link.getAttribute("href").slice(1);
  picture.querySelectorAll(".chosen").forEach((each) => each.classList.remove("chosen"));
  picture.querySelector(`#${CSS.escape(id)}`)?.classList.add("chosen");
  picture.classList.toggle("of-host", id.startsWith("host-"));
  picture.classList.toggle("of-zone", id.startsWith("zone-"));
  return undefined;
}

export function colour(peerings, hosts) {
  if (!(picture instanceof SVGElement)) return;
  const named = new Map(peerings.map((peering) => [peering.guest, peering]));
  for (const group of picture.querySelectorAll("[data-guests]")) {
    const found = group.dataset.guests.split(" ").map((name) => named.get(name)).filter(Boolean);
    const tones = found.map((peering) => tone(peering.state));
    put(group, "data-live", WORST.find((each) => tones.includes(each)) ?? null);
    const said = found.map((peering) => `${called(peering)}: ${peering.state}${peering.host ? ` on ${peering.host}` : ""}`).join("\n");
    let tip = group.querySelector(":scope > title");
    if (!tip) group.prepend(tip = document.createElementNS("http://www.w3.org/2000/svg", "title"));
    put(tip, "text", said || "not seen yet");
    if (found.length !== 1) continue;
    tellMoved(group, found[0]);
    group.dataset.uuid = found[0].uuid;
    for (const [name, value] of [["role", "button"], ["tabindex", "0"], ["aria-label", said]]) put(group, name, value);
  }
  for (const host of hosts) {
    const card = picture.querySelector(`a[href="#host-${CSS.escape(host.name)}"]`);
    if (card) put(card, "data-live", host.reached ? "up" : "lost");
  }
}

function tellMoved(group, peering) { // a guest is drawn where it starts; say so if its session is elsewhere
  const chip = group.querySelector(".chip");
  if (!chip) return;
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(chip.getAttribute(name)));
  const cards = [...picture.querySelectorAll('a[href^="#host-"]')];
  const home = cards.find((card) => {
    const box = card.querySelector(".card");
    const left = Number(box.getAttribute("x"));
    return left <= x && x <= left + Number(box.getAttribute("width"));
  });
  const moved = peering.host && home && home.getAttribute("href") !== `#host-${peering.host}`;
  let label = group.querySelector(".moved");
  if (!label && moved) {
    label = document.createElementNS("http://www.w3.org/2000/svg", "text");
    for (const [name, value] of [["class", "note strong right halo moved"], ["x", x + width - 8], ["y", y + height - 6]]) {
      label.setAttribute(name, value);
    }
    group.append(label);
  }
  if (label) put(label, "text", moved ? `now on ${peering.host}` : "");
}
