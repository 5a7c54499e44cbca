"""The dashboard of the product as it runs: the login link, a played prospect, what operators then see; over HTTP and in a
real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.dashboard.browser import Browser, chromium
from tests.kit.product import ADMIN_TOKEN, Product, eventually

PLAYED, WATCHED, HOSTILE, COUNTED, ATTENDED = (f"346000000{number}" for number in range(11, 16))
CANARY = "<img src=//evil.example/x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("dashboard")) as running:
        yield running


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if chromium() is None:
        pytest.skip("chromium is not installed here: apt-get install chromium")
    window = Browser(tmp_path / "profile")
    yield window
    window.close()


def word(page: requests.Response) -> str:
    return page.text.partition('name="csrf" value="')[2].partition('"')[0]


def test_a_played_prospect_is_answered_and_seen(product: Product) -> None:
    with requests.Session() as visitor:
        login = visitor.get(f"{product.address}/")
        assert login.url.endswith("/login")
        overview = visitor.post(login.url, data={"token": ADMIN_TOKEN, "csrf": word(login)})
        assert overview.ok
        door = f"{product.address}/dashboard/try/messages"

        def say(text: str, **press: str) -> None:
            answer = visitor.post(
                door, json={"number": PLAYED, "text": text, **press}, headers={"X-CSRF-Token": word(overview)}
            )
            assert answer.ok, answer.text

        def replies() -> list[dict[str, object]]:
            return [row for row in visitor.get(door, params={"number": PLAYED}).json()["messages"] if row["role"] == "bot"]

        say("Hola, quiero información")
        (greeting,) = eventually(replies)
        yes = greeting["options"][0]  # type: ignore[index]
        say(yes["title"], kind="button", reply_id=yes["id"])
        eventually(lambda: len(replies()) == 2)
        conversation = visitor.get(f"{product.address}/dashboard/conversations/{PLAYED}").text
        assert "Hola, quiero información" in conversation
        assert "dado" in conversation
        assert f"simulator:{PLAYED}" in visitor.get(f"{product.address}/dashboard/conversations?queue=all").text
    assert product.conversation(PLAYED)["consents"]["quote"]["given"] is True
    assert ADMIN_TOKEN not in product.log_file.read_text()
    assert PLAYED not in product.log_file.read_text()


def test_the_login_link_logs_in_and_leaves_no_token_behind(product: Product, browser: Browser) -> None:
    link = f"{product.address}/login#{ADMIN_TOKEN}"
    browser.go(link)
    eventually(lambda: browser.js("document.querySelector('h1')?.textContent") == "Probar")
    assert browser.js("location.pathname") == "/dashboard/try"  # as nothing is connected
    assert browser.js("document.cookie") == ""
    entries = browser.call("Page.getNavigationHistory")["entries"]
    assert not [entry["url"] for entry in entries if ADMIN_TOKEN in entry["url"]]
    assert not browser.complaints


def test_a_login_link_pasted_into_an_open_login_page_leaves_no_token_behind(product: Product, browser: Browser) -> None:
    browser.go(f"{product.address}/login")
    browser.js(f"location.hash = '{ADMIN_TOKEN}'")
    eventually(lambda: browser.js("document.querySelector('h1')?.textContent") == "Probar")
    assert not [url for url in browser.requests if ADMIN_TOKEN in url]
    assert ADMIN_TOKEN not in browser.js("location.href")


def test_a_prospect_is_played_with_the_keyboard_alone(product: Product, browser: Browser) -> None:
    browser.go(f"{product.address}/login")
    browser.type(ADMIN_TOKEN)
    browser.press("Enter")
    eventually(lambda: browser.js("document.querySelector('h1')?.textContent") == "Probar")
    browser.go(f"{product.address}/dashboard/try?number={WATCHED}")
    browser.type("hola")
    browser.press("Enter")
    choices = "[...document.querySelectorAll('.offered button:not(:disabled)')].map(button => button.textContent)"
    offered = eventually(lambda: browser.js(choices))
    assert browser.js("document.querySelector('.from-prospect .said').textContent") == "hola"
    assert browser.js("document.activeElement.id") == "text"
    browser.js("document.querySelector('.offered button').focus()")
    browser.press("Enter")
    eventually(lambda: browser.js("document.querySelectorAll('.from-bot').length") == 2)
    assert browser.js("[...document.querySelectorAll('.from-prospect .said')].at(-1).textContent") == offered[0]
    assert browser.js(choices) == []  # an answered question's buttons are no longer to be pressed
    assert product.conversation(WATCHED)["consents"]["quote"]["given"] is True
    assert not browser.complaints


LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
"""What makes a page that keeps itself fresh do so now."""


def log_in(product: Product, browser: Browser) -> None:
    browser.go(f"{product.address}/login#{ADMIN_TOKEN}")
    eventually(lambda: browser.js("location.pathname") == "/dashboard/try")


def test_the_overview_keeps_itself_fresh_and_stays_where_it_is(product: Product, browser: Browser) -> None:
    log_in(product, browser)
    browser.go(f"{product.address}/dashboard/activity")
    counted = "Number(document.querySelector('#figures b').textContent)"
    before = browser.js(counted)
    browser.js("document.querySelector('#hours details').open = true; document.querySelector('#stages a').focus()")
    browser.js("window.stays = true; scrollTo(0, 40)")
    at = browser.js("scrollY")
    product.say(COUNTED, "hola")
    browser.js(LOOK)
    eventually(lambda: browser.js(counted) == before + 1)
    assert browser.js("[scrollY, document.querySelector('#hours details').open, window.stays]") == [at, True, True]
    assert browser.js("document.activeElement === document.querySelector('#stages a')")
    assert not browser.complaints


def test_a_human_takes_over_and_talks_while_the_page_follows(product: Product, browser: Browser) -> None:
    product.say(ATTENDED, "hola")
    eventually(lambda: product.replies(ATTENDED))
    log_in(product, browser)
    browser.go(f"{product.address}/dashboard/conversations/{ATTENDED}")
    browser.js("document.querySelector('#standing button').focus()")
    browser.press("Enter")
    eventually(lambda: browser.js("document.querySelector('#standing button')?.textContent") == "Devolver al asistente")
    browser.js("document.querySelector('#text').focus()")
    browser.type("Buenos días, soy Laura.")
    browser.press("Tab")
    browser.press("Enter")
    status = "[...document.querySelectorAll('.from-human .status')].at(-1)?.textContent"
    eventually(lambda: "entregado" in (browser.js(status) or ""))  # it was queued when the page came
    assert product.say(ATTENDED, "¡Hola, Laura!").ok
    browser.js("document.querySelector('#text').focus()")
    browser.type("Un borr")
    eventually(lambda: browser.js("document.readyState === 'complete'"))
    browser.js("document.querySelector('#text').focus()")  # a page that was still loading may have taken it away
    last = "[...document.querySelectorAll('.bubble .said')].at(-1).textContent"
    eventually(lambda: browser.js(f"{LOOK}, {last}") == "¡Hola, Laura!")
    assert browser.js("[document.activeElement.id, document.querySelector('#text').value]") == ["text", "Un borr"]
    browser.call("Network.clearBrowserCookies")
    browser.js(LOOK)
    eventually(
        lambda: "Tu sesión ha terminado" in browser.js("document.querySelector('#stale:not([hidden])')?.textContent ?? ''")
    )
    assert browser.js("document.querySelector('#text').value") == "Un borr"
    assert all("401" in complaint for complaint in browser.complaints), browser.complaints


def test_a_persona_is_played_at_a_click_while_graph_facts_and_price_follow(product: Product, browser: Browser) -> None:
    log_in(product, browser)
    browser.js("document.querySelector('.personas a').click()")
    eventually(lambda: "play=marta" in (browser.js("location.search") or ""))
    lit = "document.querySelector('#way .box.current')?.dataset.stage"
    eventually(lambda: browser.js(lit) in ("PRESENTACION_PROPUESTA", "FINALIZADO"), within_s=90)
    assert "36 años" in browser.js("document.querySelector('#learnt').textContent")
    assert "Me llamo Marta" in browser.js("document.querySelector('#learnt .evidence').textContent")
    assert "al mes" in browser.js("document.querySelector('#priced').textContent")
    assert not browser.complaints


def test_the_keyboard_goes_through_the_inbox_and_a_draft_is_kept(product: Product, browser: Browser) -> None:
    for number in (ATTENDED, WATCHED):
        product.say(number, "hola")
        eventually(lambda number=number: product.replies(number))
    log_in(product, browser)
    browser.go(f"{product.address}/dashboard/conversations?queue=all")
    key = "document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{}', bubbles: true}}))"
    browser.js(key.format("/"))
    assert browser.js("document.activeElement.id") == "q"
    browser.js("document.activeElement.blur()")
    browser.js(key.format("j"))
    eventually(lambda: browser.js("document.querySelector('#person') !== null"))
    first = browser.js("location.pathname")
    assert browser.js("Math.abs(said.scrollHeight - said.scrollTop - said.clientHeight) < 2")
    browser.js(key.format("r"))
    assert browser.js("document.activeElement.id") == "text"
    browser.type("Te llamo a las")
    browser.js("document.activeElement.blur()")
    browser.js(key.format("j"))
    eventually(lambda: browser.js("location.pathname") not in (first, None))
    browser.go(product.address + first)
    assert browser.js("document.querySelector('#text').value") == "Te llamo a las"
    assert not browser.complaints


def test_what_others_wrote_stays_text_in_a_browser(product: Product, browser: Browser) -> None:
    product.say(HOSTILE, CANARY)
    eventually(lambda: product.replies(HOSTILE))
    log_in(product, browser)
    browser.go(f"{product.address}/dashboard/try?number={HOSTILE}")
    browser.type(CANARY)
    browser.press("Enter")
    for path, shown in (
        (f"/dashboard/conversations/{HOSTILE}", ".from-prospect .said"),
        (f"/dashboard/try?number={HOSTILE}", ".from-prospect .said"),
        (f"/dashboard/conversations?q={requests.utils.quote(CANARY)}", "#q"),
    ):
        browser.go(product.address + path)
        eventually(lambda shown=shown: browser.js(f"document.querySelector('{shown}') !== null"))
        assert browser.js(f"document.querySelector('{shown}').value ?? document.querySelector('{shown}').textContent") == CANARY
    browser.js("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(3)>')")
    eventually(lambda: browser.complaints)  # the policy would stop it even if a page let it through
    assert not browser.dialogs
    assert all(url.startswith(product.address) for url in browser.requests), browser.requests
