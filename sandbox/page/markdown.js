// Discord's flavour of Markdown, as nodes; text never becomes markup.

import { el } from "./dom.js";

// Each pattern yields nodes; what stands between the matches is plain text.
const INLINE = [
  [/`([^`]+)`/, (m) => el("code", {}, m[1])],
  [/\*\*\*(.+?)\*\*\*/s, (m, names) => el("strong", {}, el("em", {}, inline(m[1], names)))],
  [/\*\*(.+?)\*\*/s, (m, names) => el("strong", {}, inline(m[1], names))],
  [/__(.+?)__/s, (m, names) => el("u", {}, inline(m[1], names))],
  [/~~(.+?)~~/s, (m, names) => el("s", {}, inline(m[1], names))],
  [/\|\|(.+?)\|\|/s, (m, names) => spoiler(inline(m[1], names))],
  [/\*([^*\s][^*]*)\*/s, (m, names) => el("em", {}, inline(m[1], names))],
  [/\b_([^_]+)_\b/s, (m, names) => el("em", {}, inline(m[1], names))],
  [/\[([^\]]+)\]\(<?(https?:\/\/[^\s)>]+)>?\)/, (m, names) => link(m[2], inline(m[1], names))],
  [/<(https?:\/\/[^\s>]+)>/, (m) => link(m[1], m[1])],
  [/https?:\/\/[^\s<]+[^\s<.,:;!?)\]'"]/, (m) => link(m[0], m[0])],
  [/<@!?(\d+)>/, (m, names) => mention(`@${names.user(m[1])}`)],
  [/<@&(\d+)>/, (m, names) => mention(names.role(m[1]))],
  [/<#(\d+)>/, (m, names) => mention(`#${names.channel(m[1])}`)],
  [/<\/([^:>]+):\d+>/, (m) => mention(`/${m[1]}`)],
  [/<t:(\d+)(?::([tTdDfFR]))?>/, (m) => moment(Number(m[1]), m[2])],
  [/\\([^0-9A-Za-z\s])/, (m) => m[1]],
];

const FENCE = /```(?:[\w+-]*\n)?([\s\S]*?)```/;
const LINES = [
  [/^(#{1,3}) (.+)$/, (m, names) => el(`h${m[1].length + 2}`, {}, inline(m[2], names))],
  [/^-# (.+)$/, (m, names) => el("small", {}, inline(m[1], names))],
  [/^> (.+)$/, (m, names) => el("blockquote", {}, inline(m[1], names))],
];
const BULLET = /^(\s*)[-*] (.+)$/;

export function markdown(text, names) {
  const nodes = [];
  let rest = text;
  for (let found = FENCE.exec(rest); found; found = FENCE.exec(rest)) {
    nodes.push(...blocks(rest.slice(0, found.index), names));
    nodes.push(el("pre", {}, el("code", {}, found[1])));
    rest = rest.slice(found.index + found[0].length).replace(/^\n/, "");
  }
  return el("div", { class: "markdown" }, ...nodes, ...blocks(rest, names));
}

function blocks(text, names) {
  const nodes = [];
  let paragraph = [];
  const flush = () => {
    if (paragraph.join("").trim()) {
      nodes.push(el("p", {}, inline(paragraph.join("\n").replace(/^\n+|\n+$/g, ""), names)));
    }
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    const node = block(line, names);
    if (!node) paragraph.push(line);
    else {
      flush();
      const last = nodes.at(-1);
      if (node.tagName === "LI" && last?.tagName === "UL") last.append(node);
      else nodes.push(node.tagName === "LI" ? el("ul", {}, node) : node);
    }
  }
  flush();
  return nodes;
}

function block(line, names) {
  const bullet = BULLET.exec(line);
  if (bullet) {
    return el("li", { class: bullet[1] ? "nested" : null }, inline(bullet[2], names));
  }
  for (const [pattern, make] of LINES) {
    const found = pattern.exec(line);
    if (found) return make(found, names);
  }
  return null;
}

export function inline(text, names) {
  const nodes = [];
  let rest = text;
  while (rest) {
    const first = earliest(rest);
    if (!first) break;
    nodes.push(rest.slice(0, first.found.index), first.make(first.found, names));
    rest = rest.slice(first.found.index + first.found[0].length);
  }
  return [...nodes.flat(), rest].filter((node) => node !== "");
}

function earliest(text) {
  let first = null;
  for (const [pattern, make] of INLINE) {
    const found = pattern.exec(text);
    if (found && (!first || found.index < first.found.index)) first = { found, make };
  }
  return first;
}

function link(href, children) {
  return el("a", { href, target: "_blank", rel: "noreferrer" }, children);
}

function mention(text) {
  return el("span", { class: "mention" }, text);
}

function spoiler(children) {
  const reveal = (event) => event.currentTarget.classList.add("revealed");
  return el("button", { type: "button", class: "spoiler-text", onclick: reveal }, children);
}

function moment(seconds, style) {
  const date = new Date(seconds * 1000);
  return el("time", { datetime: date.toISOString(), class: "mention" }, shownMoment(date, style));
}

function shownMoment(date, style) {
  if (style === "R") return relative(date);
  if (style === "t" || style === "T") return date.toLocaleTimeString();
  if (style === "d" || style === "D") return date.toLocaleDateString();
  return date.toLocaleString();
}

function relative(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = units.find(([, unitSize]) => Math.abs(seconds) >= unitSize) ?? units[3];
  return new Intl.RelativeTimeFormat("en").format(Math.round(seconds / size), unit);
}
