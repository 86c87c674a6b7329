"""The same small world told in two languages at once: from one meaning a sentence in Portuguese and one in English, and
which word stems from which.

    as focas brancas viram o barco .  =  the white seals saw the boat .

Both languages tell the whole meaning, so that each can be translated into the other in one way only.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple
from zlib import crc32

from .grammar import FUTURE, INFINITIVE, PLURAL, PRESENT, Chance, Forms, table
from .task import HELD_OUT

PORTUGUESE, ENGLISH = "pt-BR", "en"

# A line a noun: Portuguese singular and plural, gender, English singular and plural; what it is or can do.
ANIMALS = table("""
    pinguim pinguins m penguin penguins swim,walk
    foca focas f seal seals swim,slide
    gaivota gaivotas f gull gulls fly,walk
    albatroz albatrozes m albatross albatrosses fly,walk
    baleia baleias f whale whales swim
    orca orcas f orca orcas swim
""")
FOOD = table("""
    caranguejo caranguejos m crab crabs food
    lula lulas f squid squids food
    camarão camarões m shrimp shrimps food
    sardinha sardinhas f sardine sardines food
""")
THINGS = table("""
    iceberg icebergs m iceberg icebergs thing
    pedra pedras f rock rocks thing
    onda ondas f wave waves thing
    barco barcos m boat boats thing
""")
# Portuguese present and past, singular then plural, and infinitive; then English alike.
DOES: dict[str, tuple[Forms, ...]] = {
    "swim": table("""
        nada nadam nadou nadaram nadar swims swim swam swam swim
        mergulha mergulham mergulhou mergulharam mergulhar dives dive dived dived dive
    """),
    "walk": table("""
        caminha caminham caminhou caminharam caminhar walks walk walked walked walk
        dança dançam dançou dançaram dançar dances dance danced danced dance
    """),
    "slide": table("desliza deslizam deslizou deslizaram deslizar slides slide slid slid slide"),
    "fly": table("""
        voa voam voou voaram voar flies fly flew flew fly
        plana planam planou planaram planar glides glide glided glided glide
    """),
}
RESTS = table("""
    dorme dormem dormiu dormiram dormir sleeps sleep slept slept sleep
    descansa descansam descansou descansaram descansar rests rest rested rested rest
    canta cantam cantou cantaram cantar sings sing sang sang sing
""")
SEES = table("""
    vê veem viu viram ver sees see saw saw see
    encontra encontram encontrou encontraram encontrar finds find found found find
    observa observam observou observaram observar watches watch watched watched watch
""")
MEETS = table("""
    segue seguem seguiu seguiram seguir follows follow followed followed follow
    chama chamam chamou chamaram chamar calls call called called call
    ajuda ajudam ajudou ajudaram ajudar helps help helped helped help
    abraça abraçam abraçou abraçaram abraçar hugs hug hugged hugged hug
""")
EATS = table("""
    come comem comeu comeram comer eats eat ate ate eat
    pesca pescam pescou pescaram pescar catches catch caught caught catch
""")
PASSING = table("""
    cansado cansada cansados cansadas tired
    molhado molhada molhados molhadas wet
    quieto quieta quietos quietas quiet
    faminto faminta famintos famintas hungry
    feliz feliz felizes felizes happy
""")
LASTING = table("""
    pequeno pequena pequenos pequenas small
    velho velha velhos velhas old
    branco branca brancos brancas white
    curioso curiosa curiosos curiosas curious
    corajoso corajosa corajosos corajosas brave
    preguiçoso preguiçosa preguiçosos preguiçosas lazy
    jovem jovem jovens jovens young
""")
IS = table("está estão estava estavam estar is are was were be\né são era eram ser is are was were be")
# Portuguese masculine and feminine, singular then plural; English singular and plural.
ARTICLES = table("""
    o a os as the the
    o a os as the the
    um uma dois duas a two
    este esta estes estas this these
    aquele aquela aqueles aquelas that those
    este esta muitos muitas this many
""")
NEAR = ("do", "da", "dos", "das")  # after "perto": near the
GO = ("vai", "vão", "will")
WHEN = (("hoje", "today"), ("ontem", "yesterday"), ("amanhã", "tomorrow"))
PLACES: dict[str, tuple[Forms, ...]] = {
    "swim": table("no mar in the sea\nna água in the water\nna baía in the bay"),
    "fly": table("no céu in the sky\nno vento in the wind"),
    "walk": table("no gelo on the ice\nna praia on the beach\nna areia on the sand"),
    "slide": table("na neve in the snow\nno gelo on the ice"),
}
OTHER = ("perto", "near", "e", "and", "muito", "very", ".")


class Pair(NamedTuple):
    """One meaning in both languages. links: (place in Portuguese, place in English) of words that are one idea."""

    portuguese: tuple[str, ...]
    english: tuple[str, ...]
    links: frozenset[tuple[int, int]]

    def words(self, language: str) -> tuple[str, ...]:
        """The sentence in one language."""
        return self.portuguese if language == PORTUGUESE else self.english

    def truth(self, into: str) -> dict[int, frozenset[int]]:
        """Place of a word in the translation -> places of the words that it stems from, in the source."""
        pairs = self.links if into == ENGLISH else {(en, pt) for pt, en in self.links}
        places = {target for _, target in pairs}
        return {place: frozenset(s for s, t in pairs if t == place) for place in sorted(places)}

    def crossing(self, into: str) -> list[int]:
        """Places in the translation whose words change places with another: a noun and its adjective."""
        pairs = self.links if into == ENGLISH else {(en, pt) for pt, en in self.links}
        return sorted({t for s, t in pairs if any((s - a) * (t - b) < 0 for a, b in pairs)})


class Meaning(Chance):
    """Writes both sentences, an idea at a time: what is written for one idea is linked, each word with each."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self._written: tuple[list[tuple[str, int]], list[tuple[str, int]]] = ([], [])
        self._ideas = 0

    def pair(self) -> Pair:
        """One sentence."""
        tense, before = PRESENT, self.chance(0.35)
        if before:
            tense = self.of((0, 1, 2))
            self.say(*WHEN[tense])
        subject = self.of(ANIMALS)
        form = self.noun_phrase(subject, adjective=0.45)
        if self.chance(0.15):
            self.say("perto", "near")
            self.near(self.of(THINGS))
        self.of((self._does, self._does, self._rests, self._sees, self._meets, self._eats, self._is))(
            subject, form, tense
        )
        self.say(".", ".")
        portuguese, english = self._written
        links = {(i, j) for i, (_, a) in enumerate(portuguese) for j, (_, b) in enumerate(english) if a == b}
        first, second = (tuple(word for word, _ in side) for side in self._written)
        return Pair(first, second, frozenset(links))

    # ----------------------------------------------------------------------------------------------------- parts

    def noun_phrase(self, noun: Forms, adjective: float) -> int:
        """Article, noun and, with this chance, an adjective: after the noun in Portuguese, before it in English.

        Gives the form of what agrees with it: gender + 2 * number.
        """
        number = int(self.chance(0.5))
        form = (noun[2] == "f") + 2 * number
        article = self.of(ARTICLES)
        told = self.of((*PASSING, *LASTING)) if self.chance(adjective) else None
        first = told[-1] if told else noun[3 + number]
        english = article[4 + number]
        self.say(article[form], "an" if english == "a" and first[0] in "aeiou" else english)
        a, b = self.idea(), self.idea()
        self.write(0, noun[number], a)
        if told:
            self.write(0, told[form], b)
            self.write(1, told[-1], b)
        self.write(1, noun[3 + number], a)
        return form

    def near(self, noun: Forms) -> None:
        """What follows `near`: "do barco", "the boat"."""
        number = int(self.chance(0.5))
        self.say(NEAR[(noun[2] == "f") + 2 * number], "the")
        self.say(noun[number], noun[3 + number])

    def verb(self, forms: Forms, form: int, tense: int) -> None:
        """A verb that agrees in number with its subject."""
        number = form // PLURAL // 2
        if tense == FUTURE:
            self.say(GO[number], GO[2])
            self.say(forms[INFINITIVE], forms[5 + INFINITIVE])
        else:
            self.say(forms[2 * tense + number], forms[5 + 2 * tense + number])

    def place(self, habit: str) -> None:
        """Where: "no mar", "in the sea"; "no" is both "in" and "the"."""
        portuguese, noun, *english = self.of(PLACES[habit])
        idea = self.idea()
        self.write(0, portuguese, idea)
        for word in english[:2]:
            self.write(1, word, idea)
        self.say(noun, english[2])

    def _does(self, subject: Forms, form: int, tense: int) -> None:
        habit = self.of(tuple(subject[5].split(",")))
        self.verb(self.of(DOES[habit]), form, tense)
        if tense != FUTURE and self.chance(0.2):
            self.say("e", "and")
            self.verb(self.of(RESTS), form, tense)
        self.place(habit)

    def _rests(self, subject: Forms, form: int, tense: int) -> None:
        self.verb(self.of(RESTS), form, tense)
        self.place(self.of(tuple(subject[5].split(","))))

    def _sees(self, subject: Forms, form: int, tense: int) -> None:
        self.verb(self.of(SEES), form, tense)
        self.noun_phrase(self.of(THINGS), adjective=0)

    def _meets(self, subject: Forms, form: int, tense: int) -> None:
        self.verb(self.of(MEETS), form, tense)
        self.noun_phrase(self.of([animal for animal in ANIMALS if animal != subject]), adjective=0.4)

    def _eats(self, subject: Forms, form: int, tense: int) -> None:
        self.verb(self.of(EATS), form, tense)
        self.noun_phrase(self.of(FOOD), adjective=0)

    def _is(self, subject: Forms, form: int, tense: int) -> None:
        kind = self.of((0, 1))
        self.verb(IS[kind], form, tense)
        if self.chance(0.4):
            self.say("muito", "very")
        told = self.of((PASSING, LASTING)[kind])
        self.say(told[form], told[-1])

    # ----------------------------------------------------------------------------------------------------- words

    def say(self, portuguese: str, english: str) -> None:
        """One idea, a word in each language."""
        idea = self.idea()
        self.write(0, portuguese, idea)
        self.write(1, english, idea)

    def write(self, side: int, word: str, idea: int) -> None:
        """A word of an idea: side 0 is Portuguese, 1 English."""
        self._written[side].append((word, idea))

    def idea(self) -> int:
        """A new one."""
        self._ideas += 1
        return self._ideas


@cache
def vocabulary(language: str) -> frozenset[str]:
    """Every word that a sentence of this language can have."""
    first = language == PORTUGUESE
    nouns = {word for noun in (*ANIMALS, *FOOD, *THINGS) for word in (noun[:2] if first else noun[3:5])}
    verbs = [verb for verbs in (*DOES.values(), RESTS, SEES, MEETS, EATS, IS) for verb in verbs]
    acts = {word for verb in verbs for word in (verb[:5] if first else verb[5:])}
    told = {word for forms in (*PASSING, *LASTING) for word in (forms[:4] if first else forms[4:])}
    articles = {word for forms in ARTICLES for word in (forms[:4] if first else forms[4:])}
    places = {word for forms in PLACES.values() for place in forms for word in (place[:2] if first else place[2:])}
    others = {*NEAR, *GO[:2], "perto", "e", "muito"} if first else {"an", "the", "will", "near", "and", "very"}
    when = {pair[0 if first else 1] for pair in WHEN}
    return frozenset(nouns | acts | told | articles | places | others | when | {"."})


@lru_cache(maxsize=1 << 14)  # of 2 kB each: a run of training reads many again
def pair(number: int, held_out: bool = False) -> Pair:
    """Pair 0, 1, 2, ... of a split. A pair is held out by its Portuguese sentence."""
    seed = 0
    while True:
        told = Meaning(crc32(f"pair {number} {seed}".encode())).pair()
        if (crc32(" ".join(told.portuguese).encode()) % HELD_OUT == 0) == held_out:
            return told
        seed += 1
