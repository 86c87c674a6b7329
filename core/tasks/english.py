"""Small-world stories in English: verbs agree with their noun, and pronouns with whom they stand for.

yesterday the mother seal near the icebergs was very tired . then she slept on the beach .
"""

from __future__ import annotations

from .grammar import FUTURE, INFINITIVE, PLURAL, SINGULAR, Forms, Grammar, Noun, Subject, noun, table

HE, SHE, IT, THEY = range(4)
PRONOUN = ("he", "she", "it", "they")
POSSESSIVE = ("his", "her", "its", "their")
PARENTS = (("father", HE), ("mother", SHE))
FAMILY = (noun("friend friends"), noun("chick chicks"))
# Singular, plural.
ARTICLES = (*(("the", "the"),) * 3, ("a", "two"), ("a", "many"), ("this", "these"), ("that", "those"))
BE = ("is", "are", "was", "were", "be")
PASSING = ("tired", "wet", "quiet", "hungry", "calm", "happy", "glad")
LASTING = ("small", "old", "white", "curious", "brave", "lazy", "playful", "young")
PLACES = {
    "swim": ("in the sea", "in the water", "in the bay"),
    "fly": ("in the sky", "over the waves"),
    "sea": ("in the sea", "in the bay"),
    "land": ("on the ice", "on the beach", "in the snow", "on the sand"),
}


class English(Grammar):
    animals = (
        noun("penguin penguins", "swim walk land"),
        noun("seal seals", "swim slide land"),
        noun("walrus walruses", "swim slide land"),
        noun("gull gulls", "fly walk land"),
        noun("albatross albatrosses", "fly land"),
        noun("whale whales", "swim sea"),
        noun("orca orcas", "swim sea"),
    )
    food = (noun("herring herrings"), noun("crab crabs"), noun("clam clams"), noun("sardine sardines"))
    things = (noun("iceberg icebergs"), noun("rock rocks"), noun("wave waves"), noun("boat boats"))
    verbs = {  # noqa: RUF012  declared ClassVar in Grammar
        "swim": table("swims swim swam swam swim\ndives dive dived dived dive"),
        "walk": table("walks walk walked walked walk\ndances dance danced danced dance"),
        "slide": table("slides slide slid slid slide"),
        "fly": table("flies fly flew flew fly\nglides glide glided glided glide"),
        "any": table("""
            sleeps sleep slept slept sleep
            rests rest rested rested rest
            plays play played played play
            sings sing sang sang sing
        """),
    }
    sees = table("""
        sees see saw saw see
        finds find found found find
        watches watch watched watched watch
        likes like liked liked like
    """)
    meets = table("""
        follows follow followed followed follow
        calls call called called call
        helps help helped helped help
        hugs hug hugged hugged hug
    """)
    eats = table("eats eat ate ate eat\ncatches catch caught caught catch")
    dreams = (("dreams", "dream", "dreamed", "dreamed", "dream"), "of")
    when = ("today", "yesterday", "tomorrow")
    then = ("now", "then", "then")
    that, also, because, near = "that", "and", "because", "near"
    closed = (ARTICLES, "an", "will", "very", PRONOUN, POSSESSIVE, PARENTS, FAMILY, BE, PASSING, LASTING, PLACES)

    def noun_phrase(self, noun: Noun, adjective: float = 0, parent: float = 0) -> Subject:
        number = self.of((SINGULAR, PLURAL))
        article = self.of(ARTICLES)[number]
        told = [self.of((*PASSING, *LASTING))] if self.chance(adjective) else []
        name, form = self.of(PARENTS) if number == SINGULAR and self.chance(parent) else ("", IT)
        before = [*told, name] if name else told
        first = (*before, noun.forms[number])[0]
        article_at = self.add("an" if article == "a" and first[0] in "aeiou" else article)
        for word in before:
            self.add(word)
        told_by, forms = ((), ()) if article == "the" else ((article_at,), noun.forms)  # "the" goes with both numbers
        at = self.add(noun.forms[number], *told_by, forms=forms)
        form = THEY if number == PLURAL else form
        return Subject(noun, number, "".join(told), form, at, at - 1 if name else at)

    def neighbour(self, noun: Noun) -> None:
        self.add("the")
        self.add(noun.forms[self.of((SINGULAR, PLURAL))])

    def verb(self, verb: Forms, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> int:
        if tense != FUTURE:
            return self.add(verb[2 * tense + subject.number], on, *when, forms=verb)
        will = self.add("will", *when)
        self.add(verb[INFINITIVE], will, forms=verb)
        return will

    def adjective(self, subject: Subject, on: int, tense: int, when: tuple[int, ...], lasting: bool) -> None:
        self.verb(BE, subject, on, tense, when)
        if not lasting or self.chance(0.3):
            self.add("very")
        adjectives = (*PASSING, *LASTING) if lasting else PASSING
        self.add(self.of([adjective for adjective in adjectives if adjective != subject.adjective]))

    def pronoun(self, subject: Subject) -> int:
        return self.add(PRONOUN[subject.form], subject.referent, forms=PRONOUN)

    def reason(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        # "... because it is tired": unlike Portuguese, English needs the pronoun.
        self.adjective(subject, self.pronoun(subject), tense, when, lasting=False)

    def object(self, subject: Subject) -> None:
        """Another animal, or one of its own: his friends, her chick."""
        if self.chance(0.7):
            return super().object(subject)
        owner = self.add(POSSESSIVE[subject.form], subject.referent, forms=POSSESSIVE)
        self.add(self.of(FAMILY).forms[self.of((SINGULAR, PLURAL))], owner)

    def place(self, where: str) -> None:
        for word in self.of(PLACES[where]).split():
            self.add(word)
