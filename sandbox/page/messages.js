// A message as a list item: who, when, in answer to what, and its content.

import { fileCard, picture, render } from "./components.js";
import { el } from "./dom.js";
import { inline, markdown } from "./markdown.js";

const EPHEMERAL = 1 << 6;
const LOADING = 1 << 7;
const CONTEXT_MENU_COMMAND = 23;
const TOKEN_LIFETIME_MS = 15 * 60 * 1000;

export function messageItem(message, context) {
  const isEphemeral = Boolean(message.flags & EPHEMERAL);
  return el(
    "li",
    {
      class: `message${isEphemeral ? " ephemeral" : ""}`,
      "data-testid": "message",
      "data-id": message.id,
    },
    cause(message, context),
    avatar(message.author),
    el("div", { class: "body" }, heading(message, context), content(message, context), problem(context)),
    isEphemeral && privacyNote(context),
    context.menu(),
  );
}

// A line that only this page knows: a command that failed, a sentence of the server.
export function noticeItem(text, onDismiss) {
  return el(
    "li",
    { class: "message ephemeral notice", "data-testid": "notice" },
    el("div", { class: "avatar", "aria-hidden": "true" }, "!"),
    el("div", { class: "body" }, el("p", { class: "problem" }, text)),
    privacyNote({ dismiss: onDismiss }),
  );
}

export function displayName(user) {
  return user.global_name ?? user.display_name ?? user.username;
}

function cause(message, context) {
  const { interaction, referenced_message: reference } = message;
  if (reference) {
    const text = reference.content || firstText(reference.components) || "a message";
    return el("div", { class: "cause" }, "↪ ", el("b", {}, context.names.user(reference.author.id)), " ", ...inline(text, context.names));
  }
  if (!interaction) return null;
  const who = el("b", {}, displayName(interaction.user));
  const slash = message.type === CONTEXT_MENU_COMMAND ? "" : "/";
  const name = `${slash}${context.names.command(interaction.name)}`;
  return el("div", { class: "cause" }, who, " used ", el("span", { class: "mention" }, name));
}

// The beginning of what a message says whose text is in its components.
function firstText(components) {
  for (const component of components ?? []) {
    const text = component.content ?? firstText(component.components);
    if (text) return text.replace(/^#+ |\*\*|^-# /gm, "").split("\n")[0];
  }
  return null;
}

function avatar(user) {
  const hue = Number(BigInt(user.id) % 360n) * 67 % 360;
  return el("div", { class: "avatar", style: `--hue: ${hue}`, "aria-hidden": "true" }, displayName(user)[0].toUpperCase());
}

function heading(message, context) {
  const date = new Date(message.timestamp);
  return el(
    "div",
    { class: "heading" },
    el("b", {}, context.names.user(message.author.id)),
    message.author.bot && el("span", { class: "tag" }, "APP"),
    el("time", { datetime: message.timestamp }, date.toLocaleTimeString([], { timeStyle: "short" })),
  );
}

function content(message, context) {
  if (message.flags & LOADING) return thinking(message, context);
  const body = [];
  if (message.content) body.push(markdown(message.content, context.names));
  body.push(...message.attachments.map((attachment) => attachmentBox(attachment, context)));
  body.push(...message.embeds.map((embed) => embedBox(embed, context)));
  if (message.components.length) {
    body.push(el("div", { class: "components" }, render(message.components, context)));
  }
  if (message.edited_timestamp) body.push(el("small", { class: "edited" }, "(edited)"));
  return body;
}

function thinking(message, context) {
  const isOver = Date.now() - new Date(message.timestamp) > TOKEN_LIFETIME_MS;
  if (isOver) return el("p", { class: "problem" }, "The application did not respond");
  const dots = [0, 1, 2].map((index) => el("i", { style: `--index: ${index}` }));
  const name = context.names.user(message.author.id);
  return el("p", { class: "thinking" }, el("span", { class: "dots", "aria-hidden": "true" }, dots), `${name} is thinking…`);
}

function attachmentBox(attachment, context) {
  const isSpoiler = attachment.filename.startsWith("SPOILER_");
  if (attachment.content_type?.startsWith("image/")) {
    const item = { media: attachment, description: attachment.description, spoiler: isSpoiler };
    return picture(item, context, "single");
  }
  return fileCard(attachment.filename, attachment.size, attachment.url);
}

function embedBox(embed, context) {
  const colour = embed.color == null ? null : `--accent: #${embed.color.toString(16).padStart(6, "0")}`;
  return el(
    "article",
    { class: "container embed", style: colour },
    embed.author && el("small", {}, embed.author.name),
    embed.title && el("h4", {}, embed.title),
    embed.description && markdown(embed.description, context.names),
    (embed.fields ?? []).map((field) =>
      el("div", { class: field.inline ? "field inline" : "field" }, el("b", {}, field.name), markdown(field.value, context.names)),
    ),
    embed.image && picture({ media: embed.image }, context, "single"),
    embed.thumbnail && picture({ media: embed.thumbnail }, context, "thumbnail"),
    embed.footer && el("small", {}, embed.footer.text),
  );
}

function problem(context) {
  return context.problem && el("p", { class: "problem", role: "alert" }, context.problem);
}

function privacyNote(context) {
  return el(
    "div",
    { class: "privacy" },
    "👁 Only you can see this • ",
    el("button", { type: "button", class: "plain", "data-testid": "dismiss", onclick: context.dismiss }, "Dismiss message"),
  );
}
