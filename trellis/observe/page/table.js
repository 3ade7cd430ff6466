// Elements and tables whose cells are changed in place; whatever is shown comes in as text, never as markup.

import { kindly, mark, tone } from "./words.js";

export function make(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  return made;
}

export function put(node, name, value) { // only what differs, so that nothing is read out or redrawn in vain
  if (name === "text") { if (node.textContent !== value) node.textContent = value; }
  else if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// A table's columns: heading, and of a row: text, class, and how it is marked (a state) or what it opens.
export function fill(table, columns, rows, empty) {
  if (!table.tHead) {
    const head = table.createTHead();
    head.setAttribute("role", "rowgroup");
    const row = head.insertRow();
    row.setAttribute("role", "row");
    columns.forEach((column) => row.append(make("th", column.name,
      { scope: "col", role: "columnheader", class: column.class?.includes("number") ? "number" : null })));
    table.append(make("tbody", null, { role: "rowgroup" }));
  }
  const body = table.tBodies[0];
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  if (!rows.length) rows = [{ key: "", empty }];
  rows.forEach((item, place) => {
    let row = known.get(item.key);
    known.delete(item.key);
    row ??= item.key ? newRow(item, columns) : emptyRow(empty, columns.length);
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
    if (item.key) columns.forEach((column, index) => fillCell(row.cells[index], column, item));
    else put(row.cells[0], "text", empty);
  });
  known.forEach((row) => row.remove());
}

function emptyRow(text, width) {
  const row = make("tr", null, { role: "row", "data-key": "" });
  row.append(make("td", text, { role: "cell", colspan: width, class: "empty whole" }));
  return row;
}

function newRow(item, columns) {
  const row = make("tr", null, { role: "row", "data-key": item.key });
  columns.forEach((column, index) => {
    const cell = index === 0 ? make("th", null, { scope: "row", role: "rowheader" }) : make("td", null, { role: "cell" });
    if (column.class) cell.className = column.class;
    cell.dataset.label = column.name;
    if (column.open) {
      const button = make("button", null, { type: "button", class: "open" });
      button.addEventListener("click", () => column.open(item));
      cell.append(button);
    } else if (column.state) cell.append(make("span", null, { class: "state" }));
    row.append(cell);
  });
  return row;
}

function fillCell(cell, column, item) {
  const text = String(column.text(item) ?? "");
  const holder = cell.firstElementChild ?? cell;
  put(holder, "text", text);
  cell.classList.toggle("none", text === "" || (column.dull !== undefined && text === column.dull));
  if (column.state) {
    put(holder, "data-tone", tone(column.state(item)));
    put(holder, "data-mark", mark(column.state(item)));
  }
}

export function choices(select, values) {
  const wanted = [...new Set(values.filter(Boolean))].sort();
  const shown = [...select.options].slice(1).map((option) => option.value);
  if (wanted.join("\n") === shown.join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...wanted.map((value) => make("option", kindly(value), { value })));
  select.value = wanted.includes(chosen) ? chosen : "";
}
