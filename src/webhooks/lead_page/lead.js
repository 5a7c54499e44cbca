"use strict";

// Chatwoot tells whose conversation is open; only what comes from there is heard. It shows us the conversation's attributes,
// among them the link to its lead, which is written there when we ask for it: so who may not see the conversation has none.
const chatwoot = document.body.dataset.chatwoot;
const proof = location.hash.slice(1);
const part = (id) => document.getElementById(id);
const LOOK_AGAIN_MS = 400;
const LOOKS = 30;
let open = null; // { conversation, source_id, phone } as the doors want them
let link = ""; // the newest one that Chatwoot showed for it
let spent = ""; // one that was refused: another is awaited
let looks = 0;
let wanted = "card";

function say(text) {
  part("problem").textContent = text;
  part("problem").hidden = !text;
}

function fill(list, lines) {
  part(list).replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  document.querySelector(`[data-list="${list}"]`).hidden = !lines.length;
}

function show(card) {
  for (const name of ["title", "stage", "why", "next_step", "need"]) part(name).textContent = card[name];
  document.querySelector('[data-list="need"]').hidden = !card.need;
  part("owner").textContent = card.owner === "human" ? "La lleva una persona" : "La lleva el asistente";
  part("takeover").disabled = card.owner === "human";
  part("handback").disabled = card.owner !== "human";
  fill("facts", card.facts);
  fill("quotes", card.quotes);
  part("card").hidden = false;
  say("");
}

function refuse(text) {
  part("card").hidden = true;
  say(text);
}

async function post(door, token, body) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
  return fetch(`/chatwoot/lead/${door}`, { method: "POST", headers, body: JSON.stringify(body) });
}

// Asks a door about the open conversation; without a link that is good, has one shown first and asks when it is there.
async function ask(what) {
  const asked = open;
  wanted = what;
  try {
    if (!link || link === spent) return await askForLink(asked);
    const answer = await post(what, link, asked);
    if (asked !== open) return; // another conversation was opened meanwhile
    if (answer.status === 401) {
      spent = link;
      return await askForLink(asked);
    }
    const body = await answer.json();
    return answer.ok ? show(body) : refuse(body.error.message);
  } catch {
    say("No se puede preguntar al asistente ahora.");
  }
}

async function askForLink(asked) {
  const answer = await post("link", proof, asked);
  if (asked !== open) return;
  if (answer.ok) {
    looks = LOOKS;
    return lookAgain();
  }
  const unknown = "El asistente no conoce a esta persona.";
  const stale = "La dirección de esta página ya no vale: que se ejecute provision-chatwoot otra vez.";
  refuse({ 404: unknown, 401: stale }[answer.status] ?? "No se puede preguntar al asistente ahora.");
}

// Chatwoot shows what was written a moment later, and tells us only when it is asked.
function lookAgain() {
  if (looks-- > 0) return parent.postMessage("chatwoot-dashboard-app:fetch-info", chatwoot);
  refuse("Chatwoot no enseña el enlace: vuelve a abrir la conversación.");
}

addEventListener("message", (event) => {
  if (event.origin !== chatwoot || typeof event.data !== "string") return;
  let told;
  try {
    told = JSON.parse(event.data);
  } catch {
    return;
  }
  if (told?.event !== "appContext") return;
  const conversation = told.data?.conversation ?? {};
  const sender = conversation.meta?.sender ?? told.data?.contact ?? {};
  const seen = {
    conversation: String(conversation.id ?? ""),
    source_id: conversation.contact_inbox?.source_id ?? conversation.last_non_activity_message?.conversation?.contact_inbox?.source_id ?? "",
    phone: sender.phone_number ?? "",
  };
  const shown = String(conversation.custom_attributes?.iagente_link ?? "");
  if (JSON.stringify(seen) !== JSON.stringify(open)) {
    [open, link, spent, looks] = [seen, shown, "", 0];
    return ask("card");
  }
  if (!looks) {
    link = shown || link;
    return ask("card"); // something changed there
  }
  if (shown === link || shown === spent) return setTimeout(lookAgain, LOOK_AGAIN_MS);
  [link, looks] = [shown, 0];
  ask(wanted);
});

part("takeover").addEventListener("click", () => ask("takeover"));
part("handback").addEventListener("click", () => ask("handback"));
if (parent !== window && chatwoot) parent.postMessage("chatwoot-dashboard-app:fetch-info", chatwoot);
