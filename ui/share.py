"""Sharing the screen: its link, a code to be read from the wall, a frame, the pictures; a sheet made when asked for."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

import segno
import streamlit as st

from core.limits import ADDRESS, QR_EASY, QR_LONGEST
from pictures.words import Words
from ui import state
from ui.live import projector, share

SHEET = "fibra.share"  # (number of this opening, page, address), while the sheet is open
SHORT = "fibra.short"  # the short link of the lesson's step that is played, where one is
OWN = "projector|seat|teach|guessed|solved"  # in an address: of who reads it
LABELS = ("title", "close", "link", "short", "frame", "frame_warning", "larger", "copy", "copied")
LABELS += ("picture", "png", "svg", "clipboard", "no_clipboard")


def open_sheet(address: str) -> None:
    """The reader asks for the sheet, on what is at this address. In a widget's callback.

    The whole address or none: of one that was cut, what stands at its end would be lost.
    """
    if len(address) > ADDRESS:
        return
    number = st.session_state.get(SHEET, (0,))[0] + 1
    st.session_state[SHEET] = (number, st.session_state[state.PAGE], at_a_desk(address))


def at_a_desk(address: str) -> str:
    """The same screen for who gets the link: without the projector, a seat in a room, the key of its teacher, or what
    was guessed in a challenge."""
    return re.sub(r"&$", "", re.sub(rf"(?<=[?&])({OWN})=[^&#]*&?", "", address)).removesuffix("?")


def sheet(words: Words) -> None:
    """Draw the sheet where it is asked for."""
    number, page, address = st.session_state.get(SHEET, (0, "", ""))
    if not address or page != st.session_state[state.PAGE]:
        return
    short = st.session_state.get(SHORT, "")
    told = short or address
    data = {"number": number, "address": address, "short": short, "qr": code(told), "note": note(told, words)}
    labels = {name: words(f"share.{name}") for name in LABELS} | {"projector": words("projector.open")}
    share.sheet(data | {"labels": labels, "projector_help": words("projector.help")}, _closed, projector.begin)


def _closed() -> None:
    number, *_ = st.session_state.get(SHEET, (0,))
    st.session_state[SHEET] = (number, "", "")


def note(address: str, words: Words) -> str:
    """What to know of the code of an address: how it is used, and whether it will be hard to read."""
    if here_only(address):
        return words("share.here_only")
    if not code(address):
        return words("share.no_code", limit=QR_LONGEST)
    said = words("share.scan")
    return (
        said if len(address) <= QR_EASY else f"{said} {words('share.hard', n=len(address), modules=modules(address))}"
    )


def here_only(address: str) -> bool:
    """Whether an address leads every machine to itself: `make run` opens it so, and no phone gets there."""
    return urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1")


@lru_cache(maxsize=64)
def _code(address: str) -> segno.QRCode | None:
    """As few modules as will do, for they are read from the back row; corrected as far as that costs none.

    ISO/IEC 18004; None for an address that fits into no code.
    """
    try:
        return segno.make_qr(address, error="l", boost_error=True)
    except segno.DataOverflowError:
        return None


def code(address: str) -> str:
    """The QR code of an address as SVG, on white in every theme; "" where it is too long."""
    made = _code(address)
    return made.svg_inline(border=4, light="#ffffff", omitsize=True, svgclass=None, lineclass=None) if made else ""


def image(address: str) -> str:
    """The same as an address of data, for an image; "" where it is too long."""
    made = _code(address)
    return made.svg_data_uri(border=4, light="#ffffff", omitsize=True, svgclass=None, lineclass=None) if made else ""


def modules(address: str) -> int:
    """How many modules the code is wide, its quiet border left out."""
    made = _code(address)
    return made.symbol_size(border=0)[0] if made else 0
