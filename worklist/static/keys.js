// Keys: a key presses what bears it (data-key). On the list j and k choose, Enter opens, and a renewed list keeps the choice.
"use strict";
(() => {
  const rows = () => [...document.querySelectorAll("tr[data-study]")];
  let chosen = null;

  function choose(row, scroll = true) {
    rows().forEach((one) => one.classList.toggle("chosen", one === row));
    chosen = row ? row.dataset.study : null;
    if (row && scroll) row.scrollIntoView({ block: "nearest" });
  }
  function step(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.dataset.study === chosen);
    choose(all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))]);
  }
  const current = () => rows().find((row) => row.dataset.study === chosen);
  const open = (row) => { location.href = row.querySelector("a").href; };
  const isTyping = (element) => element.matches("textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])");

  const own = {
    j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
    Enter: () => current() && open(current()),
    "/": () => document.getElementById("search")?.select(),
    "[": () => document.querySelector("a[rel=prev]")?.click(),
    "]": () => document.querySelector("a[rel=next]")?.click(),
    "?": () => document.getElementById("help")?.showModal(),
    Escape: () => { if (document.querySelector(".study-page")) location.href = sessionStorage.getItem("list") || "/"; },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (isTyping(event.target)) { if (event.key === "Escape") event.target.blur(); return; }
    const onList = rows().length > 0;
    if (event.target.matches("a, button, summary") && event.key === "Enter") return;
    if ((event.key.startsWith("Arrow") || event.key === "Enter") && !onList) return;
    const bearer = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (bearer) { event.preventDefault(); if (isTyping(bearer)) bearer.focus(); else bearer.click(); return; }
    if (own[event.key]) { event.preventDefault(); own[event.key](); }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-help]")) own["?"]();
    const row = event.target.closest("tr[data-study]");
    if (row && !event.target.closest("a") && !String(getSelection())) open(row);
  });
  // A picture that is not there leaves its place empty.
  document.addEventListener("error", (event) => { if (event.target.matches?.(".thumb img")) event.target.classList.add("none"); }, true);
  document.addEventListener("htmx:afterSwap", () => { const row = current(); if (row) choose(row, false); });
  const remember = () => { if (document.getElementById("list")) sessionStorage.setItem("list", location.pathname + location.search); };
  // What was searched for is sealed in the address, and read by this session alone.
  document.addEventListener("htmx:pushedIntoHistory", remember);
  document.addEventListener("DOMContentLoaded", remember);
})();
