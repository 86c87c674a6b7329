"""Text as it enters, from a box, an address or a file: what reads alike is spelled alike, and measured first."""

from __future__ import annotations

import codecs
import re
import unicodedata

from .. import limits
from ..arguments import wrong
from ..errors import TextError
from .graphemes import clusters

# Letters as a font draws them, which PDFs give away in place of the letters: ligatures, forms of Arabic, and full and
# half widths. (Not ², ½ or ℝ: those say something else than 2, 1/2 and R.)
_FORMS = re.compile("[\ufb00-\ufb4f\ufb50-\ufdcf\ufe70-\ufefc\uff01-\uffee]")
_SPACES = re.compile("[\u00a0\u2007\u202f]")  # that do not break
_MARK = "\ufeff"  # of byte order
# Code points of a character, more than a sentence may have: sorting a hostile heap of marks takes its square.
_COMPOSED = 1024


def normalized(text: str) -> str:
    """The text in one form: NFC (UAX #15), letters for their drawn forms, \\n at a line's end, plain spaces.

    Lone surrogates, which no address can carry, become question marks. Takes time in proportion to the length.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # old Macs have the latter alone
    if text.isascii():
        return text
    text = text.encode("utf-8", "replace").decode()
    text = _SPACES.sub(" ", text).replace(_MARK, "")
    text = _FORMS.sub(_letters, text)
    if max(text, default="") < "\u0300":  # nothing to compose
        return text
    return "".join(c if len(c) > _COMPOSED else unicodedata.normalize("NFC", c) for c in clusters(text))


def _letters(form: re.Match[str]) -> str:
    letters = unicodedata.normalize("NFKC", form[0])
    return form[0] if letters.startswith(" ") else letters  # a mark that was drawn on a space


# ------------------------------------------------------------------------------------------------------------ files

ENCODINGS = ("windows-1252", "mac-roman", "cp850")  # of files that are not Unicode: Windows, old Macs, DOS
_BYTE_ORDER = (  # the mark of UTF-32 begins as that of UTF-16 does
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def decoded(data: bytes, encoding: str = "") -> str:
    """The text of a file: UTF-8, or UTF-16 and UTF-32 with their mark; else in `encoding`, one of ENCODINGS.

    UTF-16 without a mark is known by its zeros. No character is guessed, and none replaced.
    Raises: TextError, "encoding" where another one must be named, "file" for what is no text, "lost" for one that
    lost characters before it came here; ConfigError for an encoding that is none of them.
    """
    if encoding and encoding not in ENCODINGS:
        raise wrong("encoding", encoding, f"one of {', '.join(ENCODINGS)}")
    if len(data) > 4 * limits.CORPUS:  # UTF-32 takes four bytes a character
        raise TextError(f"text: more than {limits.CORPUS:,} bytes", "long")
    encoding = _unicode(data) or encoding or "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is 0x{data[error.start]:02x}"
        raise TextError(f"text: is not {encoding}: {where}", "encoding") from None
    return checked(text)


def checked(text: str) -> str:
    """The text, if it is one that can be learned from. Raises: TextError, "file" or "lost"."""
    if "\0" in text:
        raise TextError("text: has zeros in it; it is no text, or in an encoding that is not recognized", "file")
    if n := text.count("\ufffd"):
        raise TextError(f"text: {n} characters are U+FFFD: they were lost when it was saved or copied", "lost")
    return text


def _unicode(data: bytes) -> str:
    """The Unicode encoding that a file's beginning, or its zeros, give away; else ""."""
    for mark, name in _BYTE_ORDER:
        if data.startswith(mark):
            return name
    for name, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        if len(data) % 2 == 0 and zeros and zeros.count(0) > 0.5 * len(zeros):
            return name
    return ""
