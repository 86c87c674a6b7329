"""The main journeys, as a class makes them: in real Chromium, with no console error and no traceback on screen."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Locator, Page, expect

from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from tests.chromium import WAIT, go_to, settled

pytestmark = pytest.mark.browser
expect.set_options(timeout=WAIT)

TITLES = {lang: [words_of(lang)(f"pages.{name}") for name in PAGES if PAGES[name].model] for lang in LANGUAGES}

HEIGHTS = "all => all.map(figure => [figure, figure.querySelector('.fibra-plot')].map(part => part.clientHeight))"


def open_page(page: Page, app: str, name: str = "attention", query: str = "lang=en") -> None:
    address = f"{app}/{'' if name == 'start' else name}?{query}"
    go_to(page, address) if page.url.startswith(app) else page.goto(address)
    settled(page)
    drawn(page)


def drawn(page: Page) -> None:
    """At least one finished picture is on screen."""
    page.wait_for_selector("[data-drawn]")


def menu(page: Page, title: str) -> Locator:
    """A page's link in the sidebar."""
    return page.locator(".st-key-menu").get_by_role("link", name=title, exact=True)


def query(page: Page) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


def wait_for_query(page: Page, **expected: str) -> None:
    deadline = time.monotonic() + 20
    while not expected.items() <= query(page).items():
        assert time.monotonic() < deadline, (expected, page.url)
        page.wait_for_timeout(50)


def says(page: Page) -> str:
    return " ".join(page.locator(".fibra-says").all_inner_texts())


@pytest.mark.parametrize("lang", TITLES)
def test_every_page_in_both_languages(watched, app, lang):
    page = watched.tab(locale=lang)
    open_page(page, app, query="")
    for title in TITLES[lang]:
        menu(page, title).click()
        expect(page.locator("h1.fibra-title")).to_have_text(title)
        drawn(page)
        settled(page)
        assert page.locator("[data-drawn]").first.bounding_box()["y"] < 900, "the picture is on the first screen"


def test_nothing_sticks_out_on_a_phone(watched, app):
    page = watched.tab(390, 844, is_mobile=True, has_touch=True, locale="pt-BR")
    for name, about in PAGES.items():
        address = f"{app}/{'' if name == 'start' else name}?lang=pt-BR"
        go_to(page, address) if page.url.startswith(app) else page.goto(address)
        expect(page.locator("h1.fibra-title")).to_have_text(words_of("pt-BR")(f"{name}.title"))
        settled(page, 400)
        if about.model:
            drawn(page)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390, name
        for made_for, left in page.locator(".fibra-figure:visible").evaluate_all(HEIGHTS):
            assert left == made_for, f"{name}: the strip of buttons takes nothing of the picture"


def test_type_a_sentence_turn_a_knob_see_attention(in_turn, app):
    page = in_turn
    open_page(page, app)
    box = page.get_by_role("textbox", name="Sentence", exact=True)
    box.fill("o gato viu o rato")
    box.press("Enter")
    wait_for_query(page, sentence="o gato viu o rato")
    expect(page.locator(".fibra-says", has_text="“o” (position 3) enters as 4 numbers").first).to_be_visible()
    page.get_by_role("combobox", name=re.compile("Story")).click()
    page.get_by_role("option", name="A GPT from scratch").click()
    wait_for_query(page, model="gpt")
    expect(page.locator(".fibra-says", has_text="After the norm").first).to_be_visible()
    before = says(page)
    thumb = page.get_by_role("slider", name=re.compile("Temperature"))
    thumb.focus()
    thumb.press("ArrowRight")
    wait_for_query(page, temperature="1.2")
    page.wait_for_function(
        "before => [...document.querySelectorAll('.fibra-says')].map(e => e.innerText).join(' ') != before", arg=before
    )


def test_a_click_on_a_cell_writes_its_arithmetic(in_turn, app):
    page = in_turn
    open_page(page, app)
    expect(page.locator(".fibra-arithmetic")).to_contain_text("0.1903")
    pattern = page.locator("[data-figure=attention-pattern] .nsewdrag").first
    box = pattern.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.1)  # Os looks at Os
    wait_for_query(page, query="0", key="0")
    expect(page.locator(".fibra-arithmetic")).to_contain_text("0.2919")
    page.locator(".fibra-arithmetic a.query").first.click()  # each of its numbers opens its own explanation
    expect(page.locator(".fibra-explained [aria-current]")).to_have_text("query · layer 0, head 0, “Os”, dimension 0")
    wait_for_query(page, explained="blocks.0.attn.q:0.0.0", query="0")


def test_the_scene_survives_page_changes_and_a_reload(in_turn, app):
    page = in_turn
    open_page(page, app, query="lang=en&model=gpt&seed=5&sentence=um+dois+tr%C3%AAs&causal=0")
    wanted = query(page)
    for title in TITLES["en"][1:]:
        menu(page, title).click()
        expect(page.locator("h1.fibra-title")).to_have_text(title)
        wait_for_query(page, **wanted)
        settled(page)
    page.reload()
    drawn(page)
    wait_for_query(page, **wanted)
    expect(page.get_by_role("textbox", name="Sentence", exact=True)).to_have_value("um dois três")


def test_a_link_tapped_while_a_sentence_is_typed_takes_it_along(watched, app):
    """A tap leaves the field and follows the link at once: the sentence came after its page was gone, and was lost."""
    page = watched.at(app, "/attention?lang=en")
    for title, back in (("Fibres", "Attention"), ("Generate", "Attention")):
        settled(page)
        page.get_by_role("textbox", name="Sentence", exact=True).fill(f"um dois {title}")
        menu(page, title).click()
        expect(page.locator("h1.fibra-title")).to_have_text(title)
        expect(page.get_by_role("textbox", name="Sentence", exact=True)).to_have_value(f"um dois {title}")
        wait_for_query(page, sentence=f"um dois {title}")
        menu(page, back).click()
        expect(page.locator("h1.fibra-title")).to_have_text(back)
    page = watched.at(app, "/?lang=en")  # a part of the strip opens its page, with the sentence that it was drawn for
    settled(page)
    page.get_by_role("textbox", name="Sentence", exact=True).fill("um dois tapped")
    page.locator(".fibra-start a.part.attention").first.click()
    expect(page.locator("h1.fibra-title")).to_have_text("Attention")
    wait_for_query(page, sentence="um dois tapped")


LATE = """(link) => {
  link.click();
  const field = document.querySelector("[class*=st-key-knob-sentence] input");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, "too late");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
}"""


def test_a_turn_that_comes_once_the_page_was_left_comes_to_nothing(watched, app):
    """Streamlit then drew the old page's middle into the new one, where it has no place, and the screen was empty."""
    page = watched.tab()
    page.goto(f"{app}/attention?lang=en")
    drawn(page)
    for title in ("Fibres", "Attention", "Generate"):
        settled(page)
        menu(page, title).evaluate(LATE)
        expect(page.locator("h1.fibra-title")).to_have_text(title)
        settled(page)
        expect(page.locator("h1.fibra-title")).to_have_text(title)
        assert "sentence" not in query(page)


def test_two_tabs_do_not_mix(watched, app):
    one, two = watched.tab(), watched.again()
    open_page(one, app, query="lang=en&sentence=um")
    open_page(two, app, query="lang=pt-BR&sentence=dois")
    one.get_by_role("textbox", name="Sentence", exact=True).fill("uno")
    one.get_by_role("textbox", name="Sentence", exact=True).press("Enter")
    wait_for_query(one, sentence="uno")
    assert query(two)["sentence"] == "dois"
    expect(two.locator("h1.fibra-title")).to_have_text("Atenção")


def test_the_back_button_brings_the_scene_before(in_turn, app):
    page = in_turn
    open_page(page, app, query="lang=en&seed=1")
    page.evaluate("history.pushState({}, '', '?lang=en&seed=2'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("2")


def test_reset_and_language(watched, app):
    page = watched.tab(locale="en-US")
    open_page(page, app, query="seed=9&model=encoder")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("!location.search.includes('encoder')")
    page.get_by_role("button", name="Português").or_(page.get_by_role("radio", name="Português")).click()
    expect(page.locator("h1.fibra-title")).to_have_text("Atenção")
    assert query(page) == {"lang": "pt-BR"}
    expect(page.get_by_role("button", name="Aumentar")).to_be_visible()  # what Streamlit names is told in it too
    assert not page.locator("[aria-label=Increment], [aria-label=Open], [aria-label^='Help for']").count()
    expect(page.get_by_role("button", name="Ajuda: Semente")).to_be_visible()
    expect(page.locator("[data-testid=stSkipToContent]")).to_have_text(words_of("pt-BR")("browser.names.skip"))
    menu(page, "Atenção").focus()
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    expect(link).to_have_text(re.compile("Cabeças"))
    assert link.evaluate("e => getComputedStyle(e).outlineStyle") == "solid", "a reader by keyboard sees where it is"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_stands_beside_a_file_or_a_program_is_named_in_the_reader_s_language(in_turn, app, lang, tmp_path):
    page, words = in_turn, words_of(lang)
    page.goto(f"{app}/lessons?lang={lang}")
    settled(page)
    page.get_by_text(words("shell.code")).click()
    expect(page.locator(f"[data-testid=stCode] [aria-label='{words('browser.names.copy')}']").first).to_be_attached()
    for name in ("one.md", "two.md"):  # the cross of the second is the first's, which was named before
        file = tmp_path / name
        file.write_text("a")
        page.locator("[data-testid=stFileUploader] input").first.set_input_files(file)
        expect(page.get_by_role("button", name=f"{words('browser.names.remove')} {name}", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=words("browser.names.another"), exact=True)).to_be_visible()


@pytest.mark.parametrize("knob", ["attention Quem olha", "heads Cabeças desligadas"])
def test_a_list_that_has_nothing_of_what_is_typed_says_so_in_the_reader_s_language(in_turn, app, knob):
    page, (name, label) = in_turn, knob.split(" ", 1)
    open_page(page, app, name, query="model=gpt&lang=pt-BR")
    if name == "heads":
        page.get_by_role("button", name="Interruptores").click()
    box = page.get_by_role("combobox", name=label)
    box.fill("")
    assert "Choose" not in (box.get_attribute("placeholder") or ""), "it shows as soon as the box is empty"
    box.fill("zzz")
    empty = page.locator("[role=listbox] > [role=option] > span")
    expect(empty).to_have_css("font-size", "0px")
    told = empty.evaluate("e => getComputedStyle(e, '::after').content")
    assert told == f'"{words_of("pt-BR")("browser.names.nothing")}"'


def test_a_fast_hand_on_a_slider(in_turn, app):
    page = in_turn
    open_page(page, app)
    thumb = page.get_by_role("slider", name=re.compile("Temperature"))
    thumb.focus()
    for _ in range(12):
        thumb.press("ArrowRight")
    for _ in range(4):
        thumb.press("ArrowLeft")
    wait_for_query(page, temperature="4")
    settled(page)
    expect(thumb).to_have_attribute("aria-valuetext", "4")
    expect(page.locator("[data-figure=attention-pattern] .fibra-says")).to_contain_text("“tem” looks")


def test_the_picture_follows_the_finger(watched, app):
    """While the knob is held and moves, pictures come; and the last one is of where it was let go."""
    page = watched.at(app, "/attention?lang=en")
    thumb = page.get_by_role("slider", name=re.compile("Temperature"))
    box = thumb.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(box["x"] + box["width"] * (0.5 + step / 100), middle)
        page.wait_for_timeout(40)
    assert int(thumb.get_attribute("data-pictures")) >= 3
    assert "temperature" not in query(page), "the address waits until the knob is let go"
    page.mouse.move(box["x"] + box["width"] + 50, middle)
    page.mouse.up()
    wait_for_query(page, temperature="20")
    settled(page)
    expect(thumb).to_have_attribute("aria-valuetext", "20")
    page.go_back()
    settled(page)
    assert "temperature" not in query(page), "a drag is one step back"


def test_a_bad_cell_in_the_table_is_named(watched, app):
    page = watched.at(app, "/attention?lang=en")
    page.locator("label", has_text="Edit X in a table").click()
    grid = page.locator("[data-testid=stDataFrame]").first
    grid.hover()
    expect(grid.locator("[data-testid=stElementToolbar]")).to_be_hidden()  # it speaks English in every language
    sheets = "[...document.querySelectorAll('style')].some(sheet => /stDataFrameColumnMenu/.test(sheet.textContent))"
    assert page.evaluate(sheets), "and so does the menu of a column, which would hide it for good"
    grid.wait_for()
    settled(page)
    page.wait_for_timeout(800)
    box = grid.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 55)
    page.wait_for_timeout(1000)  # the grid, a canvas, takes the focus when it has drawn the selection
    page.keyboard.press("Delete")  # a missing cell
    expect(page.locator(".fibra-notice")).to_contain_text("“Os”, dimension 1: “empty” is not a number")
    assert "edits" not in query(page)
    page.wait_for_timeout(1000)
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 55)
    page.wait_for_timeout(1000)
    page.keyboard.press("2")  # the first key opens the cell, and what is typed before it is open takes its place
    cell = page.locator("textarea.gdg-input")
    expect(cell).to_have_value("2")
    cell.fill("2.5")
    cell.press("Enter")
    wait_for_query(page, edits="0.1:2.5")
    expect(page.locator(".fibra-notice")).to_have_count(0)


def test_a_hostile_address_names_what_was_wrong(watched, app):
    asked = "lang=en&model=%3Cscript%3Ealert(1)%3C/script%3E&d_model=99999999999&seed=1"
    page = watched.at(app, f"/attention?{asked}")
    notice = page.locator(".fibra-notice")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("<script>alert(1)</script>")
    expect(notice).to_contain_text("d_model")
    assert query(page)["seed"] == "1"


def test_an_embedding_s_number_follows_the_finger(in_turn, app):
    page = in_turn
    open_page(page, app, "attention", "lang=en&query=4&dimension=2")
    knob = page.get_by_role("slider", name="“joelho”, dimension 2")
    knob.focus()
    for _ in range(10):
        knob.press("ArrowRight")
    wait_for_query(page, edits="4.2:1")
    settled(page)
    expect(page.locator("[data-figure=attention-x] .fibra-says")).to_contain_text("[0.00 1.00 1.00 1.00]")


def test_undo_and_redo_by_button_and_keyboard(in_turn, app):
    page = in_turn
    open_page(page, app)
    thumb = page.get_by_role("slider", name=re.compile("Temperature"))
    thumb.focus()
    thumb.press("ArrowRight")
    wait_for_query(page, temperature="1.2")
    settled(page)
    page.get_by_role("link", name="Heads", exact=True).click()
    page.get_by_role("slider", name=re.compile("Seed")).press("ArrowRight")
    wait_for_query(page, seed="1", temperature="1.2")
    settled(page)
    page.get_by_role("button", name=re.compile("Undo")).click()
    page.wait_for_function("!location.search.includes('seed')")
    settled(page)
    page.keyboard.press("Control+z")
    page.wait_for_function("!location.search.includes('temperature')")
    settled(page)
    page.keyboard.press("Control+Shift+z")
    wait_for_query(page, temperature="1.2")
    settled(page)
    box = page.get_by_role("textbox", name="Sentence", exact=True)
    box.click()
    box.press("End")
    page.keyboard.type(" hoje")
    page.keyboard.press("Control+z")  # what is being typed, and no knob
    page.wait_for_timeout(1500)
    assert box.input_value() != "Os pinguins não tem joelho hoje"
    assert query(page)["temperature"] == "1.2"


def test_pin_and_compare_on_every_page(in_turn, app):
    page = in_turn
    open_page(page, app)
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator(".fibra-pinned")).to_contain_text("Pinned.")
    settled(page)  # until then what stood there before does so too
    thumb = page.get_by_role("slider", name=re.compile("Temperature"))
    thumb.focus()
    thumb.press("ArrowRight")
    wait_for_query(page, temperature="1.2", pin="1")
    expect(page.locator(".fibra-pinned")).to_contain_text("temperature 1 → 1.2")
    expect(page.locator("[data-figure=attention-difference] .fibra-says")).to_contain_text("Greatest change")
    for name in ("Heads", "Fibres", "Drift"):
        page.get_by_role("link", name=name, exact=True).click()
        for kind in ("pinned", "present", "difference"):
            expect(page.locator(f"[data-figure={name.lower()}-{kind}] [data-drawn]")).to_be_visible()
        expect(page.locator(".fibra-pinned")).to_contain_text("temperature 1 → 1.2")
    page.reload()
    expect(page.locator(".fibra-pinned")).to_contain_text("temperature 1 → 1.2")
    page.get_by_role("button", name="Unpin").click()
    page.wait_for_function("!location.search.includes('pin')")
    expect(page.locator(".fibra-pinned")).to_have_count(0)


def test_a_switch_is_turned_told_and_put_back(in_turn, app):
    """The switchboard in a fragment of its own: the box stays open, the page follows, the sign puts all back."""
    page = in_turn
    open_page(page, app, "block", "lang=en&model=gpt")
    page.get_by_role("button", name="Switchboard").click()
    box = page.get_by_test_id("stPopoverBody")
    box.get_by_text("Residual connections").click()
    wait_for_query(page, off="residual")
    told = box.get_by_text("tokens have a mean cosine of")
    expect(told).to_be_visible()
    settled(page)
    page.keyboard.press("Escape")
    expect(page.locator(".fibra-notice")).to_have_text("Switched off: Residual connections.")
    page.get_by_role("button", name="Put all back").click()
    expect(page.locator(".fibra-notice")).to_have_count(0)
    settled(page)
    assert "off" not in query(page)


def test_a_knob_among_the_pictures_alters_what_the_sidebar_says_of_the_story(in_turn, app):
    """What was no part taken out left its sentence as it stood, until the page was turned."""
    page = in_turn
    open_page(page, app, query="lang=en")
    about = page.get_by_test_id("stSidebar").locator(".fibra-about").first
    opens = words_of("en")("shell.about.penguins")
    expect(about).to_have_text(opens)
    page.get_by_text("Hide the future").click()
    expect(about).to_have_text(words_of("en")("shell.about_opens", about=opens))
    settled(page)
    page.get_by_text("Hide the future").click()
    expect(about).to_have_text(opens)


def test_the_keyboard_goes_from_the_button_into_the_switches_and_back_to_it(in_turn, app):
    """They hang at the end of the document: the first of them came after all of the page, 68 presses of Tab away."""
    page = in_turn
    open_page(page, app, query="lang=pt-BR")
    opener, box = page.get_by_role("button", name="Interruptores"), page.get_by_test_id("stPopoverBody")
    opener.focus()
    page.keyboard.press("Enter")
    first, last = box.get_by_role("switch").first, box.get_by_role("combobox").last
    expect(last).to_be_visible()
    expect(page.locator("[aria-label=Open]")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(opener).to_be_focused()
    last.focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Desfazer")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)
    expect(opener).to_be_focused()


def test_what_comes_long_after_a_run_is_named_in_the_reader_s_language_too(in_turn, app):
    """The first select box of a page comes with a script of its own: it stayed "Open" until it was reached."""
    open_page(in_turn, app, "train", "lang=pt-BR")
    expect(in_turn.locator("[aria-label=Open], [aria-label=Increment], [aria-label^='Help for']")).to_have_count(0)


def test_the_code_that_ran_stands_there_once_it_is_asked_for(in_turn, app):
    page = in_turn
    open_page(page, app)
    shown = page.locator("[data-testid=stMarkdownContainer] pre", has_text="def attention")
    expect(shown).to_have_count(0)
    page.get_by_text(words_of("en")("shell.code"), exact=True).click()
    expect(shown.first).to_be_visible()
