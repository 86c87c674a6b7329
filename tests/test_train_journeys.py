"""The Train page in a real browser: it plays, is wound back; its check finds a bug; its model goes everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pictures.words import words_of
from tests.chromium import settled

EN = words_of("en")
LONG = 90_000  # ms: a shared machine is slow to learn

pytestmark = pytest.mark.browser


def opened(watched, app: str, query: str = "lang=en", **options) -> Page:
    page = watched.at(app, f"/train?{query}", **options)
    expect(page.locator("[data-figure=train-loss] [data-drawn]")).to_be_visible(timeout=LONG)
    return page


def step(page: Page) -> int:
    """The step that the status names."""
    text = page.locator(".fibra-about").filter(has_text="tokens a second").inner_text()
    return int(re.search(r"Step ([\d,]+)", text)[1].replace(",", ""))


def test_copy_is_learned_in_front_of_the_class_and_wound_back(watched, app):
    page = opened(watched, app)
    began = step(page)
    page.locator(".st-key-train-go button").click()
    expect(page.get_by_text(re.compile(r"(99\.\d|100\.0)% of the held-out answers are right"))).to_be_visible(
        timeout=LONG
    )
    page.locator(".st-key-train-go button").click()
    expect(page.locator(".st-key-train-go button")).to_have_text(re.compile(EN("train.play")))
    settled(page, 300)  # a slice that was on its way has come
    stood = step(page)
    assert stood > began
    page.wait_for_timeout(1500)
    assert step(page) == stood
    scrubber = page.get_by_role("slider", name=EN("train.moment"))
    scrubber.focus()
    page.keyboard.press("Home")
    expect(page.locator(".fibra-says", has_text="Step 0: the loss on held-out data")).to_be_visible()
    expect(page).to_have_url(re.compile("train_step=0"))


def test_the_check_finds_the_bug_that_is_planted(watched, app):
    page = opened(watched, app)
    page.get_by_text(EN("train.check.title")).click()
    expect(page.get_by_text("They agree")).to_be_visible()
    page.get_by_text(EN("train.check.bug"), exact=True).click()
    expect(page.get_by_text("They differ")).to_be_visible()
    page.get_by_role("button", name=EN("train.check.all")).click()
    expect(page.get_by_text(re.compile(r"24 of 37 parameters fail"))).to_be_visible(timeout=LONG)


def test_the_model_goes_to_every_page_into_a_file_and_back(watched, app, tmp_path: Path):
    page = opened(watched, app)
    page.get_by_text(EN("train.model.title")).click()
    page.get_by_role("button", name=EN("train.model.prepare")).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=EN("train.model.keep")).click()
    file = tmp_path / "model.safetensors"
    download.value.save_as(file)
    page.locator("[data-testid=stFileUploader] input").last.set_input_files(file)
    page.get_by_role("button", name=EN("train.model.load")).click()
    told = page.locator(".fibra-says", has_text=EN("train.model.brought", file=""))
    expect(told).to_have_text(EN("train.model.brought", file=file.name))
    page.get_by_role("button", name=EN("train.model.use")).click()
    used = EN("train.model.used", task=EN("train.tasks.copy"), step=20)
    expect(told).to_have_text(used)
    page.get_by_role("button", name=EN("train.step")).click()
    expect(page.get_by_text(EN("train.model.use_about", step=21))).to_be_visible()
    expect(told).to_have_text(used)  # of the step before: the story is not what stands above by now
    page.locator("a[href*='model=run-']", has_text=EN("pages.attention")).last.click()
    expect(page.get_by_text(EN("shell.about_trained")).first).to_be_visible(timeout=LONG)
    expect(page).to_have_url(re.compile("model=run-"))
    page.reload()  # a new session: the model is of the old one, which the server may hold for a while
    said = re.compile("lived in a session that is over|" + EN("shell.about_trained")[:30])
    expect(page.get_by_text(said).first).to_be_visible(timeout=LONG)
