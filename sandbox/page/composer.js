// The line at the bottom: messages, the list of commands behind "/", and a command's options.

import { upload } from "./api.js";
import { byId, el } from "./dom.js";
import { moveOrPick, optionField } from "./fields.js";
import { localized } from "./localized.js";

const CHAT_INPUT = 1, SUB_COMMAND = 1, SUB_COMMAND_GROUP = 2;

// `page`: commands(), place(), choices(component), invoke(name, options), complete(name, options,
// focused), say(text, attachmentIds), locale().
export function makeComposer(page) {
  const input = byId("input");
  const suggestions = byId("suggestions");
  const panel = byId("options");
  let offered = [];
  let chosen = null;
  let fields = new Map();

  const closeList = () => {
    suggestions.hidden = true;
    input.setAttribute("aria-expanded", "false");
  };

  const reset = () => {
    chosen = null;
    fields = new Map();
    panel.hidden = true;
    panel.replaceChildren();
    input.hidden = false;
    byId("attach").hidden = false;
    input.value = "";
    byId("files").value = "";
    showFiles();
    closeList();
  };

  const showFiles = () => {
    const names = [...byId("files").files].map((file) => file.name);
    byId("attached").textContent = names.join(", ");
    byId("attached").hidden = !names.length;
  };

  const suggest = () => {
    const typed = input.value.startsWith("/") ? input.value.slice(1).toLowerCase() : null;
    const fits = ({ title, name }) => title.includes(typed) || name.includes(typed);
    offered = typed === null ? [] : entries(page).filter(fits);
    suggestions.replaceChildren(...offered.map((entry, index) => suggestion(entry, index, pick)));
    suggestions.hidden = typed === null;
    if (typed !== null && !offered.length) {
      suggestions.replaceChildren(el("li", { class: "empty" }, "No such command"));
    }
    input.setAttribute("aria-expanded", String(!suggestions.hidden));
  };

  const pick = (index) => {
    chosen = offered[index];
    closeList();
    input.hidden = true;
    byId("attach").hidden = true;
    input.value = "";
    fields = new Map();
    panel.replaceChildren(...optionsPanel());
    panel.hidden = false;
    (panel.querySelector("input, select") ?? byId("composer").querySelector("[type=submit]")).focus();
  };

  const optionsPanel = () => {
    const grid = el("div", { class: "fields" });
    const more = el("div", { class: "more" });
    const options = chosen.leaf.options ?? [];
    options.filter((option) => option.required).forEach((option) => grid.append(addField(option)));
    for (const option of options.filter((candidate) => !candidate.required)) {
      const add = (event) => {
        event.currentTarget.remove();
        const field = addField(option);
        grid.append(field);
        field.querySelector("input, select").focus();
      };
      const attributes = { type: "button", class: "chip", "data-testid": `add-${option.name}` };
      more.append(el("button", { ...attributes, title: localized(option, "description", page.locale()), onclick: add }, `+ ${localized(option, "name", page.locale())}`));
    }
    const title = el("b", {}, `/${chosen.title}`);
    const cancel = el("button", { type: "button", class: "plain", onclick: leave }, "Cancel");
    const problem = el("p", { class: "problem", role: "alert" });
    return [el("div", { class: "chosen" }, title, el("span", {}, chosen.description), cancel), grid, more, problem];
  };

  const addField = (option) => {
    const command = chosen;
    const context = {
      locale: page.locale(),
      choices: page.choices,
      place: page.place(),
      complete: async () =>
        command === chosen ? page.complete(command.name, await values(true), option.name) : [],
    };
    const field = optionField(option, context);
    fields.set(option.name, field);
    const name = localized(option, "name", page.locale());
    const hint = localized(option, "description", page.locale());
    return el("label", { class: "field", title: hint }, el("span", {}, name, option.required && el("b", { class: "star" }, " *")), field.node);
  };

  // What was put in; while typing, an autocomplete field counts as it stands and files do not.
  const values = async (isTyping) => {
    const found = {};
    for (const [name, field] of fields) {
      if (isTyping && field.node.type === "file") continue;
      const value = isTyping && field.raw ? field.raw() : await field.value();
      if (value !== undefined) found[name] = value;
    }
    return found;
  };

  const leave = () => {
    reset();
    input.focus();
  };

  const send = async (event) => {
    event.preventDefault();
    if (chosen) {
      try {
        const request = [chosen.name, await values(false)];
        reset();
        await page.invoke(...request);
      } catch (error) {
        panel.querySelector(".problem").textContent = error.message;
      }
    } else if (input.value.trim() || byId("files").files.length) {
      const { user, channel } = page.place();
      const text = input.value;
      const files = [...byId("files").files];
      reset();
      const stored = await Promise.all(files.map((file) => upload(user, channel, file)));
      await page.say(text, stored.map(({ id }) => id));
    }
    input.focus();
  };

  byId("files").addEventListener("change", showFiles);
  input.addEventListener("input", suggest);
  input.addEventListener("keydown", (event) => {
    if (!suggestions.hidden && offered.length) moveOrPick(event, suggestions, pick, reset);
  });
  byId("composer").addEventListener("submit", send);
  byId("composer").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen) leave();
  });
  return { reset };
}

// Every command that can be typed here; a subcommand is an entry of its own.
function entries(page) {
  const typed = page.commands().filter((command) => command.type === CHAT_INPUT);
  return typed.flatMap((command) => leaves(command, [], [], page.locale()));
}

function leaves(item, names, titles, locale) {
  const path = [...names, item.name];
  const shown = [...titles, localized(item, "name", locale)];
  const below = (item.options ?? []).filter(({ type }) => type === SUB_COMMAND || type === SUB_COMMAND_GROUP);
  if (below.length) return below.flatMap((child) => leaves(child, path, shown, locale));
  const description = localized(item, "description", locale);
  return [{ name: path.join(" "), title: shown.join(" "), description, leaf: item }];
}

function suggestion(entry, index, pick) {
  return el(
    "li",
    {
      id: `suggestion-${index}`,
      role: "option",
      "data-testid": `command-${entry.name.replaceAll(" ", "-")}`,
      "aria-selected": String(index === 0),
      onmousedown: (event) => event.preventDefault(),
      onclick: () => pick(index),
    },
    el("b", {}, `/${entry.title}`),
    el("span", {}, entry.description),
  );
}
