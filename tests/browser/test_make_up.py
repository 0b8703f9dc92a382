import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from db import feedback, results, studies
from db.session import make_engine
from dicom_gateway.association_scu import Destination
from dicom_gateway.storage_scu import send_files
from tests.acceptance.xrays import write_xray
from tests.browser.conftest import PATIENCE
from worker.lifeline import die_with_parent

#: Of the docs' figures: a workstation's window, and a telephone.
_SIZES = ((1280, 800), (390, 844))
_SETTLE_MILLISECONDS = 500
_COLOURS = 128
_THUMBNAILS_ARE_THERE = "() => [...document.querySelectorAll('.thumb img')].every((one) => one.complete)"
_HEAT_IS_THERE = "() => { const heat = document.querySelector('.heat'); return !heat.hidden && heat.complete }"


@dataclass(frozen=True, slots=True)
class Demo:
    """What `make up` started."""

    #: Signs in once, as an admin.
    link: str
    data_dir: Path

    @property
    def address(self) -> str:
        """Where the pages are."""
        return self.link.partition("/link/")[0]

    @property
    def listener(self) -> Destination:
        """Where images go."""
        published = json.loads((self.data_dir / "run" / "listener.json").read_text())
        return Destination("demo", published["ae_title"], published["host"], published["port"], "BROWSER_TEST")


@pytest.fixture
def demo(browser: Browser, tmp_path: Path) -> Iterator[Demo]:
    """The demo while it stays up, with the link that it prints."""
    del browser  # without one, nothing need be started
    command = [sys.executable, "-m", "admin", "demo", "--stay-up", "--data-dir", str(tmp_path)]
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
    yield Demo(found[0], tmp_path / "data")
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


def test_from_make_up_to_ten_studies_read_the_flagged_ones_first(browser: Browser, demo: Demo, tmp_path: Path) -> None:
    """One click, then keys: the five suspicions are on top; ten studies are read, and only they are gone.

    A study that is sent meanwhile appears by itself, and what was said outlives that a study is read again.
    """
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(demo.link)
    expect(page.locator("tr[data-study]")).to_have_count(14)
    page.wait_for_function(_THUMBNAILS_ARE_THERE)
    _screenshots(page, "list")
    chips = page.locator(".chip").all_inner_texts()
    assert chips == ["HIGH"] * 5 + ["ROUTINE"] * 9
    (sent,) = send_files(demo.listener, [write_xray(tmp_path / "later", truth="normal")])
    assert sent.is_stored
    expect(page.locator("tr[data-study]")).to_have_count(15)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    for number in range(10):
        page.wait_for_selector(".stage[data-drawn]")
        if number == 0:
            page.keyboard.press("h")
            page.wait_for_function(_HEAT_IS_THERE)
            _screenshots(page, "study")
        if number < 5:
            expect(page.locator(".result")).to_contain_text("pneumonia suspected")
        _agree_and_go_on(page)
    page.wait_for_selector(".stage[data-drawn]")
    page.keyboard.press("Escape")
    expect(page.locator("tr[data-study]")).to_have_count(5)
    _see_that_feedback_stays(page, demo)
    _see_every_other_page(page, demo.address)


def _agree_and_go_on(page: Page) -> None:
    patient = page.locator("h1").inner_text()
    page.keyboard.press("a")
    expect(page.locator(".said")).to_contain_text("agree")
    page.keyboard.press("r")
    expect(page.locator("h1")).not_to_have_text(patient)


def _see_that_feedback_stays(page: Page, demo: Demo) -> None:
    """A study that is read again by the network has a new result, and what was said of the first one still."""
    page.goto(f"{demo.address}/?show=read")
    page.locator("tr[data-study] a").first.click()
    uid = page.locator("p.uid").inner_text().split()[-1]
    words = ["reprocess", "--study", uid, "--yes", "--wait", "--data-dir", str(demo.data_dir)]
    subprocess.run([sys.executable, "-m", "admin", *words], check=True, capture_output=True)
    page.reload()
    expect(page.locator("summary", has_text="Results (2)")).to_be_visible()
    engine = make_engine(f"sqlite:///{demo.data_dir / 'cxr-triage.sqlite'}")
    study = studies.find(engine, uid)
    assert study is not None
    (opinion,) = feedback.of_study(engine, study.id)
    first, second = results.of_study(engine, study.id)
    engine.dispose()
    assert (opinion.verdict.value, opinion.by, opinion.result_id) == ("agree", "demo", first.id)
    assert second.supersedes_id == first.id


def _see_every_other_page(page: Page, address: str) -> None:
    """The rest of the site, of which the demo's account is admin: each page has what belongs there."""
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
