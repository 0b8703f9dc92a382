import hashlib
import html
import io
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from sqlalchemy import Engine

from config.settings import Settings
from db import events, feedback, instances, results, studies, worklist
from db.heat_maps import NewHeatMap
from db.worklist import Column, Filters, Row
from dicom_gateway.instance_store import InstanceStore
from domain.clock import utc_now
from domain.finding import Assessment, Refusal, RefusalCode
from domain.priority import ReadingPriority
from model.heatmap_levels import to_levels
from tests.acceptance.xrays import write_xray
from tests.integration.db.builders import LEASE, new_instance, received, suspected
from tests.integration.db.test_worklist import counted
from tests.integration.worklist.conftest import SignIn
from worklist.catalogue import Catalogue
from worklist.story import story_of

HOSTILE = '<script>alert(1)</script>^"><img src=x onerror=alert(2)>'


def add_study(engine: Engine, store: InstanceStore, folder: Path, number: int = 1, name: str = "Doe^Jane") -> str:
    """Store a real X-ray under a patient's name, as the listener leaves it; gives its Study Instance UID."""
    file = write_xray(folder, number)
    ds = dcmread(file)
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.StudyDate = name, f"ID{number}", "20230101", "20260301"
    ds.save_as(file)
    content = file.read_bytes()
    sha256 = hashlib.sha256(content[144 + read_file_meta_info(file).FileMetaInformationGroupLength :]).hexdigest()
    temporary = store.new_temporary()
    temporary.write_bytes(content)
    placed = store.place(temporary, ds.StudyInstanceUID, ds.SOPInstanceUID, sha256)
    new = new_instance(
        study=ds.StudyInstanceUID,
        sop_instance_uid=str(ds.SOPInstanceUID),
        relative_path=placed.relative_path,
        size_bytes=placed.size_bytes,
        sha256=sha256,
        received_at=utc_now(),
        association_id=f"a{number}",
    )
    instances.record_instance(engine, new)
    Catalogue(engine, store).look()
    return str(ds.StudyInstanceUID)


def add_result(engine: Engine, uid: str, **changes: object) -> int:
    """Store a suspicion, with changes, with a heat map in the upper left corner; gives its id."""
    from dataclasses import replace  # noqa: PLC0415

    study = studies.find(engine, uid)
    assert study is not None
    later = utc_now() + timedelta(hours=1)
    instances.close_association(engine, "a1", utc_now())
    studies.mark_ready(engine, later, timedelta(0), timedelta(0))
    claim = studies.claim(engine, study.id, "t", later, LEASE)
    assert claim is not None
    heat = np.zeros((150, 150), np.float32)
    heat[:40, :40] = 1
    kept = to_levels(heat)
    (image,) = instances.newest_of_study(engine, study.id)
    new = replace(suspected(), analysed_instance_id=image.id, heat_map=NewHeatMap(kept.levels, kept.hottest, 0, False))
    results.commit_result(engine, claim, replace(new, **changes), [], utc_now())  # type: ignore[arg-type]
    return results.of_study(engine, study.id)[-1].id


def row(engine: Engine, uid: str) -> Row:
    """Give the line of a study."""
    page = worklist.page(
        engine, Filters(), Column.READING_ORDER, timedelta(hours=1), descending=False, offset=0, limit=500
    )
    return next(one for one in page.rows if one.study.study_instance_uid == uid)


@pytest.fixture
def uid(engine: Engine, store: InstanceStore, tmp_path: Path) -> str:
    """A study that has arrived."""
    return add_study(engine, store, tmp_path)


def searched(browser: TestClient, text: str, **more: str):  # noqa: ANN201 - httpx's response
    """Search as the form does, and go where it leads."""
    return browser.get(browser.post("/search", data={"q": text, **more}).headers["location"])


def test_the_list_shows_who_is_to_be_read_and_why(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Name as people read it, age at the study, reason, probability with the operating point; no name in any URL."""
    browser = sign_in("anna")
    before = browser.get("/").text
    assert "Doe, Jane" in before
    assert "Not analysed yet" in before
    add_result(engine, uid)
    page = browser.get("/").text
    for words in ("HIGH", "pneumonia suspected", "0.90", "operating point 0.500", "ID1", "3 y"):
        assert words in page
    assert not [url for url in re.findall(r'(?:href|src|action)="([^"]+)"', page) if "Doe" in url or "ID1" in url]


def test_what_was_not_analysed_says_why(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Never silently negative; there is a filter for it."""
    refusal = Refusal(RefusalCode.NOT_FRONTAL, "view position LL")
    changes = {"refusal": refusal, "probability": None, "operating_point": None, "heat_map": None}
    add_result(engine, uid, assessment=Assessment.UNDETERMINED, reading_priority=ReadingPriority.ROUTINE, **changes)
    browser = sign_in("anna")
    for url in ("/", "/?not_analysed=true"):
        assert "Not analysed: not a frontal projection" in browser.get(url).text
    assert "Doe, Jane" not in browser.get("/?priority=HIGH").text


def test_a_name_with_markup_is_text(
    sign_in: SignIn, engine: Engine, store: InstanceStore, tmp_path: Path, stranger: TestClient
) -> None:
    """On the list, on the study's page, and in what was searched for."""
    del stranger
    uid = add_study(engine, store, tmp_path, 2, HOSTILE)
    browser = sign_in("anna")
    pages = [browser.get("/").text, browser.get(f"/study/{row(engine, uid).entry.token}").text]
    pages.append(searched(browser, HOSTILE).text)
    for page in pages:
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_a_page_costs_as_many_queries_with_fifty_lines_as_with_one(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Session, counts, total, lines, and the note of who was shown them; the lines alone cost less."""
    browser = sign_in("anna")
    numbers = []
    for _ in range(2):
        for path in ("/", "/rows?live=1"):
            with counted(engine) as statements:
                assert browser.get(path).status_code == 200
            numbers.append(len(statements))
        for n in range(49):
            received(engine, study=f"9.{n}", received_at=utc_now())
    assert numbers == [5, 3, 5, 3]
    assert len(re.findall("<tr data-study", browser.get("/").text)) == 50
    del uid


def test_the_url_holds_the_state_of_the_list(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Sorting by the same column again turns it round; a state that is none is refused without quoting it."""
    browser = sign_in("anna")
    page = searched(browser, "doe", sort="patient").text
    assert 'aria-sort="ascending"' in page
    assert "Doe, Jane" in page
    assert re.search(r"find=[\w=%-]+&amp;sort=patient&amp;reverse=True", page)
    assert searched(browser, "zzz").text.count("<tr data-study") == 0
    refused = browser.get("/?sort=<b>evil</b>")
    assert refused.status_code == 422
    assert "evil" not in refused.text
    del engine, uid


def test_a_study_is_taken_by_one_reader_and_read_by_them(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """The other is told who has it; afterwards the next study is opened, and each step is on record."""
    anna, ben = sign_in("anna"), sign_in("ben")
    url = f"/study/{row(engine, uid).entry.token}"
    assert anna.post(f"{url}/take").status_code == 303
    refused = ben.post(f"{url}/read")
    assert refused.status_code == 409
    assert "anna is reading this study" in refused.text
    assert "reading: anna" in ben.get("/").text
    assert anna.post(f"{url}/read", data={"then": "next"}).headers["location"] == "/"
    assert "Doe, Jane" not in ben.get("/").text
    assert "read by anna" in ben.get("/?show=read").text
    study = studies.find(engine, uid)
    assert study is not None
    kinds = [event.kind for event in events.of_study(engine, study.id)]
    assert kinds[-2:] == ["study_taken", "study_read"]


def test_an_admin_gives_back_what_a_reader_left_and_another_reader_cannot(
    sign_in: SignIn, engine: Engine, uid: str
) -> None:
    """Whoever went home holds nothing for ever."""
    url = f"/study/{row(engine, uid).entry.token}"
    sign_in("anna").post(f"{url}/take")
    assert sign_in("ben").post(f"{url}/give-back").status_code == 409
    assert sign_in("chief").post(f"{url}/give-back").status_code == 303
    assert row(engine, uid).entry.reading_state.value == "WAITING"


def test_feedback_is_about_the_result_that_was_seen(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Also when a newer one came meanwhile; a result of another study takes none."""
    result_id = add_result(engine, uid)
    browser = sign_in("anna")
    url = f"/study/{row(engine, uid).entry.token}"
    said = {"result_id": str(result_id), "verdict": "disagree", "finding": "normal", "note": "<b>skin fold</b>"}
    assert browser.post(f"{url}/feedback", data=said).status_code == 303
    assert browser.post(f"{url}/feedback", data={**said, "result_id": "999"}).status_code == 404
    (opinion,) = feedback.of_study(engine, row(engine, uid).study.id)
    assert (opinion.result_id, opinion.verdict.value, opinion.by) == (result_id, "disagree", "anna")
    page = browser.get(url).text
    assert "&lt;b&gt;skin fold&lt;/b&gt;" in page


def test_what_is_searched_for_is_in_no_address(sign_in: SignIn, uid: str) -> None:
    """Neither as it is nor so that another session, or nobody, could read it; paging, sorting and renewal keep it."""
    browser = sign_in("anna")
    answer = browser.post("/search", data={"q": " Doe ", "show": "all", "priority": ""})
    address = answer.headers["location"]
    assert (answer.status_code, address.split("&")[0]) == (303, "/?show=all")
    page = browser.get(address).text
    assert 'value="Doe"' in page
    assert "doe" not in "".join(re.findall(r'(?:href|action|hx-get|hx-post)="([^"]*)"', page)).lower()
    for other in (sign_in("anna"), sign_in("ben")):
        shown = other.get(address).text
        assert "Type it again" in shown
        assert 'value="Doe"' not in shown
        assert "<tr data-study" in shown
    assert browser.post("/search", data={"q": ""}).headers["location"] == "/"
    assert browser.post("/search", data={"q": "a\0b"}).status_code == 422
    del uid


def test_looking_at_a_study_is_on_record_once(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Who and when; a page that renews a part of itself is no second look."""
    browser = sign_in("anna")
    url = f"/study/{row(engine, uid).entry.token}"
    browser.get(url)
    browser.get(url, headers={"HX-Request": "true"})
    views = [event.detail for event, about in worklist.audit(engine, None) if event.kind == "study_viewed" and about]
    assert views == [{"by": "anna"}]


def test_who_was_shown_whom_on_the_list_is_on_record(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """A list that renews itself notes what is new on it, nothing else; what was searched for is not written down."""
    browser = sign_in("anna")
    searched(browser, "doe")
    for path in ("/rows?live=1", "/rows?live=1"):
        browser.get(path)
    received(engine, study="9.1", association_id="a9", received_at=utc_now())
    browser.get("/rows?live=1")
    noted = [event.detail for event, _ in worklist.audit(engine, None) if event.kind == "list_viewed"]
    known = row(engine, uid).study.id
    new = row(engine, "9.1").study.id
    # The first is of signing in, which leads to the list.
    assert [(one["by"], one["studies"], one["searched"]) for one in noted] == [
        ("anna", [known], False),
        ("anna", [known], True),
        ("anna", [new], False),
    ]
    assert "doe" not in str(noted).lower()


def test_the_timeline_is_what_why_tells(sign_in: SignIn, engine: Engine, uid: str, service: Settings) -> None:
    """Every event in the same words, with its rule, and what the study waits for."""
    browser = sign_in("anna")
    found = row(engine, uid)
    page = html.unescape(browser.get(f"/study/{found.entry.token}").text)
    story = story_of(engine, found.study, service, utc_now())
    for event in story["events"]:
        assert event["what"] in page
        assert event["rule"] in page
    assert "without a new image" in page or "the next sweep" in page
    assert "from MODALITY (127.0.0.1)" in page


def test_the_image_comes_with_sixteen_bits_and_the_heat_where_it_was(
    sign_in: SignIn, engine: Engine, store: InstanceStore, uid: str
) -> None:
    """Red and green together are the display image; the heat map is clear where nothing is hot; the row has both."""
    from dicom_gateway.display import image_from_file  # noqa: PLC0415

    result_id = add_result(engine, uid)
    browser = sign_in("anna")
    found = row(engine, uid)
    url = f"/study/{found.entry.token}"
    (image,) = instances.newest_of_study(engine, found.study.id)
    packed = np.asarray(Image.open(io.BytesIO(browser.get(f"{url}/image/{image.id}").content)), np.uint16)
    shown = image_from_file(store.path_of(image.relative_path)).pixels
    assert np.abs((packed[..., 0] * 256 + packed[..., 1]) / 65535 - shown).max() < 1 / 65535
    heat = np.asarray(Image.open(io.BytesIO(browser.get(f"{url}/heat/{result_id}").content)))
    assert (heat[:40, :40, 3].min(), heat[60:, 60:, 3].max()) == (255, 0)
    small = np.asarray(Image.open(io.BytesIO(browser.get(f"{url}/thumbnail/{result_id}").content)), np.int16)
    assert np.ptp(small[5, 5]) > 40
    assert np.ptp(small[-5, -5]) < 10
    assert browser.get(f"{url}/image/{image.id + 1}").status_code == 404


def test_an_image_that_cannot_be_shown_says_so_and_the_list_goes_on(
    sign_in: SignIn, engine: Engine, store: InstanceStore, uid: str
) -> None:
    """A file that is gone costs its picture, not its line."""
    found = row(engine, uid)
    (image,) = instances.newest_of_study(engine, found.study.id)
    store.path_of(image.relative_path).unlink()
    browser = sign_in("anna")
    url = f"/study/{found.entry.token}"
    answer = browser.get(f"{url}/image/{image.id}")
    assert answer.status_code == 404
    assert "cannot be shown" in answer.text
    assert browser.get(f"{url}/thumbnail/0").status_code == 404
    assert "Doe, Jane" in browser.get("/").text


def test_a_study_or_report_that_is_not_there_is_not_found(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Nor is a token of another form looked for."""
    browser = sign_in("anna")
    assert browser.get(f"/study/{'0' * 32}").status_code == 404
    assert browser.get("/study/1").status_code == 422
    assert browser.get(f"/study/{row(engine, uid).entry.token}/report/1").status_code == 404


def test_a_database_that_is_away_is_told_and_shows_nothing_of_it(
    sign_in: SignIn, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, in words."""
    from domain.errors import StoreUnavailable  # noqa: PLC0415

    browser = sign_in("anna")

    def away(*_: object, **__: object) -> None:
        message = "database: host db.internal refused"
        raise StoreUnavailable(message)

    monkeypatch.setattr(worklist, "page", away)
    answer = browser.get("/")
    assert answer.status_code == 503
    assert "db.internal" not in answer.text
    del engine


def test_nothing_is_loaded_from_another_host() -> None:
    """Scripts, styles and pictures are in the package, with their licences; no inline script or style."""
    folder = Path(__file__).parents[3] / "worklist"
    for file in (folder / "templates").glob("*.html"):
        text = file.read_text()
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), file.name
        assert not re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=", text), file.name
    shipped = {file.name for file in (folder / "static").iterdir()}
    assert {"htmx.min.js", "htmx.LICENSE.txt", "htmx-ext-sse.min.js", "htmx-ext-sse.LICENSE.txt"} <= shipped
