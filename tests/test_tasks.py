"""Tasks: right answers, splits that never meet, the same batches again, and stories whose grammar tells the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core.tasks import TASKS, Addition, Characters, Copy, Repeat, Reverse, Sort, Stories, Task, agreements, story
from core.tasks.english import English
from core.tasks.grammar import LENGTHS, PLURAL, Grammar
from core.tasks.portuguese import Portuguese
from core.tasks.stories import LANGUAGES
from core.tokenizer.text import normalized
from core.tokenizer.words import UNKNOWN
from core.train.batch import Batch

TEXT = "O pinguim nada e a foca dorme.\n" * 40
EVERY = {name: task() for name, task in TASKS.items()} | {"characters": Characters(TEXT)}


def example(task: Task, step: int) -> tuple[tuple[str, ...], list[bool]]:
    """The first held-out row of a step, in tokens, and which of them the model is asked for."""
    ids, targets, mask = task.batch(step, 1, held_out=True)
    asked = np.ones_like(targets, bool) if mask is None else mask
    return task.read([ids[0, 0], *targets[0]]), [False, *asked[0].tolist()]


@pytest.mark.parametrize("task", EVERY.values(), ids=EVERY)
def test_a_batch_is_what_the_model_takes(task):
    batch = task.batch(3, size=5)
    assert batch.ids.shape == batch.targets.shape and batch.ids.shape[0] == 5
    assert batch.ids.shape[1] <= task.config.n_ctx and task.config.vocab_size == len(task.vocabulary)
    assert batch.ids.min() >= 0 and batch.ids.max() < len(task.vocabulary)
    assert len(set(task.vocabulary)) == len(task.vocabulary)
    again = task.batch(3, size=5)
    assert np.array_equal(batch.ids, again.ids) and np.array_equal(batch.targets, again.targets)
    assert not np.array_equal(batch.targets, task.batch(4, size=5).targets)
    assert not np.array_equal(batch.targets, task.batch(3, size=5, seed=1).targets)
    step = next(core.train(core.State.start(core.init_params(task.config)), task.config, task.batch, core.Recipe()))
    assert step.loss == pytest.approx(np.log(len(task.vocabulary)), rel=0.15)  # untrained: it knows nothing


@pytest.mark.parametrize("task", EVERY.values(), ids=EVERY)
def test_targets_are_the_next_tokens(task):
    batch = task.batch(0, held_out=True)
    known = batch.ids[:, 1:] != (task.vocabulary.index(UNKNOWN) if UNKNOWN in task.vocabulary else -1)
    assert np.array_equal(batch.ids[:, 1:][known], batch.targets[:, :-1][known])


def questions(task, held_out: bool) -> set[tuple[int, ...]]:
    """What tells rows apart, in many batches of two seeds."""
    rows: set[tuple[int, ...]] = set()
    for step in range(20):
        ids = task.batch(step, 64, seed=step % 2, held_out=held_out).ids
        content = ids[:, : task.lengths[0]] if isinstance(task, Repeat) else ids[:, : ids.shape[1] // 2]
        rows |= {tuple(row) for row in content.tolist()}
    return rows


@pytest.mark.parametrize("task", [Copy(letters=3, length=6), Reverse(3, 6), Sort(3, 6), Repeat()], ids=lambda t: t.name)
def test_the_splits_never_meet(task):
    trained, held_out = questions(task, False), questions(task, True)
    assert trained and held_out and not trained & held_out


def test_the_splits_of_addition_never_meet():
    task = Addition(digits=1)  # a hundred questions: every one turns up
    found = [
        {tuple(row) for step in range(30) for row in task.batch(step, 64, held_out=held_out).ids[:, :3].tolist()}
        for held_out in (False, True)
    ]
    assert not found[0] & found[1] and len(found[0] | found[1]) == 100
    assert 3 <= len(found[1]) <= 25


def test_the_splits_of_a_text_are_its_beginning_and_its_end():
    text = "".join(chr(0x4E00 + i) for i in range(240))  # each character once
    task = Characters(text)
    seen = [set(task.batch(0, 500, held_out=held_out).targets.ravel().tolist()) for held_out in (False, True)]
    assert not seen[0] & seen[1] and task.vocabulary[0] == UNKNOWN


@pytest.mark.parametrize(
    ("task", "shown"),
    [
        (Copy(), lambda q, a: a == q),
        (Reverse(), lambda q, a: a == q[::-1]),
        (Sort(), lambda q, a: a == "".join(sorted(q))),
    ],
    ids=["copy", "reverse", "sort"],
)
def test_answers_are_right(task, shown):
    for step in range(20):
        tokens, answered = example(task, step)
        question, answer = "".join(tokens).split("|")
        assert shown(question, answer)
        assert [token for token, asked in zip(tokens, answered, strict=True) if asked] == [*answer]


@pytest.mark.parametrize("digits", [1, 3, 5])
def test_sums_are_right(digits):
    for step in range(20):
        question, answer = "".join(example(Addition(digits), step)[0]).split("=")
        a, b = question.split("+")
        assert len(a) == len(b) == digits and int(a) + int(b) == int(answer[::-1])


def test_repeated_sequences_repeat_and_count_from_the_second_time_on():
    batch = Repeat().batch(0, 50)
    rows = np.concatenate([batch.ids[:, :1], batch.targets], axis=1)
    lengths = set()
    for row, asked in zip(rows.tolist(), batch.mask, strict=True):
        length = row[1:].index(row[0]) + 1
        lengths.add(length)
        assert len(set(row[:length])) == length and row == (row[:length] * 10)[: len(row)]
        assert asked.tolist() == [place > length for place in range(1, len(row))]
    assert min(lengths) >= 8 and max(lengths) <= 24 and len(lengths) > 5


@pytest.mark.parametrize("text", ["short", "a" * 200_001, "é" * 100_001])
def test_texts_too_short_or_too_long_are_refused(text):
    with pytest.raises(core.ConfigError, match="text"):
        Characters(text)


@settings(max_examples=30)
@given(st.text(min_size=64, max_size=300))
def test_any_text_can_be_trained_on(text):
    try:
        task = Characters(text)
    except core.ConfigError:
        return  # marks that join, and line ends, can leave fewer characters
    batch = task.batch(0, 4)
    assert batch.ids.max() < len(task.vocabulary) and "".join(task.read(batch.ids[0])) in normalized(text)


# -------------------------------------------------------------------------------------------------------- stories


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Copy("10", 3), "letters: '10'"),
        (lambda: Copy(27, 3), "letters: 27 is not a whole number in 2..26"),
        (lambda: Copy(3, 1), "length: 1 is not a whole number in 2..32"),
        (lambda: Addition(0), "digits: 0"),
        (lambda: Characters(5), "text: 5"),
        (lambda: [*Batch(*np.zeros((2, 4, 3), int), np.zeros((4, 3), bool)).parts(2)], "mask: no position counts"),
    ],
)
def test_a_bad_argument_is_named(make, named):
    with pytest.raises(core.ConfigError, match=named):
        make()


@pytest.mark.parametrize("language", LANGUAGES)
def test_stories_have_sentences_of_the_length_that_was_asked_for(language):
    told = [story(language, i, False) for i in range(300)]
    sentences = [text.split() for s in told for text in " ".join(w.text for w in s).split(" .") if text]
    assert all(len(sentence) in LENGTHS for sentence in sentences)
    assert len({tuple(s) for s in told}) > 295 and 1.3 < len(sentences) / len(told) < 1.9


@pytest.mark.parametrize("grammar", LANGUAGES.values())
def test_the_vocabulary_is_all_that_is_ever_said(grammar: type[Grammar]):
    said = [word for seed in range(4000) for word in grammar(seed).story()]
    texts = {word.text for word in said}
    other_forms = {form for word in said for form in word.forms}  # infinitives of "to be" are never needed
    assert texts <= grammar.vocabulary() <= texts | other_forms


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_splits_of_stories_share_no_first_sentence(language):
    first = [
        {" ".join(w.text for w in story(language, i, held_out)).split(" .")[0] for i in range(1500)}
        for held_out in (False, True)
    ]
    assert not first[0] & first[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_depends_on_earlier_ones_only(language):
    for i in range(200):
        for place, word in enumerate(told := story(language, i, False)):
            assert all(0 <= other < place for other in word.depends)
            assert not word.forms or (word.text in word.forms and word.depends)
            assert all(told[other].text != "." for other in word.depends)


MARKS = {"o": "ms", "a": "fs", "os": "mp", "as": "fp", "um": "ms", "uma": "fs", "ele": "ms", "ela": "fs"}
MARKS |= {"eles": "mp", "elas": "fp", "do": "ms", "da": "fs", "dos": "mp", "das": "fp", "este": "ms", "esta": "fs"}


def test_portuguese_agrees_in_gender_and_number():
    """Against a second account of the language: what an article says, what a noun is, how an adjective ends."""
    nouns = {
        form: "mf"[noun.gender] + "sp"[i]
        for noun in (*Portuguese.animals, *Portuguese.food, *Portuguese.things)
        for i, form in enumerate(noun.forms)
    }
    checked = 0
    for i in range(600):
        told = story("pt-BR", i, False)
        for word in told:
            for on in (told[other].text for other in word.depends):
                mine, theirs = (MARKS.get(text) or nouns.get(text) for text in (word.text, on))
                if mine and theirs:
                    assert mine == theirs, (word, on)
                    checked += 1
                elif (
                    theirs
                    and len(word.forms) == 4
                    and word.text.endswith(("ado", "ada", "ados", "adas", "oso", "osa", "osos", "osas"))
                ):
                    gender, number = ("f" if "a" in word.text[-2:] else "m"), "p" if word.text[-1] == "s" else "s"
                    assert gender + number == theirs, (word, on)
                    checked += 1
    assert checked > 1000


def test_english_verbs_and_pronouns_agree():
    number = {form: i for noun in English.animals for i, form in enumerate(noun.forms)}
    number |= {"he": 0, "she": 0, "it": 0, "they": PLURAL}
    checked = 0
    for i in range(600):
        told = story("en", i, False)
        for word in told:
            for on in (told[other].text for other in word.depends):
                if on in number and word.forms and word.text in ("is", "are", "was", "were", "sleeps", "sleep"):
                    assert (word.text in ("are", "were", "sleep")) == (number[on] == PLURAL), (word, on)
                    checked += 1
                if word.text in ("she", "her", "he", "his"):
                    assert on == ("mother" if word.text in ("she", "her") else "father")
                    checked += 1
    assert checked > 300


def test_agreements_count_what_the_likeliest_form_is():
    told = story("pt-BR", 0, True)
    task = Stories()
    ids = task.encode(told)
    right = np.zeros((len(told), len(task.vocabulary)))
    right[np.arange(len(told) - 1), ids[1:]] = 1
    found = agreements(right, told, task.ids)
    assert found and all(good for _, good in found)
    assert not any(good for _, good in agreements(-right, told, task.ids))
    assert [place for place, _ in found] == [i for i, word in enumerate(told) if word.forms]


def test_unknown_words_are_met_in_training_only_as_input():
    batch = Stories().batch(0, 64)
    assert 0.01 < (batch.ids == 0).mean() < 0.03 and not (batch.targets == 0).any()


@pytest.mark.parametrize("name", TASKS)
def test_what_is_asked_first_is_known_from_the_tokens_alone(name):
    """In a text of each task's own, the first token that the mask counts."""
    task = TASKS[name]()
    ids, targets, mask = task.batch(3, 6, held_out=True)
    for i in range(len(ids)):
        tokens = task.read([ids[i, 0], *targets[i]])
        asked = np.ones(len(targets[i]), bool) if mask is None else mask[i]
        assert task.first_asked(tokens) == int(np.argmax(asked)) + 1
    assert task.first_asked(()) == 0 and task.first_asked(tokens[:1]) == 1
