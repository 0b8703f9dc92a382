"""Patient names as modalities send them, in each character set, rightly and wrongly declared.

The Japanese, Korean and Chinese names are the examples of PS3.5 Annexes H, I, J and K.
"""

from typing import NamedTuple

_YAMADA = (
    b"Yamada^Tarou=\033$B;3ED\033(B^\033$BB@O:\033(B=\033$B$d$^$@\033(B^\033$B$?$m$&\033(B",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
)
_HONG = (
    b"Hong^Gildong=\033$)C\373\363^\033$)C\321\316\324\327=\033$)C\310\253^\033$)C\261\346\265\277",
    "Hong^Gildong=洪^吉洞=홍^길동",
)
_WANG = "Wang^XiaoDong=王^小东"


class Case(NamedTuple):
    """One name, as bytes under a Specific Character Set, and as it must come out."""

    name: str
    character_set: bytes | None
    encoded: bytes
    expected: str

    @property
    def elements(self) -> dict[str, bytes | None]:
        """Give the elements to put into a header."""
        return {"SpecificCharacterSet": self.character_set, "PatientName": self.encoded}


CHARACTER_SETS = [
    Case("Latin-1", b"ISO_IR 100", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme"),
    Case("Latin-2", b"ISO_IR 101", "Wałęsa^Łukasz".encode("iso8859-2"), "Wałęsa^Łukasz"),
    Case("Latin-9", b"ISO_IR 203", "Œuvre^Zoé".encode("iso8859-15"), "Œuvre^Zoé"),
    Case("Cyrillic", b"ISO_IR 144", "Люксембург^Анна".encode("iso8859-5"), "Люксембург^Анна"),
    Case("Greek", b"ISO_IR 126", "Διονυσιος^Ωδη".encode("iso8859-7"), "Διονυσιος^Ωδη"),
    Case("Thai", b"ISO_IR 166", "นามสกุล^ช".encode("tis-620"), "นามสกุล^ช"),
    Case("Japanese", b"\\ISO 2022 IR 87", *_YAMADA),
    Case(
        "Japanese with half-width katakana",
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\324\317\300\336^\300\333\263=\033$B;3ED\033(J^\033$BB@O:\033(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    Case("Japanese, equals sign inside a character", b"\\ISO 2022 IR 87", b"Haru=\033$B=U\033(B", "Haru=春"),
    Case("Korean", b"\\ISO 2022 IR 149", *_HONG),
    Case("Korean, single valued", b"ISO 2022 IR 149", *_HONG),
    Case("Korean, undeclared", None, *_HONG),
    Case("Latin-1 beside Korean, undeclared", None, b"Jos\351^=\033$)C\373\363", "José^=洪"),
    Case(
        "Chinese GB 2312",
        b"\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\033$)A\325\305^\033$)A\320\241",
        "Zhang^XiaoDong=张^小",
    ),
    Case("Chinese GB18030", b"GB18030", _WANG.encode("gb18030"), _WANG),
    Case("Chinese GBK", b"GBK", _WANG.encode("gbk"), _WANG),
    Case("UTF-8", b"ISO_IR 192", _WANG.encode(), _WANG),
    Case("UTF-8 by a wrong name", b"UTF-8", _WANG.encode(), _WANG),
    Case("misspelt Latin-1", b"ISO-IR 100", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme"),
    Case("ASCII as ISO_IR 6", b"ISO_IR 6", b"Doe^Jane", "Doe^Jane"),
    Case("Latin-1 declared as ISO_IR 6", b"ISO_IR 6", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme"),
    Case("undeclared UTF-8", None, "Buc^Jérôme".encode(), "Buc^Jérôme"),
    Case("undeclared Latin-1", None, "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme"),
    Case("unknown set, UTF-8 text", b"KOI8-R", "Анна^Л".encode(), "Анна^Л"),
    Case("Latin-1 declared as UTF-8", b"ISO_IR 192", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme"),
]
