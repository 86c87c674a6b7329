"""A room: what is asked there, which vote is open, and whether the answer is shown. Nothing of who sits in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

LETTERS = "BCDFGHJKMNPRSTVWXZ"  # read from the back row, or heard: no I O Q L Y U E, and no words
LENGTH = 4
BALLOTS = (1, 2)


class RoomError(ValueError):
    """What cannot be done in a room; `code` says why, `round.wrong.CODE` in words.

    gone: there is no such room, or not any more. key: not its teacher's. full: it has no seat left. rooms: the server
    has no room left. closed: no vote is open. guess: no guess. away: the place where rooms are kept does not answer.
    """

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Room:
    """What everyone in a room may know.

    step: how many questions were asked; screens follow it. check: the present one's name; "": none yet. varied: the
    text, as links write it, of the field that makes another question of that check. ballot: the vote that is open, or
    was last; 0: none yet.
    """

    code: str
    step: int = 0
    check: str = ""
    varied: str = ""
    ballot: int = 0
    open: bool = False
    revealed: bool = False

    @property
    def phase(self) -> str:
        """waiting for a question; asked; open, a vote is; talk, after one; last, after the last one; revealed."""
        if not self.check:
            return "waiting"
        if self.revealed:
            return "revealed"
        if self.open:
            return "open"
        return "asked" if not self.ballot else "talk" if self.ballot < BALLOTS[-1] else "last"

    @property
    def taking(self) -> int:
        """The ballot that takes votes now; 0: none."""
        return self.ballot if self.open else 0


@dataclass(frozen=True)
class Seat:
    """A room as one pupil sees it: with the pupil's own vote of each ballot, "" where there is none; and how many seats
    were taken so far."""

    room: Room
    guesses: tuple[str, ...]
    taken: int


@dataclass(frozen=True)
class Desk:
    """A room as its teacher sees it: with how many pupils are there, and how many voted in each ballot."""

    room: Room
    there: int
    voted: tuple[int, ...]


# What a teacher does. Out of turn, as by a second click, each leaves the room as it is.
Deed = Callable[[Room], Room]


def ask(check: str, varied: str = "") -> Deed:
    """Ask a question: all votes on the one before are forgotten."""
    return lambda room: Room(room.code, room.step + 1, check, varied)


def vote(room: Room) -> Room:
    """Open the next vote on the question."""
    if room.phase not in ("asked", "talk"):
        return room
    return replace(room, ballot=room.ballot + 1, open=True)


def close(room: Room) -> Room:
    """Close the vote: what came is what counts."""
    return replace(room, open=False)


def unvote(room: Room) -> Room:
    """Close a vote in which nobody voted as if it had never been open: there is nothing to talk about. A vote that
    comes meanwhile counts in the next one, which has the same number."""
    return replace(room, ballot=room.ballot - 1, open=False) if room.open else room


def reveal(room: Room) -> Room:
    """Show the answer; no vote is taken any more."""
    return replace(room, open=False, revealed=bool(room.check))
