// What is asked of the server: lists again only if they changed, and the picture; with the token, if there is one.

import { setClock } from "./words.js";

const TIMEOUT_MS = 8000;
const TOKEN = "trellis-token";
const tags = new Map(); // by path: ETag and what came with it

export const token = {
  read: () => sessionStorage.getItem(TOKEN),
  keep: (text) => sessionStorage.setItem(TOKEN, text), // gone with the tab
  forget: () => sessionStorage.removeItem(TOKEN),
};

export class TokenNeeded extends Error {}

function headers() {
  return token.read() ? { Authorization: `Bearer ${token.read()}` } : {};
}

export async function ask(path) {
  const known = tags.get(path);
  const asked = { ...headers(), ...(known ? { "If-None-Match": known.tag } : {}) };
  const answer = await fetch(path, { headers: asked, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const date = Date.parse(answer.headers.get("Date"));
  if (date) setClock(date);
  if (answer.status === 304) return known.body;
  if (answer.status === 401) throw new TokenNeeded();
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  const body = await answer.json();
  if (answer.headers.get("ETag")) tags.set(path, { tag: answer.headers.get("ETag"), body });
  return body;
}

export async function all(path) {
  const first = await ask(`${path}${path.includes("?") ? "&" : "?"}pagesize=1000`);
  let items = first.items;
  for (let next = 2; items.length < first.total && next <= 50; next += 1) {
    const more = await ask(`${path}${path.includes("?") ? "&" : "?"}pagesize=1000&page=${next}`);
    if (!more.items.length) break;
    items = items.concat(more.items);
  }
  return items;
}

export function askPicture(path) { // only XMLHttpRequest makes a document of an answer without markup out of a text
  return new Promise((done, fail) => {
    const asked = new XMLHttpRequest();
    asked.open("GET", path);
    Object.entries(headers()).forEach(([name, value]) => asked.setRequestHeader(name, value));
    asked.responseType = "document";
    asked.timeout = TIMEOUT_MS;
    asked.onerror = asked.ontimeout = () => fail(new Error("no answer"));
    asked.onload = () => {
      if (asked.status === 200 && asked.responseXML) done(asked.responseXML.documentElement);
      else if (asked.status === 404) done(null);
      else fail(asked.status === 401 ? new TokenNeeded() : new Error(`the server answers ${asked.status}`));
    };
    asked.send();
  });
}
