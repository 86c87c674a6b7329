"""What a reader may take home from a page. Nothing is computed until a file is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import streamlit as st

from core import Scene, limits
from core.presets import REAL
from pictures import quiz, takeaway, worksheet
from pictures.explained.page_world import asked
from pictures.words import Words
from ui import share, state
from ui.live import compat

OPENED = "fibra.takeaway"  # session state: whether the files are on screen


def opened() -> bool:
    """Whether the files of the page are on screen: what they are called depends on the Scene."""
    return st.session_state.get(OPENED, False)


@st.fragment
def offer(page: str, words: Words) -> None:
    """The files of a page, folded; each is made when its button is pressed, of the Scene that stands there then."""
    fold = compat.call(
        st.expander, words("takeaway.title"), icon=":material/backpack:", key="takeaway", on_change="rerun"
    )
    st.session_state[OPENED] = (
        getattr(fold, "open", True) is not False
    )  # where Streamlit does not say, they stand there
    if not opened():
        return
    with fold:
        st.markdown(words("takeaway.about"))
        with st.container(horizontal=True):
            _files(page, words)


def _files(page: str, words: Words) -> None:
    now, scene = state.now(), asked(page, state.scene())
    makers: dict[str, tuple[str, Callable[..., bytes]]] = {
        "csv": ("csv", lambda scene, words: takeaway.table(page, scene, words)),
        "npz": ("npz", lambda scene, _: takeaway.trace(page, scene)),
        "notebook": (takeaway.ends(scene, "ipynb"), partial(takeaway.notebook, page)),
        "script": (takeaway.ends(scene, "py"), partial(takeaway.script, page)),
        "lens": ("lens.zip", takeaway.lens),
    }
    lens = takeaway.lens_refused(scene, words)
    if scene.model.startswith(REAL):
        st.markdown(words("takeaway.real"))
        makers = {"csv": makers["csv"]}
    elif lens:
        st.markdown(lens)
        del makers["lens"]
    if quiz.asks(page):
        address = home(page)
        if share.here_only(address):  # the questions lead to it
            st.markdown(words("share.here_only"))
        makers["moodle"] = ("xml", lambda _, words: quiz.moodle(page, words, address))
        makers["gift"] = ("gift.txt", lambda _, words: quiz.gift(page, words, address))
        sheets = int(st.number_input(words("worksheet.sheets"), 1, limits.SHEETS, 1, key="takeaway-sheets", width=220))
        makers["worksheet"] = ("html", lambda scene, words: paper(page, scene, words, sheets, address))
    for name, (ending, make) in makers.items():
        st.download_button(
            words(f"takeaway.files.{name}"),
            partial(_made, make, page, now, words),
            f"fibra-{page}.{ending}",
            key=f"takeaway-{name}",
            help=words(f"takeaway.helps.{name}"),
            on_click="ignore",
        )


def paper(page: str, scene: Scene, words: Words, sheets: int, address: str) -> bytes:
    """The worksheets of a page; with codes of where its questions lead, unless no phone gets there."""
    code = (lambda _: "") if share.here_only(address) else share.code
    return worksheet.worksheet(page, scene, words, sheets, address, code)


def home(page: str) -> str:
    """Where the app is, as the browser of a reader on `page` sees it; "" where Streamlit does not say."""
    here = urlsplit(getattr(st.context, "url", None) or "")
    path = here.path.partition("/~/+")[0].rstrip("/").removesuffix(f"/{page}")  # Community Cloud's frame
    return f"{here.scheme}://{here.netloc}{path}" if here.netloc else ""


def _made(make: Callable[..., bytes], page: str, now: state.Now, words: Words) -> bytes:
    """The file's bytes. This runs in a thread of Streamlit's own, where there is no session to ask for its Scene."""
    return make(asked(page, now.scene), words)
