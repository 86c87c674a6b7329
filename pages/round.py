"""Class round: a room in which everyone votes on a question, talks, votes again, and sees."""

from __future__ import annotations

from core import Scene, answer
from core.checks import distance
from pictures.words import Words
from ui import address, comparison, shell
from ui.live.alone import ALONE
from ui.round import door, pupil, teacher


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    seated = address.carried()
    if ALONE:
        shell.say(words("round.alone"), "notice")
    elif "teach" in seated:
        teacher.draw(words)
    elif "seat" in seated:
        pupil.draw(words)
    else:
        door.draw(words)


shell.Page("round", page, (answer, distance)).open()
