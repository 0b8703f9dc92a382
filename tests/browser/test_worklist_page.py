from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from sqlalchemy import Engine

from db import feedback, studies
from dicom_gateway.instance_store import InstanceStore
from domain.finding import Assessment
from domain.priority import ReadingPriority
from tests.browser.conftest import PATIENCE, open_as
from tests.integration.worklist.test_pages import HOSTILE, add_result, add_study, row

#: Names of people who never lived, in scripts that patients have.
NAMES = ("Doe^Jane", "Müller^Hans-Peter", "Yamada^Tarou=山田^太郎", "O'Brien^Siobhán", HOSTILE)


@pytest.fixture
def uids(engine: Engine, store: InstanceStore, tmp_path: Path) -> list[str]:
    """Five studies, of which the third is flagged and the others are not."""
    made = [add_study(engine, store, tmp_path, number, name) for number, name in enumerate(NAMES, 1)]
    for number, uid in enumerate(made[:4], 1):
        if number == 3:
            add_result(engine, uid, probability=0.97)
        else:
            changes = {"assessment": Assessment.NOT_DETECTED, "reading_priority": ReadingPriority.ROUTINE}
            add_result(engine, uid, probability=0.02 * number, heat_map=None, **changes)
    return made


_HEAT_IS_THERE = "() => { const heat = document.querySelector('.heat'); return !heat.hidden && heat.complete }"
_TOO_WIDE = """() => [...document.querySelectorAll("body *:not(.sheet, .sheet *)")]
    .filter((one) => one.getBoundingClientRect().right > 391)
    .map((one) => one.outerHTML.slice(0, 80))"""
_THUMBNAILS_ARE_THERE = "() => [...document.querySelectorAll('.thumb img')].every((one) => one.complete)"


def _watched(page: Page) -> list[str]:
    """Note what the page complains of: errors, and what its policy refused."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "404" not in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    return complaints


def _pixels(page: Page, tmp_path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    file = tmp_path / "stage.png"
    page.locator(".stage").screenshot(path=file)
    return np.asarray(Image.open(file).convert("RGB"), np.int16)


def test_keys_alone_lead_from_the_list_to_feedback_and_on(
    browser: Browser, engine: Engine, address: str, uids: list[str]
) -> None:
    """The flagged study is on top; keys open it, say that it was right, read it and go on; no name runs."""
    page = open_as(browser, engine, address, "anna")
    complaints = _watched(page)
    page.reload()
    first = page.locator("tr[data-study]").first
    expect(first).to_contain_text("Yamada, Tarou")
    expect(first).to_contain_text("Pneumonia suspected")
    expect(page.locator("body")).to_contain_text("alert(1)")
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector(".stage[data-drawn]")
    for key in ("1", "a"):
        page.keyboard.press(key)
    expect(page.locator(".said")).to_contain_text("agree pneumonia")
    page.keyboard.press("r")
    expect(page.locator("h1")).to_have_text("Doe, Jane")
    (opinion,) = feedback.of_study(engine, row(engine, uids[2]).study.id)
    assert (opinion.verdict.value, opinion.finding, opinion.by) == ("agree", "pneumonia", "anna")
    assert row(engine, uids[2]).entry.reading_state.value == "READ"
    assert complaints == []


def test_heat_map_and_inversion_change_the_pixels(
    browser: Browser, engine: Engine, address: str, uids: list[str], tmp_path: Path
) -> None:
    """The image is grey until the heat map is asked for, and turned to its negative by one key."""
    page = open_as(browser, engine, address, "anna")
    page.wait_for_function(_THUMBNAILS_ARE_THERE)
    page.goto(f"{address}/study/{row(engine, uids[2]).entry.token}")
    page.wait_for_selector(".stage[data-drawn]")
    before = _pixels(page, tmp_path)
    page.keyboard.press("h")
    page.wait_for_function(_HEAT_IS_THERE)
    painted = _pixels(page, tmp_path)
    assert np.ptp(painted, axis=2).max() > 40 > np.ptp(before, axis=2).max()
    page.keyboard.press("h")
    page.keyboard.press("i")
    page.wait_for_function("() => document.querySelector('.stage').dataset.drawn > 1")
    middle = tuple(length // 2 for length in before.shape[:2])
    assert abs(int(_pixels(page, tmp_path)[middle][0]) + int(before[middle][0]) - 255) < 20


def test_a_study_that_arrives_appears_by_itself_and_the_choice_stays(
    browser: Browser, engine: Engine, store: InstanceStore, address: str, uids: list[str], tmp_path: Path
) -> None:
    """No key, no reload; the chosen line is still chosen."""
    page = open_as(browser, engine, address, "anna")
    page.keyboard.press("j")
    page.keyboard.press("j")
    chosen = page.locator("tr.chosen a").inner_text()
    add_study(engine, store, tmp_path, 9, "Late^Arrival")
    expect(page.locator("#list")).to_contain_text("Late, Arrival", timeout=PATIENCE)
    expect(page.locator("tr.chosen a")).to_have_text(chosen)
    assert studies.find(engine, uids[0]) is not None


def test_search_filter_and_sort_are_in_the_address(
    browser: Browser, engine: Engine, address: str, uids: list[str]
) -> None:
    """What is typed filters; going back undoes it."""
    page = open_as(browser, engine, address, "anna")
    page.keyboard.press("/")
    page.keyboard.type("mül")
    expect(page.locator("tr[data-study]")).to_have_count(1)
    assert "find=" in page.url
    page.goto(f"{address}/?sort=patient&reverse=true")
    expect(page.locator("tr[data-study]").first).to_contain_text("Yamada")
    expect(page.locator("tr[data-study]")).to_have_count(len(uids))


def test_two_readers_cannot_take_one_study(browser: Browser, engine: Engine, address: str, uids: list[str]) -> None:
    """The second is told who reads it."""
    anna, chief = (open_as(browser, engine, address, name) for name in ("anna", "chief"))
    url = f"{address}/study/{row(engine, uids[0]).entry.token}"
    anna.goto(url)
    chief.goto(url)
    anna.keyboard.press("t")
    expect(anna.locator(".actions")).to_contain_text("Being read by anna")
    chief.keyboard.press("t")
    expect(chief.locator("[role=alert]")).to_have_text("anna is reading this study.")


def test_a_narrow_screen_shows_the_same(browser: Browser, engine: Engine, address: str, uids: list[str]) -> None:
    """At 390 pixels nothing is wider than the screen, dark or light."""
    page = open_as(browser, engine, address, "anna", 390, 844)
    for name, url in (("list", "/"), ("study", f"/study/{row(engine, uids[2]).entry.token}")):
        page.goto(address + url)
        if name == "study":
            page.wait_for_selector(".stage[data-drawn]")
        assert page.evaluate(_TOO_WIDE) == []
        page.goto(address)
    page.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
