"""The run whose numbers a page shows, with all that it can be asked to explain, and the other runs of that page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial

import numpy as np

from core import ConfigError, Distribution, Run, Scene
from core.explain.subject import Subject
from pictures import (
    alike,
    backward,
    cause,
    compute,
    continuation,
    habits,
    importance,
    left_out,
    loss_choice,
    memory,
    pinned,
    stacks,
    ways,
)
from pictures.brief import Brief
from pictures.display_names import all_named
from pictures.explained import runs
from pictures.explained.searched import Spoken
from pictures.explained.world import Lacks, World
from pictures.generate import loss as losses
from pictures.pages import PAGES
from pictures.pair import Pair
from pictures.translate import search as searches
from pictures.translate import text as translations
from pictures.words import Words

ON_MAPS = ("attention", "heads")  # pages whose maps of who looks at whom may hide some tokens


def world(page: str, scene: Scene, words: Words) -> World | None:
    """Of a page of this name; None where nothing could be computed. Beside what is pinned, where the page compares."""
    found = _alone(page, scene, words)
    if found is None or scene.pinned is None or not PAGES[page].compares:
        return found
    own, was = found.elsewhere, pinned.before(scene)
    shared = page == "drift" and pinned_directions(scene)
    if shared:
        found = replace(found, basis=partial(ways.basis, pinned.kept(scene)), spread=None)

    @cache
    def elsewhere(start: str) -> World:
        if start != runs.PINNED and own is not None:
            return own(start)
        there = _alone(page, was, words) if start == runs.PINNED else None
        if there is None:
            raise ConfigError(f"name: {start} is of a run that this page has not", "name")
        return replace(there, basis=found.basis, spread=None) if shared else there

    return replace(found, elsewhere=elsewhere)


def pinned_directions(scene: Scene) -> bool:
    """Whether both drifts are drawn in the directions of the pinned one."""
    return scene.pinned is not None and pinned.alike(scene, tokens=False, width=True)


def _alone(page: str, scene: Scene, words: Words) -> World | None:
    """The same of one Scene alone."""
    if page == "generate":
        return _writing(asked(page, scene), words)
    if page == "backward":
        return _graded(scene, words)
    if page == "translate":
        return _translating(asked(page, scene), words)
    if page == "cause":
        return _caused(Pair.of(scene), words)
    if page == "models":
        return _akin(scene, words)
    plain = _of(compute.run(asked(page, scene)), words)
    if page in (*ON_MAPS, "reading") and not stacks.kinds(scene):
        plain = _hiding(plain, scene)
    if page == "drift":
        spread = cache(partial(ways.spread, scene))
        return replace(plain, basis=partial(ways.basis, ways.directions(scene)), spread=spread)
    if page == "fibres" and scene.cut:
        return replace(plain, elsewhere=_one_other(runs.UNCUT, scene.turn(cut=()), words))
    if page in ("reading", "heads"):
        lacking = cache(partial(_lacking, plain, scene, words))
        read_over = cache(partial(habits.every, scene)) if page == "reading" and habits.offered(scene) else None
        return replace(plain, elsewhere=lacking, moved=partial(_moved, scene), read_over=read_over)
    return plain


def _akin(scene: Scene, words: Words) -> World | None:
    """With the sentences that the page compares, each a run of its own."""
    if not alike.readable(scene):
        return None
    plain = _of(compute.run(scene), words)
    parts = alike.parts(scene)

    @cache
    def elsewhere(start: str) -> World:
        at = runs.numbers(start)[0] if start.startswith("told.") else len(parts)
        if at >= len(parts):
            raise ConfigError(f"name: {start} is of a run that this page has not", "name")
        return _of(compute.run(parts[at]), words)

    meant, sentences = partial(alike.vectors, scene), tuple(alike.texts(scene))
    return replace(plain, elsewhere=elsewhere, meant=meant, sentences=sentences)


def _one_other(known: str, scene: Scene, words: Words) -> Callable[[str], World]:
    """Of a page with one other run, of this Scene, whose names begin so; of another it raises ConfigError."""

    @cache
    def elsewhere(start: str) -> World:
        if start != known:
            raise ConfigError(f"name: {start} is of a run that this page has not", "name")
        return _of(compute.run(scene), words)

    return elsewhere


def _hiding(plain: World, scene: Scene) -> World:
    """With which tokens its pictures of looks show."""
    return replace(plain, on_map=tuple(left_out.kept(scene).tolist()))


def _moved(scene: Scene, kind: str, layer: int, head: int, query: int) -> np.ndarray:
    """[key]: what the page draws of that query, which is kept. kind: of a model of two stacks, whose head it is."""
    whose = {"attention_of": kind} if stacks.kinds(scene) else {}
    return importance.effects_of(scene.turn(layer=layer, head=head, query=query, **whose))


def _lacking(plain: World, scene: Scene, words: Words, start: str) -> World:
    """Of the run without a head, with all of them, without one key of a head's look, or of one of many sentences.
    Raises: ConfigError."""
    if start.startswith("told."):
        one = runs.one_of_many(scene, start)
        return _hiding(_of(compute.run(one), words), one)
    if start.startswith("sequence"):
        subject = runs.probing(scene, start)
        ids = subject.trace.source.ids if subject.trace.source is not None and "_" in start else subject.trace.ids
        tokens = tuple(plain.called(int(token)) for token in ([] if ids is None else ids))
        return replace(plain, subject=subject, tokens=tokens, read=plain.read and tokens, on_map=())
    if start.startswith("left"):
        _, head, query, key = runs.numbers(start)
        lacks = Lacks(plain.subject, runs.lacking(scene, start), (head, query), key)
        return replace(plain, subject=runs.left_out(scene, start), lacks=lacks)
    if start == runs.WHOLE and stacks.kinds(scene):
        if not stacks.looks(scene).ablated:
            raise ConfigError("name: of the attention that is shown no head is off", "name")
        return replace(plain, subject=runs.all_on(scene))
    if start == runs.WHOLE or not (scene.patch or stacks.kinds(scene)):
        return _of(compute.run(runs.without_head(scene, start)), words)
    # What was put in stays as it is, and so does what a decoder reads: a Scene without the head would have either anew.
    if not start.startswith("without"):
        raise ConfigError(f"name: {start} is of a run that this page has not", "name")
    lacks = Lacks(plain.subject, runs.lacking(scene, start), (runs.numbers(start)[1],))
    return replace(plain, subject=runs.emptied(scene, start), lacks=lacks)


def _caused(pair: Pair, words: Words) -> World:
    """With the other sentence's run, and those of the patches, where the sentences can be patched."""
    plain = _of_pair(pair, pair.clean, words)
    if not pair.two:
        plain = replace(plain, subject=runs.asking(plain.subject, pair.candidates[0]))

    @cache  # a card asks for one many times
    def elsewhere(start: str) -> World:
        if start.startswith(("blank.", "way.")):
            subject, factors = runs.scaled(pair, start)
            return replace(plain, subject=subject, scaled=(plain.subject, factors))
        if start == runs.OTHER:
            return replace(_of_pair(pair, pair.other, words), pair=pair)
        if not pair.alike:
            raise ConfigError("name: the sentences differ in length, and no array is put in", "name")
        target = plain if pair.breaks else elsewhere(runs.OTHER)
        return replace(
            target,
            subject=runs.patched(pair, start),
            pair=pair,
            patched_from=runs.OTHER if pair.breaks else "",
        )

    return replace(plain, pair=pair, elsewhere=elsewhere)


def _of_pair(pair: Pair, scene: Scene, words: Words) -> World:
    """One of the two runs; of two stacks, with what the decoder reads in both."""
    plain, trace = _of(compute.run(scene), words), pair.trace(scene)
    if not pair.two:
        return plain
    subject = replace(plain.subject, trace=trace, ids=trace.ids)
    wrote = (*pair.tokens[1:], plain.called(pair.likely(scene)[0]))
    return replace(plain, subject=subject, read=pair.tokens, written=wrote)


def asked(page: str, scene: Scene) -> Scene:
    """The Scene whose model a page shows: another's, where that stands in."""
    stand_ins = {"generate": continuation.writer, "backward": loss_choice.asked, "cause": cause.asked}
    stand_ins |= {"translate": translations.two_stacks}
    return stand_ins[page](scene) if page in stand_ins else scene


def _of(run: Run, words: Words) -> World:
    called = continuation.names(run.scene, words)
    if run.target is None:
        return World(Subject.of(run), run.tokens, called)
    read, wrote = (tuple(all_named(tokens(run.scene), words)) for tokens in (stacks.read, stacks.written))
    return World(Subject.of(run), run.tokens, called, read=read, written=wrote)


def _translating(scene: Scene, words: Words) -> World | None:
    """Of the translation with the words that the reader forces, and the draw of the word that is looked at."""
    text = translations.translated(scene)
    if text is None:
        return None
    called = continuation.names(scene, words)
    subject = Subject(compute.params(scene), text.config, text.trace, text.trace.ids)
    step, at = translations.looked_at(scene, text), translations.reached(scene, text) - 1
    read = tuple(called(token) for token in text.target.tolist())
    wrote = tuple(called(one.token) for one in text.steps)
    spoken = Spoken(at + 1, grammar(scene), partial(searches.search, scene))
    plain = World(subject, text.source.tokens, called, step.distribution, at, read, wrote)
    return replace(plain, spoken=spoken, elsewhere=cache(partial(_searched, scene, plain)))


def grammar(scene: Scene) -> Mapping[int, frozenset[int]]:
    """Of the words that Translate shows, what the grammar says they stem from."""
    text = translations.translated(scene)
    known = translations.truth(scene, text) if text else None
    return known.of(translations.reached(scene, text)) if text and known else {}


def _searched(scene: Scene, plain: World, start: str) -> World:
    """Of the run that has read a text of the search. Raises: ConfigError."""
    kept = start.startswith("kept.")
    tokens = searches.text_at(searches.search(scene), *runs.numbers(start)) if kept else None
    if tokens is None:
        raise ConfigError(f"name: {start} is of a run that this page has not", "name")
    trace = searches.read(scene.computed, tokens)
    read = tuple(map(plain.called, (int(scene.encoding.ids[0]), *tokens)))
    wrote = (*read[1:], plain.called(int(trace["logits"][-1].argmax())))
    subject = replace(plain.subject, trace=trace, ids=trace.ids)
    return replace(plain, subject=subject, read=read, written=wrote, drawn=None, spoken=None)


def _graded(scene: Scene, words: Words) -> World:
    """With the gradient of the loss that Backward follows; a single word has none."""
    plain, judged = _of(compute.run(loss_choice.asked(scene)), words), loss_choice.loss_of(scene)
    return replace(plain, subject=_with_loss(judged)) if judged else plain


# Its gradients are asked for when one is explained first, and stay with it.
@memory.kept(lambda judged: (judged,), large=lambda judged: compute.is_large(judged.scene), grows=1)
def _with_loss(judged: loss_choice.Judged) -> Subject:
    run = compute.run(judged.scene)
    targets, counts = judged.targets(run)
    return replace(Subject.of(run), targets=targets, counts=counts, known=lambda: backward.gradients(judged)[1])


def _writing(scene: Scene, words: Words) -> World | None:
    """All that was read for the step that Generate looks at, and its draw."""
    text = continuation.written(scene)
    if text is None:
        return None
    run = continuation.context(scene)
    step = continuation.looked_at(scene, text)
    tokens = tuple(continuation.spelled(scene, text, continuation.reached(scene, text) - 1, words))
    drawn = step.distribution
    if isinstance(drawn, Brief):  # of a large vocabulary little was kept
        drawn = Distribution(run.trace.row("logits", -1), drawn.sampling)
    works = tuple(step.work for step in text.steps)
    called, elsewhere = continuation.names(scene, words), _one_other(runs.JUDGED, losses.joined(scene), words)
    return World(Subject.of(run), tokens, called, drawn, len(tokens) - 1, elsewhere=elsewhere, works=works)
