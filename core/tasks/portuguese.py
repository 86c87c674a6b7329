"""Small-world stories in Brazilian Portuguese: everything agrees in gender and number with its noun.

ontem as focas perto do iceberg estavam cansadas . depois elas dormiram na praia .
"""

from __future__ import annotations

from .grammar import FUTURE, INFINITIVE, PLURAL, SINGULAR, Forms, Grammar, Noun, Subject, noun, table

MASCULINE, FEMININE = 0, 1

# Masculine and feminine, singular then plural.
ARTICLES = (
    *(("o", "a", "os", "as"),) * 4,
    ("um", "uma", "uns", "umas"),
    ("um", "uma", "dois", "duas"),
    ("este", "esta", "estes", "estas"),
    ("aquele", "aquela", "aqueles", "aquelas"),
    ("este", "esta", "muitos", "muitas"),
)
OF = ("do", "da", "dos", "das")
IN = ("no", "na")
PRONOUN = ("ele", "ela", "eles", "elas")
GO = ("vai", "vão")
BE = table("""
    está estão estava estavam estar
    é são era eram ser
""")
PASSING = table("""
    cansado cansada cansados cansadas
    molhado molhada molhados molhadas
    quieto quieta quietos quietas
    faminto faminta famintos famintas
    tranquilo tranquila tranquilos tranquilas
    contente contente contentes contentes
    feliz feliz felizes felizes
""")
LASTING = table("""
    pequeno pequena pequenos pequenas
    velho velha velhos velhas
    branco branca brancos brancas
    curioso curiosa curiosos curiosas
    corajoso corajosa corajosos corajosas
    preguiçoso preguiçosa preguiçosos preguiçosas
    brincalhão brincalhona brincalhões brincalhonas
    elegante elegante elegantes elegantes
    jovem jovem jovens jovens
""")
PLACES = {
    "swim": (("mar", MASCULINE), ("água", FEMININE), ("baía", FEMININE)),
    "fly": (("céu", MASCULINE), ("vento", MASCULINE)),
    "sea": (("mar", MASCULINE), ("baía", FEMININE)),
    "land": (("gelo", MASCULINE), ("praia", FEMININE), ("neve", FEMININE), ("areia", FEMININE)),
}


class Portuguese(Grammar):
    animals = (
        noun("pinguim pinguins", "swim walk land", MASCULINE),
        noun("foca focas", "swim slide land", FEMININE),
        noun("filhote filhotes", "swim walk slide land", MASCULINE),
        noun("leão-marinho leões-marinhos", "swim slide land", MASCULINE),
        noun("gaivota gaivotas", "fly walk land", FEMININE),
        noun("albatroz albatrozes", "fly land", MASCULINE),
        noun("baleia baleias", "swim sea", FEMININE),
        noun("orca orcas", "swim sea", FEMININE),
    )
    food = (
        noun("peixe peixes", gender=MASCULINE),
        noun("lula lulas", gender=FEMININE),
        noun("camarão camarões", gender=MASCULINE),
        noun("sardinha sardinhas", gender=FEMININE),
    )
    things = (
        noun("iceberg icebergs", gender=MASCULINE),
        noun("pedra pedras", gender=FEMININE),
        noun("onda ondas", gender=FEMININE),
        noun("barco barcos", gender=MASCULINE),
    )
    verbs = {  # noqa: RUF012  declared ClassVar in Grammar
        "swim": table("nada nadam nadou nadaram nadar\nmergulha mergulham mergulhou mergulharam mergulhar"),
        "walk": table("caminha caminham caminhou caminharam caminhar\ndança dançam dançou dançaram dançar"),
        "slide": table("desliza deslizam deslizou deslizaram deslizar"),
        "fly": table("voa voam voou voaram voar\nplana planam planou planaram planar"),
        "any": table("""
            dorme dormem dormiu dormiram dormir
            descansa descansam descansou descansaram descansar
            brinca brincam brincou brincaram brincar
            canta cantam cantou cantaram cantar
        """),
    }
    sees = table("""
        vê veem viu viram ver
        procura procuram procurou procuraram procurar
        encontra encontram encontrou encontraram encontrar
        observa observam observou observaram observar
    """)
    meets = table("""
        segue seguem seguiu seguiram seguir
        chama chamam chamou chamaram chamar
        ajuda ajudam ajudou ajudaram ajudar
        abraça abraçam abraçou abraçaram abraçar
    """)
    eats = table("come comem comeu comeram comer\npesca pescam pescou pescaram pescar")
    dreams = (("sonha", "sonham", "sonhou", "sonharam", "sonhar"), "com")
    when = ("hoje", "ontem", "amanhã")
    then = ("agora", "depois", "depois")
    that, also, because, near = "que", "e", "porque", "perto"
    closed = (ARTICLES, OF, IN, PRONOUN, GO, BE, "muito", PASSING, LASTING, PLACES)

    def noun_phrase(self, noun: Noun, adjective: float = 0, parent: float = 0) -> Subject:
        number = self.of((SINGULAR, PLURAL))
        form = noun.gender + 2 * number
        at = self.add(noun.forms[number], self.add(self.of(ARTICLES)[form]), forms=noun.forms)
        told = self.of((*PASSING, *LASTING)) if self.chance(adjective) else None
        if told:
            self.add(told[form], at, forms=told)
        return Subject(noun, number, told[0] if told else "", form, at, at)

    def neighbour(self, noun: Noun) -> None:
        number = self.of((SINGULAR, PLURAL))
        self.add(noun.forms[number], self.add(OF[noun.gender + 2 * number]), forms=noun.forms)

    def verb(self, verb: Forms, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> int:
        if tense != FUTURE:
            return self.add(verb[2 * tense + subject.number], on, *when, forms=verb)
        going = self.add(GO[subject.number], on, *when, forms=GO)
        self.add(verb[INFINITIVE], going, forms=verb)
        return going

    def adjective(self, subject: Subject, on: int, tense: int, when: tuple[int, ...], lasting: bool) -> None:
        be, adjectives = self.of((*zip(BE, (PASSING, LASTING), strict=True),)[: 1 + lasting])
        self.verb(be, subject, on, tense, when)
        if not lasting or self.chance(0.3):
            self.add("muito")
        chosen = self.of([adjective for adjective in adjectives if adjective[0] != subject.adjective])
        self.add(chosen[subject.form], on, forms=chosen)

    def pronoun(self, subject: Subject) -> int:
        return self.add(PRONOUN[subject.form], subject.referent, forms=PRONOUN)

    def reason(self, subject: Subject, on: int, tense: int, when: tuple[int, ...]) -> None:
        self.adjective(subject, on, tense, when, lasting=False)

    def place(self, where: str) -> None:
        name, gender = self.of(PLACES[where])
        self.add(name, self.add(IN[gender]))
