// Shows a modal of the bot and hands its values to `submit`, which says whether it was taken.

import { byId, el } from "./dom.js";
import { modalField } from "./fields.js";
import { markdown } from "./markdown.js";

const ACTION_ROW = 1, TEXT_DISPLAY = 10, CHECKBOX = 23;

export function showModal(modal, context, submit) {
  const dialog = byId("modal");
  const fields = new Map();
  const rows = modal.components.map((component) => row(component, fields, context));
  const problem = el("p", { class: "problem", role: "alert" });
  const close = () => dialog.close();
  const form = el(
    "form",
    { onsubmit: (event) => send(event, fields, problem, submit) },
    el("h2", { id: "modal-title" }, modal.title),
    rows,
    problem,
    el(
      "div",
      { class: "actions" },
      el("button", { type: "button", class: "button secondary", onclick: close }, "Cancel"),
      el("button", { type: "submit", class: "button primary", "data-testid": "modal-submit" }, "Submit"),
    ),
  );
  dialog.replaceChildren(form);
  dialog.showModal();
}

function row(component, fields, context) {
  if (component.type === TEXT_DISPLAY) return markdown(component.content, context.names);
  const isRow = component.type === ACTION_ROW;
  const input = isRow ? component.components[0] : component.component;
  const field = modalField(input, context);
  fields.set(input.custom_id, field);
  const isGroup = field.node.tagName === "FIELDSET"; // a label of its own for each choice inside
  return el(
    isGroup ? "div" : "label",
    { class: isCheckbox(input) ? "field flag" : "field" },
    el("span", {}, (isRow ? input.label : component.label) ?? "", input.required === false || isCheckbox(input) ? null : el("b", { class: "star", "aria-hidden": "true" }, " *")),
    component.description && el("small", {}, component.description),
    field.node,
  );
}

function isCheckbox(input) {
  return input.type === CHECKBOX;
}

async function send(event, fields, problem, submit) {
  event.preventDefault();
  const values = {};
  for (const [customId, field] of fields) {
    const value = await field.value();
    if (value !== undefined) values[customId] = value;
  }
  const refusal = await submit(values);
  problem.textContent = refusal ?? "";
  if (!refusal) byId("modal").close();
}
