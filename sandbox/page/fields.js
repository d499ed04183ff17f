// Inputs for command options and modals. Each is { node, value() }; value() is undefined when empty.

import { upload } from "./api.js";
import { optionLabel } from "./components.js";
import { el } from "./dom.js";
import { localized } from "./localized.js";

const STRING = 3, INTEGER = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, MENTIONABLE = 9;
const NUMBER = 10, ATTACHMENT = 11;
const SELECT_OF_OPTION = { [USER]: 5, [ROLE]: 6, [MENTIONABLE]: 7, [CHANNEL]: 8 };
const DEBOUNCE_MS = 250;

// `context`: choices(component), complete(option) -> choices, place: { user, channel }, locale.
export function optionField(option, context) {
  const attributes = {
    id: `option-${option.name}`,
    "data-testid": `option-${option.name}`,
    required: option.required,
    placeholder: localized(option, "description", context.locale),
  };
  if (option.autocomplete) return autocompleteField(option, attributes, context);
  if (option.choices?.length) {
    const choices = option.choices.map((choice) => ({ label: localized(choice, "name", context.locale), value: choice.value }));
    return selectField(choices, attributes, option.type);
  }
  if (option.type === BOOLEAN) {
    return selectField([{ label: "True", value: "true" }, { label: "False", value: "false" }], attributes, BOOLEAN);
  }
  if (option.type in SELECT_OF_OPTION) {
    const select = { type: SELECT_OF_OPTION[option.type], channel_types: option.channel_types };
    return selectField(context.choices(select), attributes, STRING);
  }
  if (option.type === ATTACHMENT) return fileField(attributes, context.place);
  return textField(option, attributes);
}

function typed(text, type) {
  if (text === "") return undefined;
  if (type === BOOLEAN) return text === "true";
  return type === INTEGER || type === NUMBER ? Number(text) : text;
}

function textField(option, attributes) {
  const isNumber = option.type === INTEGER || option.type === NUMBER;
  const node = el("input", {
    ...attributes,
    type: isNumber ? "number" : "text",
    step: option.type === NUMBER ? "any" : null,
    min: option.min_value,
    max: option.max_value,
    minlength: option.min_length,
    maxlength: option.max_length,
  });
  return { node, value: () => typed(node.value, option.type) };
}

function selectField(choices, attributes, type) {
  const node = el(
    "select",
    attributes,
    el("option", { value: "" }, attributes.placeholder ?? "Make a selection"),
    choices.map((choice) =>
      el("option", { value: choice.value, selected: choice.default }, optionLabel(choice)),
    ),
  );
  return { node, value: () => typed(node.value, type) };
}

function fileField(attributes, place, multiple = false) {
  const node = el("input", { ...attributes, type: "file", multiple });
  const ids = async () => {
    const stored = [...node.files].map((file) => upload(place.user, place.channel, file));
    return (await Promise.all(stored)).map(({ id }) => id);
  };
  return { node, value: async () => (await ids())[0], ids };
}

function autocompleteField(option, attributes, context) {
  const listId = `choices-${option.name}`;
  const input = el("input", { ...attributes, role: "combobox", "aria-controls": listId, "aria-expanded": "false" });
  const list = el("ul", { id: listId, class: "choices", role: "listbox", hidden: true });
  let choices = [];
  let picked = null;
  let timer;
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  };
  const pick = (choice) => {
    clearTimeout(timer);
    picked = choice;
    input.value = localized(choice, "name", context.locale);
    close();
    input.focus();
  };
  const show = (found) => {
    choices = found;
    const items = choices.map((choice, index) =>
      el(
        "li",
        {
          id: `${listId}-${index}`,
          role: "option",
          "data-testid": "autocomplete-choice",
          onmousedown: (event) => event.preventDefault(),
          onclick: () => pick(choice),
        },
        localized(choice, "name", context.locale),
      ),
    );
    list.replaceChildren(...items);
    list.hidden = !items.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
  };
  const ask = async () => show(await context.complete(option));
  input.addEventListener("input", () => {
    picked = null;
    clearTimeout(timer);
    timer = setTimeout(ask, DEBOUNCE_MS);
  });
  input.addEventListener("focus", () => picked || ask());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    moveOrPick(event, list, (index) => pick(choices[index]), close);
  });
  const value = () => (picked ? picked.value : typed(input.value, option.type));
  return { node: el("div", { class: "autocomplete" }, input, list), value, raw: () => input.value };
}

// Arrow keys move in a list, Tab and Enter pick, Escape closes. The marked item has the focus only
// for assistive technology: the input keeps the real one.
export function moveOrPick(event, list, pick, close) {
  const items = [...list.children];
  const marked = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in steps) {
    const next = (marked + steps[event.key] + items.length) % items.length;
    items.forEach((item, index) => item.setAttribute("aria-selected", String(index === next)));
    items[next].scrollIntoView({ block: "nearest" });
    event.target.setAttribute("aria-activedescendant", items[next].id);
  } else if ((event.key === "Tab" || event.key === "Enter") && (marked >= 0 || event.key === "Tab")) {
    pick(Math.max(marked, 0));
  } else if (event.key === "Escape") {
    close();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

const TEXT_INPUT = 4, FILE_UPLOAD = 19, RADIO_GROUP = 21, CHECKBOX_GROUP = 22, CHECKBOX = 23;

// An input of a modal.
export function modalField(component, context) {
  const attributes = {
    id: `field-${component.custom_id}`,
    "data-testid": `field-${component.custom_id}`,
    required: component.required !== false && component.type !== CHECKBOX,
    placeholder: component.placeholder,
  };
  if (component.type === TEXT_INPUT) return modalText(component, attributes);
  if (component.type === CHECKBOX) {
    const node = el("input", { ...attributes, type: "checkbox", checked: component.default });
    return { node, value: () => node.checked };
  }
  if (component.type === FILE_UPLOAD) {
    const field = fileField(attributes, context.place, (component.max_values ?? 1) > 1);
    return { node: field.node, value: field.ids };
  }
  const choices = context.choices(component);
  if (component.type === RADIO_GROUP) return radios(choices, attributes);
  const isSingle = component.type !== CHECKBOX_GROUP && (component.max_values ?? 1) === 1;
  if (isSingle) {
    const field = selectField(choices, attributes, STRING);
    return { node: field.node, value: () => [field.value()].filter(Boolean) };
  }
  return checkboxes(choices, attributes);
}

function modalText(component, attributes) {
  const limits = { minlength: component.min_length, maxlength: component.max_length ?? 4000 };
  const node =
    component.style === 2
      ? el("textarea", { ...attributes, ...limits, rows: 5 }, component.value ?? "")
      : el("input", { ...attributes, ...limits, value: component.value });
  return { node, value: () => node.value };
}

function radios(choices, attributes) {
  const shared = { type: "radio", name: attributes.id, required: attributes.required };
  const buttons = choices.map((choice) =>
    el("input", { ...shared, value: choice.value, checked: choice.default }),
  );
  return { node: group(buttons, choices, attributes), value: () => buttons.find((one) => one.checked)?.value };
}

function checkboxes(choices, attributes) {
  const boxes = choices.map((choice) =>
    el("input", { type: "checkbox", value: choice.value, checked: choice.default }),
  );
  return {
    node: group(boxes, choices, attributes),
    value: () => boxes.filter((box) => box.checked).map((box) => box.value),
  };
}

function group(inputs, choices, attributes) {
  const labels = choices.map((choice, index) =>
    el("label", {}, inputs[index], el("span", {}, optionLabel(choice), choice.description && el("small", {}, ` ${choice.description}`))),
  );
  return el("fieldset", { "data-testid": attributes["data-testid"] }, labels);
}
