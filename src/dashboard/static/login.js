// The login link carries the token in the fragment, which browsers never send to a server and no log sees.
"use strict";

const form = document.getElementById("login");
const fragment = location.hash.slice(1);

if (fragment) {
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
