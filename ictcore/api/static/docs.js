"use strict";
// Reads /openapi.json and shows it. Everything that comes from outside is set as text, never as markup.

const METHODS = ["get", "post", "put", "delete"];
let description = null;
let token = "";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Text with `code` in it, in paragraphs.
function prose(text) {
  return (text || "").split(/\n\s*\n/).filter(Boolean).map((paragraph) => {
    const parts = paragraph.split("`").map((part, number) => (number % 2 ? element("code", {}, part) : part));
    return element("p", {}, ...parts);
  });
}

function resolved(schema) {
  let found = schema || {};
  while (found.$ref) found = description.components.schemas[found.$ref.split("/").pop()] || {};
  return found;
}

// A schema in a few words, as one writes a type.
function typeName(schema) {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeName).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") return `[${typeName(schema.items)}]`;
  if (schema.type === "object" && schema.additionalProperties) return `{name: ${typeName(schema.additionalProperties)}}`;
  return Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type || "any";
}

function limits(schema) {
  const found = resolved(schema);
  const said = [];
  for (const option of found.anyOf || [found]) {
    if (option.minLength) said.push(`at least ${option.minLength} characters`);
    if (option.maxLength) said.push(`at most ${option.maxLength} characters`);
    if (option.minimum !== undefined) said.push(`from ${option.minimum}`);
    if (option.maximum !== undefined) said.push(`to ${option.maximum}`);
    if (option.description && option !== found) said.push(option.description);
  }
  if (found.default !== undefined && found.default !== null && found.default !== "") said.push(`default ${JSON.stringify(found.default)}`);
  return said.join(", ");
}

function fieldTable(schema) {
  const found = resolved(schema && schema.type === "array" ? schema.items : schema);
  if (!found.properties) return null;
  const needed = new Set(found.required || []);
  const rows = Object.entries(found.properties).map(([name, kind]) =>
    element("tr", {},
      element("td", {}, element("code", {}, name), needed.has(name) ? element("span", { class: "required", title: "required" }, " *") : ""),
      element("td", {}, element("code", {}, typeName(kind))),
      element("td", { class: "note" }, [kind.description, limits(kind)].filter(Boolean).join(". "))));
  return element("table", {}, element("tbody", {}, ...rows));
}

function example(schema, depth = 0) {
  const found = resolved(schema);
  if (found.anyOf) return example(found.anyOf.find((option) => option.type !== "null"), depth);
  if (found.default !== undefined) return found.default;
  if (found.enum) return found.enum[0];
  switch (found.type) {
    case "object": {
      const needed = found.required || [];
      const names = Object.keys(found.properties || {}).filter((name) => needed.includes(name) || (!needed.length && depth === 0));
      return Object.fromEntries(names.map((name) => [name, example(found.properties[name], depth + 1)]));
    }
    case "array": return [];
    case "integer": case "number": return found.minimum || 0;
    case "boolean": return false;
    default: return "";
  }
}

function parameterTable(operation) {
  const rows = (operation.parameters || []).map((parameter) =>
    element("tr", {},
      element("td", {}, element("code", {}, parameter.name), parameter.required ? element("span", { class: "required" }, " *") : ""),
      element("td", { class: "note" }, parameter.in),
      element("td", {}, element("input", { "data-in": parameter.in, "data-name": parameter.name, placeholder: typeName(parameter.schema), "aria-label": parameter.name })),
      element("td", { class: "note" }, parameter.description || "")));
  return rows.length ? element("table", {}, element("tbody", {}, ...rows)) : null;
}

async function send(form, method, path, operation) {
  let target = path;
  const query = new URLSearchParams();
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  for (const input of form.querySelectorAll("input[data-in]")) {
    const value = input.value;
    if (input.dataset.in === "path") target = target.replace(`{${input.dataset.name}}`, encodeURIComponent(value));
    else if (value !== "" && input.dataset.in === "query") query.append(input.dataset.name, value);
    else if (value !== "") headers[input.dataset.name] = value;
  }
  const request = { method: method.toUpperCase(), headers, credentials: "omit" };
  const body = form.querySelector("textarea, input[type=file]");
  if (body && body.type === "file" && body.files.length) {
    request.body = body.files[0];
    headers["Content-Type"] = body.files[0].type || Object.keys(operation.requestBody.content)[0];
  } else if (body && body.type !== "file") {
    request.body = body.value;
    headers["Content-Type"] = "application/json";
  }
  const output = form.querySelector(".answer");
  output.replaceChildren("…");
  try {
    const began = performance.now();
    const answer = await fetch(target.slice(1) + (String(query) ? `?${query}` : ""), request);
    const kind = answer.headers.get("content-type") || "";
    let text = /json|text|xml/.test(kind) ? await answer.text() : `${(await answer.blob()).size} bytes of ${kind}`;
    if (kind.includes("json")) {
      try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
    }
    const interesting = ["x-total-count", "link", "retry-after", "content-disposition"];
    const shown = interesting.filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}\n`);
    output.replaceChildren(
      element("p", {}, element("strong", {}, `${answer.status} ${answer.statusText}`), ` in ${Math.round(performance.now() - began)} ms`),
      element("pre", {}, shown.join(""), text));
  } catch (error) {
    output.replaceChildren(element("p", { class: "required" }, `It could not be sent: ${error.message}`));
  }
}

function filled(method, path, operation) {
  const form = element("form", { class: "body", onsubmit: (event) => { event.preventDefault(); send(form, method, path, operation); } });
  form.append(...prose(operation.description));
  const parameters = parameterTable(operation);
  if (parameters) form.append(element("h3", {}, "Parameters"), parameters);
  if (operation.requestBody) {
    const [kind, content] = Object.entries(operation.requestBody.content)[0];
    form.append(element("h3", {}, `Body: ${Object.keys(operation.requestBody.content).join(", ")}`));
    if (kind === "application/json") {
      form.append(...prose(resolved(content.schema).description));
      const fields = fieldTable(content.schema);
      const text = element("textarea", { spellcheck: "false", "aria-label": "body" });
      text.value = JSON.stringify(example(content.schema), null, 2);
      form.append(fields || "", text);
    } else {
      form.append(element("input", { type: "file", "aria-label": "file" }));
    }
  }
  form.append(element("p", {}, element("button", {}, "Send")), element("div", { class: "answer", "aria-live": "polite" }));
  form.append(element("h3", {}, "Answers"));
  const rows = Object.entries(operation.responses).map(([status, answer]) => {
    const [kind, content] = Object.entries(answer.content || {})[0] || [];
    const type = kind === "application/json" ? typeName(content.schema) : kind || "";
    const fields = status === "200" && content ? fieldTable(content.schema) : null;
    return element("tr", {}, element("td", { class: "status" }, status),
      element("td", {}, status === "200" ? "" : `${answer.description} `, element("code", {}, type), fields || ""));
  });
  form.append(element("table", {}, element("tbody", {}, ...rows)));
  return form;
}

function show() {
  document.getElementById("version").textContent = description.info.version;
  const groups = new Map(description.tags.map((tag) => [tag.name, []]));
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const operation = item[method];
      const entry = element("details", { class: "operation", id: operation.operationId, "data-text": `${path} ${operation.operationId} ${operation.summary} ${operation.description || ""}`.toLowerCase() },
        element("summary", {}, element("span", { class: `method ${method}` }, method.toUpperCase()), element("span", { class: "path" }, path), element("span", { class: "summary" }, operation.summary)));
      entry.addEventListener("toggle", () => {
        if (entry.open && entry.children.length === 1) entry.append(filled(method, path, operation));
      });
      groups.get(operation.tags[0]).push(entry);
    }
  }
  const main = document.getElementById("operations");
  main.replaceChildren(...prose(description.info.description));
  const list = document.getElementById("tags");
  for (const [name, entries] of groups) {
    main.append(element("section", { id: `tag-${name}` }, element("h2", {}, name), ...entries));
    list.append(element("li", {}, element("a", { href: `#tag-${name}` }, name, element("span", {}, String(entries.length)))));
  }
  document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value.trim().toLowerCase()));
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted) { wanted.open = true; wanted.scrollIntoView(); }
}

function filter(text) {
  for (const section of document.querySelectorAll("main section")) {
    let any = false;
    for (const entry of section.querySelectorAll("details.operation")) {
      entry.hidden = !entry.dataset.text.includes(text);
      any = any || !entry.hidden;
    }
    section.hidden = !any;
  }
}

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new FormData(event.target);
  const who = document.getElementById("who");
  const answer = await fetch("authenticate", {
    method: "POST", credentials: "omit", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username: fields.get("username"), password: fields.get("password") }),
  });
  const found = await answer.json();
  token = answer.ok ? found.token : "";
  who.textContent = answer.ok ? `requests are sent as ${fields.get("username")}` : found.error.message;
});

fetch("openapi.json").then((answer) => answer.json()).then((found) => { description = found; show(); }).catch((error) => {
  document.getElementById("operations").replaceChildren(element("p", { class: "required" }, `The description could not be read: ${error.message}`));
});
