// The simulated phone: posts what the prospect says and shows the transcript as it grows. Texts only ever become text nodes.
"use strict";

const phone = document.getElementById("phone");
const bubbles = document.getElementById("bubbles");
const composer = document.getElementById("composer");
const text = document.getElementById("text");
const fault = document.getElementById("fault");
const where = document.getElementById("where");

const EAGER_MS = 300;
const CALM_MS = 2000;
const EAGER_FOR_MS = 20000;

const shown = new Map();
const typing = element("li", "typing", "…");
typing.setAttribute("aria-label", phone.dataset.typing);
const starters = document.getElementById("starters");
const lines = JSON.parse(phone.dataset.lines);
const visited = new Set();
const READING_MS = 900;
let version = "";
let spoken = 0;
let saying = false;
let eagerUntil = lines.length ? Date.now() + EAGER_FOR_MS : 0;
let timer = 0;
let looking = false;

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const said = text.value.trim();
  if (said) {
    text.value = "";
    fit();
    say({ text: said }).then((kept) => {
      if (!kept && !text.value) text.value = said;
      text.focus();
    });
  }
});
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    composer.requestSubmit();
  }
});
text.addEventListener("input", fit);
starters.addEventListener("click", (event) => {
  const starter = event.target.closest("button");
  if (!starter) return;
  starters.hidden = true;
  say({ text: starter.textContent });
  text.focus();
});
document.addEventListener("visibilitychange", look);
look();

// Hands one message in; true when it is kept.
async function say(message) {
  const answer = await ask(phone.dataset.address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": phone.dataset.csrf },
    body: JSON.stringify({ number: phone.dataset.number, ...message }),
  });
  if (answer) {
    eagerUntil = Date.now() + EAGER_FOR_MS;
    look();
  }
  return answer !== null;
}

// Looks for new rows now, and again after a while: soon when an answer is expected, never while nobody watches.
async function look() {
  if (looking || document.hidden) return;
  looking = true;
  clearTimeout(timer);
  const known = new URLSearchParams({ number: phone.dataset.number, version });
  const seen = await ask(`${phone.dataset.address}?${known}`, {});
  if (seen && seen.messages) show(seen);
  looking = false;
  clearTimeout(timer);
  timer = setTimeout(look, Date.now() < eagerUntil ? EAGER_MS : CALM_MS);
}

// The answer's JSON, or null after saying what went wrong.
async function ask(address, options) {
  try {
    const answer = await fetch(address, { ...options, headers: { Accept: "application/json", ...options.headers } });
    if (answer.status === 401) {
      location.assign("/login");
      return null;
    }
    const body = await answer.json();
    complain(answer.ok ? "" : body.error.message);
    return answer.ok ? body : null;
  } catch {
    complain(phone.dataset.away);
    return null;
  }
}

function complain(message) {
  fault.textContent = message;
  fault.hidden = !message;
}

function show(seen) {
  version = seen.version ?? "";
  const atEnd = bubbles.scrollHeight - bubbles.scrollTop - bubbles.clientHeight < 80;
  let grown = false;
  for (const row of seen.messages) {
    const known = shown.get(row.id);
    if (known) {
      known.status.textContent = ticks(row);
    } else {
      shown.set(row.id, bubble(row));
      grown = true;
    }
  }
  const last = seen.messages.at(-1);
  const heard = seen.messages.findLastIndex((row) => row.role === "prospect");
  const open = new Set(seen.messages.slice(heard + 1).map((row) => row.id));
  for (const [id, { choices }] of shown) {
    for (const choice of choices) choice.disabled = !open.has(id);
  }
  where.textContent = seen.owner === "human" ? phone.dataset.human : seen.stage;
  const expected = last && last.role === "prospect" && seen.owner !== "human" && Date.now() < eagerUntil;
  if (expected) bubbles.append(typing);
  else typing.remove();
  if (last && last.role !== "prospect" && grown) eagerUntil = Math.min(eagerUntil, Date.now() + 2000);
  if (grown && atEnd) bubbles.scrollTop = bubbles.scrollHeight;
  starters.hidden = seen.messages.length > 0 || lines.length > 0;
  light(seen);
  if (seen.learnt !== undefined) {
    put(document.getElementById("learnt"), seen.learnt);
    put(document.getElementById("priced"), seen.priced);
  }
  const answered = !last || last.role !== "prospect" || seen.owner === "human";
  if (spoken < lines.length && answered && seen.owner !== "human") setTimeout(speak, READING_MS);
}

// Where the sale is and where it has been.
function light(seen) {
  const stages = [...document.querySelectorAll("#way .box")].map((box) => box.dataset.stage);
  for (const passed of stages.slice(0, stages.indexOf(seen.code) + 1)) visited.add(passed); // one turn may pass several
  for (const box of document.querySelectorAll("#way .box")) {
    box.classList.toggle("current", box.dataset.stage === seen.code);
    box.classList.toggle("done", visited.has(box.dataset.stage) && box.dataset.stage !== seen.code);
  }
  for (const line of document.querySelectorAll("#way .line")) {
    line.classList.toggle("done", visited.has(line.dataset.from) && visited.has(line.dataset.to));
  }
}

// Whoever is played says their next line, or presses the button they mean.
async function speak() {
  if (saying || spoken >= lines.length) return;
  saying = true;
  const line = lines[spoken++];
  const wanted = line.startsWith("[") ? line.slice(1, -1) : "";
  const button = wanted && [...bubbles.querySelectorAll(".offered button:not(:disabled)")].find((one) => one.textContent === wanted);
  if (button) button.click();
  else await say({ text: wanted || line });
  saying = false;
}

// What was drawn on the server, in the place of what is there.
function put(part, drawn) {
  part.replaceChildren(...new DOMParser().parseFromString(drawn, "text/html").body.childNodes);
}

function bubble(row) {
  const mine = row.role === "prospect";
  const item = element("li", `bubble ${mine ? "ours" : "theirs"} from-${row.role}`);
  if (row.runs.length) {
    const said = element("p", "said");
    said.lang = "es";
    said.dir = "auto";
    for (const [style, piece] of row.runs) said.append(style ? element(style, "", piece) : piece);
    item.append(said);
  }
  const status = element("span", "status", ticks(row));
  const time = element("time", "", row.clock);
  const under = element("p", "under");
  under.append(time, " ", status);
  item.append(under);
  const choices = row.options.map((option) => {
    const choice = element("button", "", option.title);
    choice.type = "button";
    choice.lang = "es";
    choice.addEventListener("click", () => {
      choice.disabled = true;
      say({ kind: row.kind === "list" ? "list" : "button", reply_id: option.id, text: option.title });
      text.focus();
    });
    return choice;
  });
  if (choices.length) {
    const offered = element("div", "offered");
    offered.append(...choices);
    item.append(offered);
  }
  bubbles.append(item);
  return { status, choices };
}

function ticks(row) {
  return row.role === "prospect" ? "✓✓" : row.status === "failed" ? `⚠ ${phone.dataset.failed}` : "";
}

function fit() {
  text.rows = Math.min(5, text.value.split("\n").length);
}

function element(name, className, content = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (content) made.textContent = content;
  return made;
}
