"use strict";
// Filters and opens; everything on the page can be read without it.
const list = document.getElementById("list"), form = document.getElementById("filter"), q = document.getElementById("q");
const checks = Array.from(list.children), texts = new Map();
const text = (c) => texts.get(c) ?? (texts.set(c, c.textContent.toLowerCase()), texts.get(c));
function apply() {
  const words = q.value.toLowerCase().split(/\s+/).filter(Boolean), data = new FormData(form);
  const outcomes = data.getAll("outcome"), area = data.get("area"), severity = data.get("severity"), stands = data.get("stands");
  let shown = 0;
  for (const c of checks) {
    const d = c.dataset;
    const hit = (!outcomes.length || outcomes.includes(d.o)) && (!area || d.a === area) && (!severity || d.s === severity) &&
      (!stands || "w" in d) && words.every((w) => text(c).includes(w));
    c.hidden = !hit;
    shown += hit;
  }
  document.getElementById("shown").textContent = shown === checks.length ? "" : `${shown} of ${checks.length}`;
  document.getElementById("none").hidden = shown > 0;
}
function open() {
  const at = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (at && at.tagName === "DETAILS") { at.hidden = false; at.open = true; at.scrollIntoView(); }
}
let waiting = 0;
form.hidden = false;
form.addEventListener("submit", (e) => e.preventDefault());
form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 80); });
addEventListener("hashchange", open);
addEventListener("keydown", (e) => {
  if (e.key === "/" && !/INPUT|SELECT/.test(document.activeElement.tagName)) { e.preventDefault(); q.focus(); }
  if (e.key === "Escape" && document.activeElement === q) { q.value = ""; apply(); }
});
addEventListener("beforeprint", () => { for (const c of checks) if ("w" in c.dataset) c.open = true; });
const theme = document.getElementById("theme"), root = document.documentElement;
theme.hidden = false;
theme.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
open();
