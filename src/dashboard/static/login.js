// The login link carries the token in the fragment, which browsers never send to a server and no log sees. Pasted into a login
// page that is open already it only changes the fragment.
"use strict";

const form = document.getElementById("login");

addEventListener("hashchange", take);
take();

function take() {
  const fragment = location.hash.slice(1);
  if (!fragment) return;
  history.replaceState(null, "", location.pathname);
  form.elements.token.value = decoded(fragment);
  form.submit();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
