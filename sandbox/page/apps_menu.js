// The menu of a message: commands about the message, and about who wrote it.

import { el } from "./dom.js";

const USER_COMMAND = 2, MESSAGE_COMMAND = 3;

// `invoke(name, target)`; `title(command)` is the command's name in the viewer's language.
export function appsMenu(message, author, { commands, title, invoke }) {
  const about = [
    ["This message", MESSAGE_COMMAND, message.id],
    [author, USER_COMMAND, message.author.id],
  ];
  const groups = about
    .map(([heading, type, target]) => [heading, target, commands.filter((command) => command.type === type)])
    .filter(([, , offered]) => offered.length);
  if (!groups.length) return null;
  return el(
    "details",
    { class: "apps" },
    el("summary", { "aria-label": "Apps", "data-testid": "message-menu" }, "⋯"),
    el("div", {}, groups.map(([heading, target, offered]) => [
      el("h3", {}, heading),
      ...offered.map((command) => entry(command, () => invoke(command.name, target), title)),
    ]).flat()),
  );
}

function entry(command, act, title) {
  const choose = (event) => {
    event.currentTarget.closest("details").open = false;
    act();
  };
  const attributes = { type: "button", "data-testid": `menu-${command.name}`, onclick: choose };
  return el("button", attributes, title(command));
}

// A right click opens the menu of the message under it; a click elsewhere closes what is open.
export function initMenus(list) {
  list.addEventListener("contextmenu", (event) => {
    const menu = event.target.closest(".message")?.querySelector(".apps");
    if (!menu || event.target.closest("a, img, input, textarea")) return;
    event.preventDefault();
    menu.open = true;
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(".apps[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
}
