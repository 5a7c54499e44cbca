"""A head of which one label holds: it learns, tells doubt, and is the same every time."""

from __future__ import annotations

import pytest

from training.choose import Asked, ChoosingPace, learn_one_of


def asked(words: str, *labels: str) -> Asked:
    return Asked(((16, frozenset(words.split())), (8, frozenset(f"<{word}" for word in words.split()))), labels, words.split())


BESIDE = ("hoy", "mes", "ya", "total", "uno", "dos")
EXAMPLES = [
    *(asked(f"precio cuánto {word}", "price") for word in BESIDE),
    *(asked(f"cubre muerte {word}", "cover") for word in BESIDE),
    *(asked(f"hola {word}", "nothing") for word in BESIDE),
]
PACE = ChoosingPace(epochs=30)


def groups(words: str) -> list[tuple[int, frozenset[str]]]:
    return list(asked(words).groups)


def test_it_learns_which_label_holds() -> None:
    head = learn_one_of(EXAMPLES, PACE)
    assert head.labels == ("cover", "nothing", "price")
    for words, label in (("cuánto precio", "price"), ("muerte", "cover"), ("hola", "nothing")):
        shares = head.shares(groups(words))
        assert sum(shares.values()) == pytest.approx(1)
        assert shares[label] > 0.6


def test_doubt_is_told_as_doubt() -> None:
    shares = learn_one_of(EXAMPLES, PACE).shares(groups("precio muerte"))
    assert max(shares.values()) < 0.75
    assert shares["nothing"] < min(shares["price"], shares["cover"])


def test_of_several_right_labels_the_likeliest_is_learnt() -> None:
    either = [asked(f"cuánto precio {word}", "price", "cover") for word in ("a", "b", "c")]
    shares = learn_one_of([*EXAMPLES, *either], PACE).shares(groups("precio cuánto"))
    assert shares["price"] > 0.5


def test_it_is_the_same_every_time() -> None:
    one, other = (learn_one_of(EXAMPLES, PACE) for _ in range(2))
    assert (one.labels, one.step, one.words) == (other.labels, other.step, other.words)
    assert one.keys.tobytes() == other.keys.tobytes()
    assert one.weights.tobytes() == other.weights.tobytes()


def test_what_was_seen_once_is_left_out() -> None:
    head = learn_one_of([*EXAMPLES, asked("rareza", "price")], PACE)
    assert "rareza" not in head.words
    assert "precio" in head.words
