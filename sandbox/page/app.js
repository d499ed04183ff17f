// The page: keeps the state of one person's view and draws the open channel.

import { getState, interact, listen, writeMessage } from "./api.js";
import { appsMenu, initMenus } from "./apps_menu.js";
import { makeComposer } from "./composer.js";
import { byId, el } from "./dom.js";
import { localized } from "./localized.js";
import { displayName, messageItem, noticeItem } from "./messages.js";
import { showModal } from "./modal.js";
import { drawSidebar, sign } from "./sidebar.js";
import { initTheme } from "./theme.js";

const FAILED = "The application did not respond";
const USER_SELECT = 5, ROLE_SELECT = 6, MENTIONABLE_SELECT = 7, CHANNEL_SELECT = 8;
const DM = 1, GROUP_DM = 3, FORUM = 15;
const TYPING_MS = 8000;

const page = {
  state: null,
  channelId: null,
  problems: new Map(), // message id -> what went wrong with its last button
  dismissed: new Set(JSON.parse(sessionStorage.getItem("dismissed") ?? "[]")),
  notices: [], // { channelId, text } that only this page knows
  stopListening: () => {},
};

const names = {
  user: (id) => displayName(page.state.users.find((user) => user.id === id) ?? { username: "unknown" }),
  channel: (id) => page.state.channels.find((channel) => channel.id === id)?.name ?? "unknown",
  role: (id) => `@${roles().find((role) => role.id === id)?.name ?? "unknown"}`.replace("@@", "@"),
  command: commandTitle,
};

function channel() {
  return page.state.channels.find(({ id }) => id === page.channelId);
}

function roles() {
  return page.state.guilds.find(({ id }) => id === channel().guild)?.roles ?? [];
}

function place() {
  return { user: page.state.user.id, channel: page.channelId };
}

function choices(component) {
  const users = page.state.users.map((user) => ({ label: displayName(user), value: user.id }));
  const allRoles = roles().map((role) => ({ label: role.name, value: role.id }));
  const siblings = page.state.channels.filter(({ guild }) => guild && guild === channel().guild);
  const wanted = siblings.filter(({ type }) => component.channel_types?.includes(type) ?? true);
  const channels = wanted.map((sibling) => ({ label: `${sign(sibling)} ${sibling.name}`, value: sibling.id }));
  const lists = {
    [USER_SELECT]: users,
    [ROLE_SELECT]: allRoles,
    [MENTIONABLE_SELECT]: [...users, ...allRoles],
    [CHANNEL_SELECT]: channels,
  };
  const chosen = new Set((component.default_values ?? []).map(({ id }) => id));
  const found = lists[component.type];
  if (!found) return component.options ?? [];
  return found.map((choice) => ({ ...choice, default: chosen.has(choice.value) }));
}

function commands() {
  return page.state.commands.filter((command) => command.channels.includes(page.channelId));
}

// The name of an invoked command, with those of its subcommands, in the viewer's language.
function commandTitle(fullName) {
  const [first, ...below] = fullName.split(" ");
  let item = page.state.commands.find(({ name }) => name === first || name === fullName);
  if (!item || item.name === fullName) return item ? title(item) : fullName;
  const titles = [title(item)];
  for (const name of below) {
    item = (item.options ?? []).find((option) => option.name === name) ?? { name };
    titles.push(title(item));
  }
  return titles.join(" ");
}

function title(item) {
  return localized(item, "name", page.state.user.locale);
}

// Drawing ------------------------------------------------------------------------------------

function draw() {
  drawSidebar(page.state, page.channelId, openChannel);
  drawHeader();
  drawMessages();
}

function drawHeader() {
  const { name, type, topic, nsfw } = channel();
  byId("title").textContent = `${sign(channel())} ${name}`;
  byId("topic").textContent = [nsfw && "Age-restricted", topic].filter(Boolean).join(" · ");
  const { online } = page.state.bot;
  byId("presence").textContent = online ? "bot online" : "bot offline";
  byId("presence").className = online ? "online" : "offline";
  const mark = type === DM || type === GROUP_DM ? "@" : "#";
  byId("input").placeholder = `Message ${mark}${name}, or / for commands`;
  document.title = `${mark + name} · Sandbox`;
}

function drawMessages() {
  const isAtEnd = isScrolledDown();
  const shown = channel().messages.filter(({ id }) => !page.dismissed.has(id));
  const notices = page.notices.filter((notice) => notice.channelId === page.channelId);
  byId("messages").replaceChildren(...shown.map(item), ...notices.map(noticeNode));
  if (!shown.length && !notices.length) {
    byId("messages").append(el("li", { class: "empty" }, "Nothing here yet. Type / to see what the bot can do."));
  }
  if (isAtEnd) scrollDown();
}

function noticeNode(notice) {
  return noticeItem(notice.text, () => {
    page.notices = page.notices.filter((other) => other !== notice);
    drawMessages();
  });
}

function item(message) {
  return messageItem(message, {
    names,
    choices,
    problem: page.problems.get(message.id),
    press: (component, values) => press(message, component, values),
    open: openPicture,
    dismiss: () => dismiss(message.id),
    menu: () =>
      appsMenu(message, names.user(message.author.id), {
        commands: commands(),
        title,
        invoke: (name, target) => invoke({ name, target }),
      }),
  });
}

// Adds or replaces one message, so that the others keep what was chosen or opened in them.
function redraw(message) {
  const isAtEnd = isScrolledDown();
  const before = document.querySelector(`[data-id="${message.id}"]`);
  if (before) replace(before, message);
  else {
    document.querySelector("#messages .empty")?.remove();
    byId("messages").append(item(message));
  }
  if (isAtEnd) scrollDown();
}

function replace(before, message) {
  const focused = before.contains(document.activeElement) ? document.activeElement.dataset.customId : null;
  before.replaceWith(item(message));
  if (focused) {
    document.querySelector(`[data-id="${message.id}"] [data-custom-id="${CSS.escape(focused)}"]`)?.focus();
  }
}

function isScrolledDown() {
  const list = byId("log");
  return list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

function scrollDown() {
  const list = byId("log");
  list.scrollTop = list.scrollHeight;
  for (const image of list.querySelectorAll("img")) {
    image.addEventListener("load", () => (list.scrollTop = list.scrollHeight), { once: true });
  }
}

function openPicture({ url, alt }) {
  const viewer = byId("viewer");
  const close = () => viewer.close();
  viewer.replaceChildren(
    el("img", { src: url, alt, onclick: close }),
    alt && el("p", {}, alt),
    el("div", { class: "actions" }, el("a", { href: url, target: "_blank", rel: "noreferrer" }, "Open original"), el("button", { type: "button", class: "button secondary", onclick: close }, "Close")),
  );
  viewer.showModal();
}

// Acting -------------------------------------------------------------------------------------

async function invoke(request) {
  byId("typing").textContent = "Sending…";
  const answer = await attempt({ kind: "command", ...place(), ...request });
  byId("typing").textContent = "";
  if (answer.outcome === "failed") notify(answer.error ?? FAILED);
  if (answer.modal) openModal(answer);
}

async function press(message, component, values) {
  const request = { kind: "component", ...place(), message: message.id, custom_id: component.custom_id, values };
  page.problems.delete(message.id);
  const answer = await attempt(request);
  if (answer.outcome === "failed") page.problems.set(message.id, answer.error ?? "This interaction failed");
  const current = channel().messages.find(({ id }) => id === message.id);
  if (current && (answer.outcome === "failed" || component.type !== 2)) redraw(current);
  if (answer.modal) openModal(answer);
}

function openModal(answer) {
  const { user } = place();
  showModal(answer.modal, { names, choices, place: place() }, async (values) => {
    const request = { kind: "modal", user, interaction: answer.interaction, values };
    const result = await attempt(request);
    return result.outcome === "failed" ? result.error ?? "Something went wrong. Try again." : null;
  });
}

// A refusal of the server has the same shape as a bot that did not answer.
async function attempt(request) {
  try {
    return await interact(request);
  } catch (error) {
    return { outcome: "failed", error: error.message };
  }
}

async function complete(name, options, focused) {
  const answer = await attempt({ kind: "autocomplete", ...place(), name, options, focused });
  return answer.choices ?? [];
}

async function say(content, attachments) {
  try {
    await writeMessage({ ...place(), content, attachments });
  } catch (error) {
    notify(error.message);
  }
}

function notify(text) {
  page.notices.push({ channelId: page.channelId, text });
  drawMessages();
}

function dismiss(messageId) {
  page.dismissed.add(messageId);
  sessionStorage.setItem("dismissed", JSON.stringify([...page.dismissed]));
  drawMessages();
}

// Following what happens ---------------------------------------------------------------------

function onEvent(event) {
  if (event.type === "REFRESH") return refresh();
  if (event.type === "TYPING") return showTyping(event.channel);
  const { message } = event;
  const target = page.state.channels.find(({ id }) => id === message.channel_id);
  const index = target.messages.findIndex(({ id }) => id === message.id);
  if (event.type === "MESSAGE_DELETE") target.messages.splice(index, index < 0 ? 0 : 1);
  else if (index < 0) target.messages.push(message);
  else target.messages[index] = message;
  if (target !== channel()) return undefined;
  if (message.author.bot) byId("typing").textContent = "";
  return event.type === "MESSAGE_DELETE" ? drawMessages() : redraw(message);
}

function showTyping(channelId) {
  if (channelId !== page.channelId) return;
  byId("typing").textContent = `${displayName(page.state.bot)} is typing…`;
  setTimeout(() => (byId("typing").textContent = ""), TYPING_MS);
}

async function refresh() {
  page.state = await getState(page.state.user.id);
  draw();
}

function openChannel(channelId) {
  page.channelId = channelId;
  composer.reset();
  const address = new URLSearchParams({ user: page.state.user.username, channel: channelId });
  history.replaceState(null, "", `?${address}`);
  toggleMenu(false);
  draw();
  scrollDown();
}

async function become(user, wantedChannel) {
  page.stopListening();
  page.state = await getState(user);
  page.stopListening = listen(page.state.user.id, onEvent);
  const { channels } = page.state;
  const isOwnDm = ({ type }) => wantedChannel === "dm" && type === DM;
  const found = channels.find((one) => [one.id, one.name].includes(wantedChannel) || isOwnDm(one));
  openChannel((found ?? channels.find(({ type }) => type !== FORUM)).id);
}

function toggleMenu(isOpen) {
  document.body.classList.toggle("menu-open", isOpen);
  byId("menu").setAttribute("aria-expanded", String(isOpen));
}

const composer = makeComposer({
  commands,
  place,
  choices,
  complete,
  say,
  invoke: (name, options) => invoke({ name, options }),
  locale: () => page.state.user.locale,
});
byId("user").addEventListener("change", (event) => become(event.target.value, page.channelId));
initMenus(byId("messages"));
byId("menu").addEventListener("click", () => toggleMenu(!document.body.classList.contains("menu-open")));
document.querySelector("main").addEventListener("click", (event) => {
  if (!event.target.closest("#menu")) toggleMenu(false);
});
const address = new URLSearchParams(location.search);
initTheme(address.get("theme"));
await become(address.get("user"), address.get("channel"));
