"""Every page held against WCAG 2.2 AA by axe-core, in both themes, and keys alone from the list to the next study."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from tests.browser.conftest import open_as
from tests.browser.test_worklist_page import uids  # noqa: F401 - a fixture
from tests.integration.worklist.test_api import a_report, keep_report
from tests.integration.worklist.test_pages import row

_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
_axe = Axe()


def faults(page: Page) -> list[str]:
    """Give what axe-core finds: rule, and where."""
    found = _axe.run(page, options=_RULES).response["violations"]
    return [f"{fault['id']}: {[node['html'][:120] for node in fault['nodes']]}" for fault in found]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_page_has_an_accessibility_fault(
    browser: Browser,
    engine: Engine,
    address: str,
    uids: list[str],  # noqa: F811 - the fixture
    theme: str,
) -> None:
    """Lists, studies, a report, figures, the service, the API's document, a problem, the keys, the form."""
    page = open_as(browser, engine, address, "chief")
    page.context.add_cookies([{"name": "cxr-theme", "value": theme, "url": address}])
    flagged, unread = (f"/study/{row(engine, uids[number]).entry.token}" for number in (2, 4))
    report = f"{flagged}/report/{keep_report(engine, row(engine, uids[2]).entry.result_id or 0, a_report())}"
    more = ("/quality", "/quality?days=90", "/service", "/docs")
    found = {}
    for path in ("/", "/?find=x", "/?sort=patient&reverse=true", flagged, unread, report, *more, "/nothing"):
        page.goto(address + path)
        if path == flagged:
            page.wait_for_selector(".stage[data-drawn]")
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        found[path] = faults(page)
    page.goto(address)
    page.keyboard.press("?")
    found["keys"] = faults(page)
    page.keyboard.press("Escape")
    page.fill("#search", "nobody")
    expect(page.locator(".empty")).to_be_visible()
    found["nothing found"] = faults(page)
    stranger = browser.new_context().new_page()
    stranger.context.add_cookies([{"name": "cxr-theme", "value": theme, "url": address}])
    stranger.goto(f"{address}/sign-in")
    found["form"] = faults(stranger)
    assert {name: these for name, these in found.items() if these} == {}


def test_tab_and_enter_alone_lead_from_the_list_to_feedback_and_to_the_next(
    browser: Browser,
    engine: Engine,
    address: str,
    uids: list[str],  # noqa: F811 - the fixture
) -> None:
    """Without this page's own keys, which a screen reader may have taken: by what Tab reaches, with its focus seen."""
    page = open_as(browser, engine, address, "anna")
    _tab_to(page, "tr[data-study] a")
    page.keyboard.press("Enter")
    page.wait_for_selector(".stage[data-drawn]")
    patient = page.locator("h1").inner_text()
    _tab_to(page, "button[value=agree]")
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("agree")
    _tab_to(page, "button[data-key=r]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).not_to_have_text(patient)
    assert row(engine, uids[2]).entry.reading_state.value == "READ"


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until what the selector names has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab does not reach {selector}")
