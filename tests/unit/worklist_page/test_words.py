from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.worklist_tables import WorklistEntry
from worklist import words
from worklist.rate_limit import SignInLimit


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Doe^Jane^Ann^Dr^MD", "Doe, Jane Ann"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou"),
        ("=山田^太郎", "山田, 太郎"),
        ("  ^ ", "(no name)"),
        ("", "(no name)"),
        ("DOE", "DOE"),
    ],
)
def test_a_name_is_written_as_people_read_it(name: str, shown: str) -> None:
    """Family name first; of several component groups the first that says anything."""
    assert words.person(name) == shown


@given(st.text())
def test_any_text_is_a_name(name: str) -> None:
    """Headers hold anything."""
    assert words.person(name)


@pytest.mark.parametrize(
    ("born", "studied", "shown"),
    [
        ("20230101", "20260301", "3 y"),
        ("20230302", "20260301", "2 y"),
        ("20250402", "20260301", "10 mo"),
        ("", "20260301", ""),
        ("20260301", "20250101", ""),
        ("19000230", "20250101", ""),
    ],
)
def test_the_age_is_the_age_at_the_study(born: str, studied: str, shown: str) -> None:
    """In years, of infants in months; not known where a date is missing or none."""
    assert words.age(WorklistEntry(birth_date=born, study_moment=studied)) == shown


def test_waiting_is_written_in_what_matters() -> None:
    """Minutes, then hours and minutes, then days and hours; a clock that is behind is no negative waiting."""
    spans = [timedelta(minutes=-3), timedelta(minutes=59), timedelta(minutes=65), timedelta(hours=50)]
    assert [words.duration(span) for span in spans] == ["0 min", "59 min", "1 h 05 min", "2 d 2 h"]


def test_moments_of_headers_are_written_apart_and_what_is_none_as_it_is() -> None:
    """Headers hold anything."""
    texts = ("20261122081500", "20261122", "2026", "garbage!")
    assert [words.moment_of(text) for text in texts] == ["2026-11-22 08:15", "2026-11-22", "2026", "garbage!"]


def test_attempts_are_counted_by_account_and_by_address() -> None:
    """Neither many addresses for one account nor many accounts from one address get further."""
    limit = SignInLimit(3)
    assert [limit.allows("anna", f"192.0.2.{n}") for n in range(4)] == [True, True, True, False]
    assert [limit.allows(f"n{n}", "192.0.2.9") for n in range(4)] == [True, True, True, False]
    assert limit.allows("ben", "192.0.2.10")
