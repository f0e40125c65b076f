from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from voxlate.errors import UsageError
from voxlate.web.readers.book import Book, Said, draw_sights

_SAID = Said("left", 4, 2, "streaks")


def test_order_and_sides_follow_from_the_seed_and_the_reader() -> None:
    assert draw_sights(1, "Ann", 20) == draw_sights(1, "ann", 20)
    assert draw_sights(1, "Ann", 20) != draw_sights(1, "Bob", 20)
    assert draw_sights(1, "Ann", 20) != draw_sights(2, "Ann", 20)
    assert sorted(pair for pair, _ in draw_sights(1, "Ann", 20)) == list(range(20))
    places = Counter(pair for seed in range(400) for pair, _ in draw_sights(seed, "Ann", 4)[:1])
    assert min(places.values()) > 60
    lefts = sum(left for seed in range(400) for _, left in draw_sights(seed, "Ann", 4))
    assert 700 < lefts < 900


def test_an_answer_is_kept_at_once_and_once(tmp_path: Path) -> None:
    sights = draw_sights(1, "Ann", 2)
    book = Book(tmp_path / "readings.sqlite")
    first = book.show("study", "Ann", sights)
    assert first is not None
    assert book.show("study", "ann", sights) == first  # asked for again, it is the same
    assert first.key != "0"
    book.answer("study", first.key, _SAID)
    other = Book(tmp_path / "readings.sqlite")  # another process, after this one was killed
    (kept,) = other.of("study")
    assert (kept.reader, kept.choice, kept.left, kept.right, kept.artefacts) == ("Ann", "left", 4, 2, "streaks")
    with pytest.raises(UsageError, match="the first answer"):
        other.answer("study", first.key, _SAID)
    second = other.show("study", "ANN", sights)
    assert second is not None
    assert (second.place, second.reader) == (1, "Ann")
    other.end("study")
    with pytest.raises(UsageError, match="after the study was closed"):
        other.answer("study", second.key, _SAID)
    assert other.is_closed("study")
    other.forget("study")
    assert other.of("study") == []
    assert other.find("study", first.key) is None
    other.close()
    book.close()


def test_after_the_last_pair_there_is_none(tmp_path: Path) -> None:
    book = Book(tmp_path / "readings.sqlite")
    sights = draw_sights(3, "Ann", 2)
    for _ in sights:
        shown = book.show("study", "Ann", sights)
        assert shown is not None
        book.answer("study", shown.key, _SAID)
    assert book.show("study", "Ann", sights) is None
    assert [(line.pair, line.first_is_left) for line in book.of("study")] == sights
    book.close()
