"""The grammar that both languages of the small-world stories share: who does what, where, when and why.

Each word knows the earlier words that its form follows from, and the other forms that it could have taken: so a model's
agreements can be counted, and its heads scored, against the truth.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, ClassVar, NamedTuple, TypeVar

T = TypeVar("T")
Forms = tuple[str, ...]

SINGULAR, PLURAL = 0, 1
PRESENT, PAST, FUTURE = 0, 1, 2
INFINITIVE = 4  # a verb's forms: present and past, singular then plural, and the infinitive
LENGTHS = range(5, 13)  # words of a sentence


class Word(NamedTuple):
    """A word of a story. depends: the places of the earlier words that decide on its form: an article on its noun's
    number, a noun on its adjective, verb and pronoun, "yesterday" on the tense. forms: all forms that the same word
    could have taken; () where no other was possible."""

    text: str
    depends: tuple[int, ...] = ()
    forms: Forms = ()


Story = tuple[Word, ...]


class Noun(NamedTuple):
    """forms: singular and plural. habits: which VERBS it can do, and its home: "land" or "sea"."""

    forms: Forms
    gender: int = 0
    habits: frozenset[str] = frozenset()

    @property
    def home(self) -> str:
        return "sea" if "sea" in self.habits else "land"


class Subject(NamedTuple):
    """Who is spoken of: a noun in a number, with an adjective ("" for none); the form of what agrees with it; the place
    of the word that verbs agree with, and of the one that a pronoun does."""

    noun: Noun
    number: int
    adjective: str
    form: int
    at: int
    referent: int


class Chance:
    """Draws that come out alike on every version of Python: of Random's methods only random() is promised to."""

    def __init__(self, seed: int):
        self._random = Random(seed).random

    def of(self, options: Sequence[T]) -> T:
        """One of these, each as likely as any other."""
        return options[int(self._random() * len(options))]

    def chance(self, share: float) -> bool:
        """Yes, in such a share of all cases."""
        return self._random() < share


class Grammar(Chance, ABC):
    """Writes one story. The lexicon stands in each language's own class."""

    animals: ClassVar[tuple[Noun, ...]]
    food: ClassVar[tuple[Noun, ...]]
    things: ClassVar[tuple[Noun, ...]]
    verbs: ClassVar[dict[str, tuple[Forms, ...]]]  # by habit; "any": every animal's
    sees: ClassVar[tuple[Forms, ...]]  # animals and things
    meets: ClassVar[tuple[Forms, ...]]  # animals alone
    eats: ClassVar[tuple[Forms, ...]]
    dreams: ClassVar[tuple[Forms, str]]  # and its preposition
    when: ClassVar[tuple[str, str, str]]  # present, past, future
    then: ClassVar[tuple[str, str, str]]
    that: ClassVar[str]
    also: ClassVar[str]
    because: ClassVar[str]
    near: ClassVar[str]
    closed: ClassVar[tuple[Any, ...]]  # all other words

    @classmethod
    def vocabulary(cls) -> frozenset[str]:
        """Every word that a story can have."""
        lexicon = (cls.animals, cls.food, cls.things, cls.verbs, cls.sees, cls.meets, cls.eats, cls.dreams, cls.when)
        rest = (cls.then, cls.that, cls.also, cls.because, cls.near, cls.closed, ".")
        return frozenset(_words((lexicon, rest)))

    def __init__(self, seed: int):
        super().__init__(seed)
        self._words: list[Word] = []

    # ------------------------------------------------------------------------------------------- each language

    @abstractmethod
    def noun_phrase(self, noun: Noun, adjective: float = 0, parent: float = 0) -> Subject:
        """An article, the noun, with these chances an adjective, and being a mother or father."""

    @abstractmethod
    def neighbour(self, noun: Noun) -> None:
        """What follows `near`."""

    @abstractmethod
    def verb(self, verb: Forms, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> int:
        """The verb, agreeing with the word at `on`; gives the place that a second infinitive would depend on."""

    @abstractmethod
    def adjective(self, subject: Subject, on: int, tense: int, when: tuple[int, ...], lasting: bool) -> None:
        """What the subject is; lasting: whether it may be what it always is."""

    @abstractmethod
    def pronoun(self, subject: Subject) -> int: ...

    @abstractmethod
    def reason(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        """What follows `because`."""

    @abstractmethod
    def place(self, where: str) -> None: ...

    def object(self, subject: Subject) -> None:
        """Another animal."""
        self.noun_phrase(self.of([animal for animal in self.animals if animal != subject.noun]), adjective=0.3)

    # ------------------------------------------------------------------------------------------------- stories

    def story(self) -> Story:
        """One sentence, or two of which the second has a pronoun."""
        subject, tense, when = self._sentence(self._first)
        if self.chance(0.6):
            self._sentence(lambda: self._second(subject, tense, when))
        return tuple(self._words)

    def _sentence(self, write: Callable[[], T]) -> T:
        start = len(self._words)
        while True:
            result = write()
            if len(self._words) - start in LENGTHS:
                self.add(".")
                return result
            del self._words[start:]

    def _first(self) -> tuple[Subject, int, tuple[int, ...]]:
        tense, when = PRESENT, tuple[int, ...]()
        if self.chance(0.4):
            tense = self.of((PRESENT, PAST, FUTURE))
            when = (self.add(self.when[tense]),)
        subject = self.noun_phrase(self.of(self.animals), adjective=0.35, parent=0.4)
        if self.chance(0.25):  # another noun between subject and verb, with which the verb must not agree
            self.add(self.near)
            self.neighbour(self.of([noun for noun in (*self.animals, *self.things) if noun != subject.noun]))
        if not when and self.chance(0.12):
            self.add(self.that, subject.at)
            self._does(subject, subject.at, PRESENT, ())
            self.adjective(subject, subject.at, PRESENT, (), lasting=True)
        else:
            self._tell(subject, subject.at, tense, when)
        return subject, tense, when

    def _second(self, subject: Subject, tense: int, when: tuple[int, ...]) -> None:
        if self.chance(0.5):
            self.add(self.then[tense], *when)
        pronoun = self.pronoun(subject)
        if tense != FUTURE and self.chance(0.4):
            self.adjective(subject, pronoun, tense, when, lasting=False)
        else:
            self._tell(subject, pronoun, tense, when)

    def _tell(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        present = (self._because, self._is) if tense != FUTURE else ()
        self.of((self._does, self._sees, self._meets, self._eats, self._dreams, self._both, *present))(
            subject, on, tense, when
        )

    def _does(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        habit = self.of((*sorted(subject.noun.habits & self.verbs.keys()), "any"))
        self.verb(self.of(self.verbs[habit]), subject, on, tense, when)
        self.place(habit if habit in ("swim", "fly") else subject.noun.home)

    def _both(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        at_home = {"swim"} if subject.noun.home == "sea" else {"walk", "slide"}
        habits = (*sorted(subject.noun.habits & at_home), "any")
        verbs = [verb for habit in habits for verb in self.verbs[habit]]
        first = self.of(verbs)
        second = self.of([verb for verb in verbs if verb != first])
        helper = self.verb(first, subject, on, tense, when)
        self.add(self.also)
        if tense == FUTURE:
            self.add(second[INFINITIVE], helper, forms=second)
        else:
            self.verb(second, subject, on, tense, when)
        self.place(subject.noun.home)

    def _sees(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        self.verb(self.of(self.sees), subject, on, tense, when)
        if self.chance(0.5):
            self.noun_phrase(self.of(self.things))
        else:
            self.object(subject)

    def _meets(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        self.verb(self.of(self.meets), subject, on, tense, when)
        self.object(subject)

    def _eats(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        self.verb(self.of(self.eats), subject, on, tense, when)
        self.noun_phrase(self.of(self.food))

    def _dreams(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        verb, preposition = self.dreams
        self.verb(verb, subject, on, tense, when)
        self.add(preposition)
        self.add(self.of((*self.food, *self.things)).forms[PLURAL])

    def _because(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        self._does(subject, on, tense, when)
        self.add(self.because)
        self.reason(subject, on, tense, when)

    def _is(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        self.adjective(subject, on, tense, when, lasting=not when)

    # --------------------------------------------------------------------------------------------------- words

    def add(self, text: str, *depends: int, forms: Sequence[str] = ()) -> int:
        """One more word; gives its place."""
        self._words.append(Word(text, tuple(sorted(set(depends))), tuple(dict.fromkeys(forms))))
        return len(self._words) - 1


def noun(forms: str, habits: str = "", gender: int = 0) -> Noun:
    return Noun(tuple(forms.split()), gender, frozenset(habits.split()))


def table(text: str) -> tuple[Forms, ...]:
    """A line a word, its forms in columns."""
    return tuple(tuple(line.split()) for line in text.strip().splitlines())


def _words(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield from entry.split()
    elif isinstance(entry, Noun):
        yield from entry.forms
    elif isinstance(entry, (tuple, dict)):
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from _words(part)
