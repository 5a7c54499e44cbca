"use strict";

// Chatwoot tells whose conversation is open; only what comes from there is heard.
const chatwoot = document.body.dataset.chatwoot;
const proof = location.hash.slice(1);
const part = (id) => document.getElementById(id);
let open = null;

function say(text) {
  part("problem").textContent = text;
  part("problem").hidden = !text;
}

function fill(list, lines) {
  part(list).replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  document.querySelector(`[data-list="${list}"]`).hidden = !lines.length;
}

function show(card) {
  for (const name of ["title", "stage", "next_step", "need"]) part(name).textContent = card[name];
  document.querySelector('[data-list="need"]').hidden = !card.need;
  part("owner").textContent = card.owner === "human" ? "La lleva una persona" : "La lleva el asistente";
  part("takeover").disabled = card.owner === "human";
  part("handback").disabled = card.owner !== "human";
  fill("facts", card.facts);
  fill("quotes", card.quotes);
  part("card").hidden = false;
  say("");
}

async function ask(what) {
  const asked = open;
  try {
    const answer = await fetch(`/chatwoot/lead/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${proof}` },
      body: JSON.stringify(asked),
    });
    const body = await answer.json();
    if (asked !== open) return; // another conversation was opened meanwhile
    if (answer.ok) return show(body);
    part("card").hidden = true;
    say(answer.status === 404 ? "El asistente no conoce a esta persona." : body.error.message);
  } catch {
    say("No se puede preguntar al asistente ahora.");
  }
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
  open = { source_id: conversation.contact_inbox?.source_id ?? conversation.last_non_activity_message?.conversation?.contact_inbox?.source_id ?? "", phone: sender.phone_number ?? "" };
  ask("card");
});

part("takeover").addEventListener("click", () => ask("takeover"));
part("handback").addEventListener("click", () => ask("handback"));
if (parent !== window && chatwoot) parent.postMessage("chatwoot-dashboard-app:fetch-info", chatwoot);
