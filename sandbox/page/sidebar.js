// The list of guilds with their channels and threads, and the switch between people.

import { byId, el } from "./dom.js";
import { displayName } from "./messages.js";

const DM = 1, GROUP_DM = 3, THREAD = 11, FORUM = 15;
const SIGNS = { [DM]: "@", [GROUP_DM]: "@", [THREAD]: "↳", [FORUM]: "▤" };

export function sign(channel) {
  return SIGNS[channel.type] ?? "#";
}

export function drawSidebar(state, channelId, open) {
  const groups = [...state.guilds, { id: null, name: "Direct messages", bot: true }];
  byId("channels").replaceChildren(...groups.map((group) => channelGroup(group, state, channelId, open)));
  const people = state.users.filter((user) => !user.bot);
  byId("user").replaceChildren(
    ...people.map((user) =>
      el("option", { value: user.id, selected: user.id === state.user.id }, displayName(user)),
    ),
  );
}

function channelGroup(group, state, channelId, open) {
  const channels = state.channels.filter(({ guild }) => guild === group.id);
  const tops = channels.filter(({ parent }) => !parent);
  const ordered = tops.flatMap((top) => [top, ...channels.filter(({ parent }) => parent === top.id)]);
  const title = el("h2", {}, group.name, group.bot ? null : el("small", {}, " bot not here"));
  return el("section", {}, title, el("ul", {}, ordered.map((channel) => entry(channel, channelId, open))));
}

function entry(channel, channelId, open) {
  const shown = [
    el("span", { class: "sign", "aria-hidden": "true" }, sign(channel)),
    channel.name,
    channel.nsfw && channel.type !== THREAD && el("small", { class: "age", title: "Age-restricted" }, "18+"),
  ];
  if (channel.type === FORUM) return el("li", { class: "forum", title: channel.topic }, shown);
  return el(
    "li",
    { class: channel.parent ? "thread" : null },
    el(
      "button",
      {
        type: "button",
        "data-testid": `channel-${channel.type === DM ? "dm" : channel.name}`,
        "aria-current": channel.id === channelId ? "page" : null,
        onclick: () => open(channel.id),
      },
      shown,
    ),
  );
}
