// Message components as elements. `context` knows names, lists of choosable things, and how to act:
// press(component, values), open(picture).

import { el } from "./dom.js";
import { markdown } from "./markdown.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link", 6: "link" };

const RENDERERS = {
  1: (row, context) => el("div", { class: "row" }, render(row.components, context)),
  2: button,
  3: select,
  5: select,
  6: select,
  7: select,
  8: select,
  9: section,
  10: (text, context) => markdown(text.content, context.names),
  11: (thumbnail, context) => picture(thumbnail, context, "thumbnail"),
  12: gallery,
  13: file,
  14: (separator) =>
    el("hr", { class: `${separator.divider ? "" : "blank"} spacing-${separator.spacing}` }),
  17: container,
};

export function render(components, context) {
  return components.map((component) => RENDERERS[component.type](component, context));
}

export function emojiText(emoji) {
  if (!emoji) return null;
  return el("span", { class: "emoji", "aria-hidden": "true" }, emoji.id ? `:${emoji.name}:` : emoji.name);
}

function button(component, context) {
  const content = [emojiText(component.emoji), component.label && el("span", {}, component.label)];
  const shared = {
    class: `button ${STYLES[component.style]}`,
    "data-testid": "component-button",
    "data-custom-id": component.custom_id,
    "aria-label": component.label ? null : component.emoji?.name,
  };
  if (component.url) {
    const target = { href: component.url, target: "_blank", rel: "noreferrer" };
    return el("a", { ...shared, ...target }, content, el("span", { "aria-hidden": "true" }, "↗"));
  }
  return el(
    "button",
    {
      ...shared,
      type: "button",
      disabled: component.disabled,
      onclick: (event) => busy(event.currentTarget, () => context.press(component, [])),
    },
    content,
  );
}

async function busy(node, act) {
  node.disabled = true;
  node.setAttribute("aria-busy", "true");
  await act();
  node.disabled = false;
  node.removeAttribute("aria-busy");
}

function select(component, context) {
  const options = context.choices(component);
  const shared = {
    "data-testid": "component-select",
    "data-custom-id": component.custom_id,
    "aria-label": component.placeholder ?? "Select",
  };
  if (component.max_values > 1) return multiSelect(component, options, shared, context);
  const change = (event) => busy(event.currentTarget, () => context.press(component, [event.target.value]));
  const isChosen = options.some((option) => option.default);
  return el(
    "select",
    { ...shared, class: "select", disabled: component.disabled, onchange: change },
    el("option", { value: "", disabled: true, hidden: true, selected: !isChosen }, component.placeholder ?? "Make a selection"),
    options.map((option) =>
      el("option", { value: option.value, selected: option.default, title: option.description }, optionLabel(option)),
    ),
  );
}

export function optionLabel(option) {
  const emoji = option.emoji && !option.emoji.id ? `${option.emoji.name} ` : "";
  return emoji + option.label;
}

function multiSelect(component, options, shared, context) {
  const boxes = options.map((option) =>
    el("input", { type: "checkbox", value: option.value, checked: option.default }),
  );
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const apply = (event) => busy(event.currentTarget, () => context.press(component, chosen()));
  return el(
    "details",
    { ...shared, class: "select" },
    el("summary", {}, component.placeholder ?? "Make a selection"),
    options.map((option, index) => el("label", {}, boxes[index], optionLabel(option))),
    el("button", { type: "button", class: "button primary", disabled: component.disabled, onclick: apply }, "Apply"),
  );
}

function section(component, context) {
  return el(
    "div",
    { class: "section" },
    el("div", { class: "texts" }, render(component.components, context)),
    render([component.accessory], context),
  );
}

function container(component, context) {
  const colour = component.accent_color;
  const accent = colour == null ? null : `--accent: #${colour.toString(16).padStart(6, "0")}`;
  const box = el("div", { class: "container", style: accent }, render(component.components, context));
  return component.spoiler ? hidden(box) : box;
}

function gallery(component, context) {
  const count = component.items.length;
  return el(
    "div",
    { class: `gallery count-${Math.min(count, 5)}` },
    component.items.map((item) => picture(item, context, count === 1 ? "single" : "tile")),
  );
}

export function picture(item, context, kind) {
  const { media } = item;
  const alt = item.description ?? "";
  const isVideo = media.content_type?.startsWith("video/");
  const shown = isVideo
    ? el("video", { src: media.url, controls: true })
    : el("img", { src: media.url, alt, width: media.width, height: media.height, loading: "lazy" });
  const frame = el(
    "button",
    {
      type: "button",
      class: `picture ${kind}`,
      title: alt,
      "aria-label": alt ? `Open picture: ${alt}` : "Open picture",
      onclick: () => context.open({ url: media.url, alt }),
    },
    shown,
  );
  return item.spoiler ? hidden(frame) : frame;
}

function hidden(content) {
  const reveal = (event) => event.currentTarget.parentElement.classList.add("revealed");
  return el(
    "div",
    { class: "spoiler" },
    content,
    el("button", { type: "button", class: "reveal", onclick: reveal }, "Spoiler"),
  );
}

function file(component) {
  const box = fileCard(component.name ?? component.file.url, component.size, component.file.url);
  return component.spoiler ? hidden(box) : box;
}

export function fileCard(name, size, url) {
  return el(
    "a",
    { class: "file", href: url, download: name },
    el("span", { "aria-hidden": "true" }, "📄"),
    el("span", {}, name, size == null ? null : el("small", {}, ` ${fileSize(size)}`)),
  );
}

function fileSize(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}
