// Dark or light: what was chosen here before, or what the address asks for with ?theme=light.

import { byId } from "./dom.js";

const THEMES = ["dark", "light"];

export function initTheme(asked) {
  apply(THEMES.includes(asked) ? asked : (localStorage.getItem("theme") ?? "dark"));
  byId("theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    apply(next);
  });
}

function apply(theme) {
  localStorage.setItem("theme", theme);
  document.documentElement.dataset.theme = theme;
  const other = theme === "dark" ? "light" : "dark";
  byId("theme").textContent = theme === "dark" ? "☀" : "☾";
  byId("theme").title = `Switch to the ${other} theme`;
  byId("theme").setAttribute("aria-label", `Switch to the ${other} theme`);
}
