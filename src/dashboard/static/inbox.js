// The inbox keeps itself fresh: asks now and then what changed and puts the pieces that come back in the place of the old ones.
// What is being typed, what is open and where one has scrolled to stay as they are.
"use strict";

const panes = document.getElementById("panes");
const people = document.getElementById("people");
const said = document.getElementById("said");
const facts = document.getElementById("facts");
const text = document.getElementById("text");
const search = document.getElementById("q");

const EAGER_MS = 2000;
const CALM_MS = 5000;
const HIDDEN_MS = 20000;
const EAGER_FOR_MS = 60000;
const NEAR_PX = 120;

const title = document.title;
const open = panes.dataset.open;
let version = said?.dataset.version ?? "";
let list = "";
let eagerUntil = Date.now() + EAGER_FOR_MS;
let timer = 0;
let looking = false;

people.scrollTop = Number(sessionStorage.getItem("people") ?? 0);
addEventListener("pagehide", () => sessionStorage.setItem("people", people.scrollTop));
for (const name of ["keydown", "pointerdown"]) addEventListener(name, () => (eagerUntil = Date.now() + EAGER_FOR_MS));
document.addEventListener("visibilitychange", look);
tell(Number(document.querySelector("[data-needs]")?.textContent ?? 0));
timer = setTimeout(look, EAGER_MS);

async function look() {
  if (looking) return;
  looking = true;
  clearTimeout(timer);
  const asked = new URLSearchParams(panes.dataset.query);
  if (list) asked.set("list", list);
  if (open) {
    asked.set("open", open);
    asked.set("version", version);
    asked.set("last", [...said.querySelectorAll("[data-id]")].at(-1)?.dataset.id ?? "");
  }
  try {
    const answer = await fetch(`${panes.dataset.liveAddress}?${asked}`, { headers: { Accept: "application/json" } });
    if (answer.status === 401) return complain(panes.dataset.out);
    if (answer.ok) {
      complain("");
      show(await answer.json());
    } else if (answer.status !== 404) complain(panes.dataset.away);
  } catch {
    complain(panes.dataset.away);
  } finally {
    looking = false;
    clearTimeout(timer);
    timer = setTimeout(look, document.hidden ? HIDDEN_MS : Date.now() < eagerUntil ? EAGER_MS : CALM_MS);
  }
}

function show(news) {
  tell(news.needs);
  if (news.people !== undefined && list !== news.list) put(people, news.people);
  list = news.list;
  if (news.version === undefined || news.version === version) return;
  version = news.version;
  if (news.rows === undefined) return;
  const atEnd = said.scrollHeight - said.scrollTop - said.clientHeight < NEAR_PX;
  for (const [id, drawn] of Object.entries(news.bubbles)) {
    const old = document.getElementById(`m-${id}`);
    const fresh = nodes(drawn).find((node) => node.nodeType === 1);
    if (old && fresh && !old.isEqualNode(fresh)) old.replaceWith(fresh);
  }
  const fresh = nodes(news.rows).filter((node) => node.nodeType === 1 && !(node.id && document.getElementById(node.id)));
  if (fresh.length && !said.querySelector("[data-id]")) said.replaceChildren();
  said.append(...fresh);
  if (fresh.length && atEnd) said.scrollTop = said.scrollHeight;
  put(document.getElementById("standing"), news.standing);
  put(document.getElementById("awaited"), news.awaited);
  if (!facts.contains(document.activeElement) && !facts.querySelector("details[open] form")) {
    const opened = [...facts.querySelectorAll("details")].map((details) => details.open);
    const first = facts.firstElementChild;
    put(facts, news.facts);
    facts.prepend(first);
    for (const [place, details] of facts.querySelectorAll("details").entries()) details.open = opened[place] ?? false;
  }
}

// Puts what was drawn in the place of what is there, with the focus where it was.
function put(part, drawn) {
  const fresh = nodes(drawn);
  const focused = [...part.querySelectorAll("a, button")].indexOf(document.activeElement);
  part.replaceChildren(...fresh);
  if (focused >= 0) part.querySelectorAll("a, button")[focused]?.focus({ preventScroll: true });
}

function nodes(drawn) {
  return [...new DOMParser().parseFromString(drawn, "text/html").body.childNodes].map((node) => document.adoptNode(node));
}

// How many need somebody: on the tab and beside the queue.
function tell(needs) {
  document.title = needs ? `(${needs}) ${title}` : title;
  for (const count of document.querySelectorAll("[data-needs]")) {
    count.textContent = needs;
    count.hidden = !needs;
  }
}

function complain(message) {
  let stale = document.getElementById("stale");
  if (!stale && message) {
    stale = document.createElement("p");
    stale.id = "stale";
    stale.className = "fault";
    stale.setAttribute("role", "alert");
    panes.before(stale);
  }
  if (stale) {
    stale.textContent = message;
    stale.hidden = !message;
  }
}

// -- keys: j and k go through the list, / searches, r answers ----------------------------------------------------------

addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  if (event.key === "/") focus(event, search);
  else if (event.key === "r" && text) focus(event, text);
  else if (event.key === "j" || event.key === "k") go(event.key === "j" ? 1 : -1);
});

function focus(event, field) {
  event.preventDefault();
  field.focus();
}

function go(by) {
  const links = [...people.querySelectorAll(".people a")];
  const focused = links.indexOf(document.activeElement);
  const here = focused >= 0 ? focused : links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[Math.max(0, here + by)];
  if (next) location.assign(next.href);
}

// -- writing: drafts are kept while the tab is open, quick replies are put in, Enter sends -----------------------------

if (text) {
  const draft = `draft ${open}`;
  const flash = document.querySelector(".flash");
  if (!text.value) text.value = sessionStorage.getItem(draft) ?? "";
  if (flash && text.value === sessionStorage.getItem(`${draft} sent`)) text.value = "";
  sessionStorage.removeItem(`${draft} sent`);
  text.addEventListener("input", () => sessionStorage.setItem(draft, text.value));
  text.form.addEventListener("submit", () => {
    sessionStorage.setItem(`${draft} sent`, text.value);
    sessionStorage.removeItem(draft);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      text.form.requestSubmit();
    }
  });
  const quick = document.querySelector(".quick");
  quick.hidden = false;
  quick.addEventListener("click", (event) => {
    const reply = event.target.closest("[data-text]");
    if (!reply) return;
    text.value = text.value ? `${text.value} ${reply.dataset.text}` : reply.dataset.text;
    quick.open = false;
    text.focus();
  });
}

if (said && !location.hash.startsWith("#m-")) said.scrollTop = said.scrollHeight; // last, as what is below has its height now
