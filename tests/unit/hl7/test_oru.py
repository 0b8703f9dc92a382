from hypothesis import given, settings
from hypothesis import strategies as st

from hl7_gateway.oru import build_oru, control_id, escaped, patient_words
from tests.unit.hl7.messages import ADDRESSES, content, facts, parsed, segments, unescaped
from tests.unit.report.builders import STUDY_UID


def test_the_message_is_valid_by_the_tables_of_the_standard() -> None:
    """hl7apy reads it strictly as ORU_R01 of 2.5.1: segments, groups, cardinality and data types."""
    assert parsed(build_oru(content(), ADDRESSES)).validate()
    unscored = content(is_suspected=False, probability=None, threshold=None)
    assert parsed(build_oru(unscored, ADDRESSES)).validate()


def test_the_header_says_who_sends_what_to_whom() -> None:
    """MSH-3 to MSH-12 and the character set."""
    (msh,) = segments(build_oru(content(), ADDRESSES), "MSH")
    assert msh[2:7] == ["^~\\&", "CXR_TRIAGE", "RADIOLOGY", "RIS", "HOSPITAL"]
    assert (msh[7], msh[9], msh[10]) == ("20261122080000+0000", "ORU^R01^ORU_R01", "0123456789ABCDEF0123")
    assert (msh[11], msh[12], msh[18]) == ("P", "2.5.1", "UNICODE UTF-8")


def test_patient_and_order_are_those_of_the_study() -> None:
    """Identifier with its issuer, name, birth date and sex; accession number where RIS look for it."""
    message = build_oru(content(study=facts(issuer_of_patient_id="HOSP")), ADDRESSES)
    (pid,), (orc,), (obr,) = (segments(message, name) for name in ("PID", "ORC", "OBR"))
    assert pid[3] == "4711^^^HOSP"
    assert pid[5].split("^")[:2] == ["Doe", "Jane"]
    assert pid[5].split("^")[6:8] == ["L", "A"]
    assert pid[7:9] == ["19700102", "F"]
    assert orc[1] == "RE"
    assert obr[3] == orc[3] == obr[18] == "A1"
    assert obr[4] == "363679005^Imaging procedure^SCT^^Chest PA"
    assert (obr[7], obr[16], obr[24], obr[25]) == ("20240102101112.5", "^Roe^Richard", "RAD", "P")


def test_the_observations_say_what_the_report_says() -> None:
    """Finding, presence, probability and threshold in percent, priority, comment, algorithm; all preliminary."""
    rows = segments(build_oru(content(), ADDRESSES), "OBX")
    said = [(row[2], row[3].split("^")[0], row[5], row[6], row[8]) for row in rows]
    assert said == [
        ("CWE", "233604007", "415684004^Suspected^SCT", "", "A"),
        ("NM", "111012", "87.31", "%^Percent^UCUM", ""),
        ("NM", "122411", "42", "%^Percent^UCUM", ""),
        ("CWE", "260870009", "394849002^High priority^SCT^^^^^^HIGH", "", ""),
        ("TX", "121106", "AI triage, preliminary, not for diagnosis: Pneumonia suspected.", "", ""),
        ("ST", "111001", "cxr-pneumonia", "", ""),
        ("ST", "111003", "1.2.3", "", ""),
        ("ST", "110180", STUDY_UID, "", ""),
    ]
    assert [row[1] for row in rows] == [str(number) for number in range(1, 9)]
    assert {row[11] for row in rows} == {"P"}


def test_what_was_not_scored_has_no_number_and_no_flag() -> None:
    """Never a probability of nothing."""
    rows = segments(build_oru(content(is_suspected=False, probability=None, threshold=None), ADDRESSES), "OBX")
    assert "NM" not in {row[2] for row in rows}
    assert {row[8] for row in rows} == {""}


def test_the_same_content_gives_the_same_bytes() -> None:
    """Also a second later: a resend is the same message."""
    assert build_oru(content(), ADDRESSES) == build_oru(content(), ADDRESSES)


def test_the_control_id_is_that_of_the_revision_the_version_and_the_destination() -> None:
    """20 characters; another for any other."""
    ids = {control_id("1.2", 1, "v", "a"), control_id("1.2", 2, "v", "a"), control_id("1.2", 1, "w", "a")}
    ids |= {control_id("1.2", 1, "v", "b"), control_id("1.2", 1, "v", "a")}
    assert len(ids) == 4
    assert {len(one) for one in ids} == {20}


def test_a_name_of_three_groups_is_three_repetitions() -> None:
    """Alphabetic, ideographic, phonetic, with suffix before prefix as XPN has them, in UTF-8."""
    study = facts(patient_name="Yamada^Tarou^^Dr^Jr=山田^太郎=やまだ^たろう")
    (pid,) = segments(build_oru(content(study=study), ADDRESSES), "PID")
    first, second, third = (name.split("^") for name in pid[5].split("~"))
    assert first == ["Yamada", "Tarou", "", "Jr", "Dr", "", "L", "A"]
    assert (second[:2], second[7], third[:2], third[7]) == (["山田", "太郎"], "I", ["やまだ", "たろう"], "P")


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("|^&~\\FSTREHN .aé山"), max_size=30))
def test_whatever_a_text_holds_it_is_read_back_as_it_was(text: str) -> None:
    """Delimiters, and texts that look like escape sequences, change neither the text nor the fields beside it."""
    assert unescaped(escaped(text)) == text
    study = facts(patient_id=f"x{text}x", accession_number=f"y{text}y")
    message = build_oru(content(study=study, comment=f"z{text}z"), ADDRESSES)
    (pid,), (obr,) = segments(message, "PID"), segments(message, "OBR")
    assert unescaped(pid[3].split("^")[0]) == f"x{text}x"
    assert unescaped(obr[18]) == f"y{text}y"
    assert f"z{text}z" in [unescaped(row[5]) for row in segments(message, "OBX")]


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_text_breaks_out_of_its_segment(text: str) -> None:
    """Line ends and MLLP delimiters become spaces."""
    message = build_oru(content(comment=text), ADDRESSES)
    names = [line[:3] for line in message.decode().split("\r")]
    assert names == ["MSH", "PID", "ORC", "OBR", *["OBX"] * 8, ""]
    assert b"\x0b" not in message
    assert b"\x1c" not in message


def test_what_an_answer_could_quote_of_the_patient_is_known() -> None:
    """Every part of the name, identifier, birth date and accession number."""
    assert set(patient_words(facts())) == {"Doe^Jane", "Doe", "Jane", "4711", "19700102", "A1"}
