// Keeps the marked parts of a page fresh: fetches the page again now and then and puts its parts in the place of the old
// ones. The rest of the page, what is being typed and where it is scrolled to stay as they are.
"use strict";

const EVERY_MS = 10000;
const SOON_MS = 1500;
const FOCUSABLE = "a, button, input, summary";
const stale = document.getElementById("stale");
let looking = false;

setInterval(look, EVERY_MS);
if (document.querySelector(".flash")) setTimeout(look, SOON_MS); // something was just done: soon its effect can be seen
document.addEventListener("visibilitychange", look);

async function look() {
  if (looking || document.hidden || !getSelection().isCollapsed) return;
  looking = true;
  try {
    const answer = await fetch(document.body.dataset.refresh, { headers: { Accept: "text/html" } });
    if (answer.redirected) complain(document.body.dataset.out);
    else if (!answer.ok) complain(document.body.dataset.ill);
    else {
      complain("");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) renew(part, page.getElementById(part.id));
    }
  } catch {
    complain(document.body.dataset.away);
  }
  looking = false;
}

// Puts the fresh part in the place of the old one, with the same details open and the focus where it was.
function renew(part, fresh) {
  const opened = [...part.querySelectorAll("details")].map((details) => details.open);
  for (const [position, details] of fresh.querySelectorAll("details").entries()) details.open = opened[position] ?? false;
  if (fresh.isEqualNode(part)) return;
  const focused = [...part.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  part.replaceWith(fresh);
  fresh.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
}

function complain(message) {
  stale.textContent = message;
  stale.hidden = !message;
}
