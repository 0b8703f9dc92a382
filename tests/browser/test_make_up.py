import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE
from worker.lifeline import die_with_parent

#: Of the docs' figures: a workstation's window, and a telephone.
_SIZES = ((1280, 800), (390, 844))
_SETTLE_MILLISECONDS = 500
_COLOURS = 128
_THUMBNAILS_ARE_THERE = "() => [...document.querySelectorAll('.thumb img')].every((one) => one.complete)"
_HEAT_IS_THERE = "() => { const heat = document.querySelector('.heat'); return !heat.hidden && heat.complete }"


@pytest.fixture
def link(browser: Browser) -> Iterator[str]:
    """The one-time link that `make up` prints, while it stays up."""
    del browser  # without one, nothing need be started
    command = [sys.executable, "-m", "admin", "demo", "--stay-up"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - as the supervisor does
    )
    assert process.stdout is not None
    said = []
    found = None
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://\S+/link/\S+", line):
            break
    assert found, "".join(said)
    yield found[0]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE / 1000)


def _screenshots(page: Page, name: str) -> None:
    """Keep pictures of a page, wide and narrow, where WORKLIST_SCREENSHOTS asks for them (`make screenshots`)."""
    folder = os.environ.get("WORKLIST_SCREENSHOTS")
    if not folder:
        return
    for width, height in _SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(_SETTLE_MILLISECONDS)
        file = Path(folder) / f"worklist-{name}-{width}.png"
        page.screenshot(path=file)
        Image.open(file).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    width, height = _SIZES[0]
    page.set_viewport_size({"width": width, "height": height})


def test_from_make_up_to_the_flagged_studies_read_first(browser: Browser, link: str) -> None:
    """One click, then keys: the five suspicions are on top, each is read and agreed with, and only they are gone."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(link)
    expect(page.locator("tr[data-study]")).to_have_count(14)
    page.wait_for_function(_THUMBNAILS_ARE_THERE)
    _screenshots(page, "list")
    chips = page.locator(".chip").all_inner_texts()
    assert chips == ["HIGH"] * 5 + ["ROUTINE"] * 9
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    for number in range(5):
        page.wait_for_selector(".stage[data-drawn]")
        if number == 0:
            page.keyboard.press("h")
            page.wait_for_function(_HEAT_IS_THERE)
            _screenshots(page, "study")
        expect(page.locator(".result")).to_contain_text("pneumonia suspected")
        patient = page.locator("h1").inner_text()
        page.keyboard.press("a")
        expect(page.locator(".said")).to_contain_text("agree")
        page.keyboard.press("r")
        expect(page.locator("h1")).not_to_have_text(patient)
    page.wait_for_selector(".stage[data-drawn]")
    page.keyboard.press("Escape")
    expect(page.locator("tr[data-study]")).to_have_count(9)
    _see_every_other_page(page, link)


def _see_every_other_page(page: Page, link: str) -> None:
    """The rest of the site, of which the demo's account is admin: each page has what belongs there."""
    address = link.partition("/link/")[0]
    page.goto(f"{address}/?show=read")
    page.locator("tr[data-study] a").first.click()
    page.wait_for_selector(".stage[data-drawn]")
    report = page.locator("a[href*='/report/']").first.get_attribute("href")
    page.goto(f"{address}{report}")
    expect(page.locator("main")).to_contain_text("pneumonia")
    _screenshots(page, "report")
    page.goto(f"{address}/quality")
    expect(page.locator("main")).to_contain_text("robust-1")
    _screenshots(page, "quality")
    page.goto(f"{address}/service")
    expect(page.locator("main")).to_contain_text("work-analyse")
    _screenshots(page, "service")
    page.locator("text=Sign out").click()
    expect(page.locator("input[name=password]")).to_be_visible()
    _screenshots(page, "sign-in")
