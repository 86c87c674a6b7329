"""A Scene as a URL's query, there and back: every field in the text that its kind has, and what is pinned beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..arguments import mapping
from ..errors import ConfigError, SceneError
from ..interventions import TAKEN_OUT
from ..kinds import Kind, cut
from ..presets import REAL, RUN, find
from ..tokenizer.words import SPLITTERS
from .fields import Overrides, kinds
from .notice import Notice
from .sentence import fit_sentence

PIN = "pin."  # begins the names of what a pinned Scene has of its own
# What may say that a part is out. Of an old link the pinned Scene has these from the query, as they were written.
SPELLED = ("off", *(name for name, _ in TAKEN_OUT))
SHOWN = 40  # characters of a wrong text that a notice repeats


@dataclass(frozen=True)
class Text:
    """A name in links: the field that it writes, the kind of its value, and the name that is written today."""

    field: str
    kind: Kind
    name: str


class Address:
    """How the fields of a Scene stand in a link."""

    def __init__(self, scene: type):
        self._scene = scene
        self.defaults: dict[str, Any] = {one.name: one.default for one in fields(scene)}
        self.texts: dict[str, Text] = {}  # every name that a link may have, those of old links included
        for one in fields(scene):
            kind = kinds(scene)[one.name]
            if isinstance(kind, Overrides):
                self.texts |= {name: Text(one.name, of, name) for name, of in kind.kinds.items()}
            elif kind.in_link:
                names = [one.name, *filter(None, [one.metadata.get("was")])]
                self.texts |= {name: Text(one.name, kind, one.name) for name in names}

    def write(self, scene: Any) -> dict[str, str]:
        """The query without what is pinned; what equals the default is left out."""
        query: dict[str, str] = {}
        for name, kind in kinds(self._scene).items():
            value = getattr(scene, name)
            if value == self.defaults[name]:
                continue
            if isinstance(kind, Overrides):
                query |= {own: kind.kinds[own].write(given) for own, given in value}
            elif kind.in_link:
                query[name] = kind.write(value)
        return query

    def read(self, query: Mapping[str, str]) -> tuple[dict[str, Any], list[Notice]]:
        """Name in links -> value, by the names that are written today; and a Notice for each text that says none.

        Names that are no field's are passed over. Of a field's old and new name in one query the new one counts.
        """
        values: dict[str, Any] = {}
        notices = []
        for name, raw in mapping("query", query, "from names to texts").items():
            if (text := self.texts.get(name)) is None or (name != text.name and text.name in query):
                continue
            try:
                value = text.kind.read(str(raw))
            except (ValueError, OverflowError):
                notices.append(self.wrong(name, raw))
            else:
                values[text.name] = value
        return values, notices

    def wrong(self, name: str, raw: Any, code: str = "default") -> Notice:
        """What to tell of a text that is not right under this name."""
        return Notice(code, name, cut(str(raw), SHOWN), self.texts[name].kind.right)

    def scene(self, query: Mapping[str, str]) -> tuple[Any, tuple[Notice, ...]]:
        """The Scene that a query describes, the pinned one in it, and a Notice for each part that was wrong."""
        scene, notices = self._scene_alone(query)
        if (about := read_pin(query, scene.computed.to_query())) is None:
            return scene, notices
        pinned, more = self._scene_alone(about)
        more = tuple(replace(notice, field=PIN + notice.field) for notice in more if PIN + notice.field in query)
        return replace(scene, pinned=pinned.computed), notices + more

    def _scene_alone(self, query: Mapping[str, str]) -> tuple[Any, tuple[Notice, ...]]:
        values, notices = self.read(query)
        model = values.get("model", self.defaults["model"])
        if find(model) is None:
            code = "gone" if model.startswith(RUN) else "absent" if model.startswith(REAL) else "default"
            notices.append(self.wrong("model", values.pop("model"), code))
            model = self.defaults["model"]
        notices += self._untrained(model, values)
        if "sentence" in values:
            split = values["split"] if values.get("split") in SPLITTERS else self.defaults["split"]
            values["sentence"], cut = fit_sentence(values["sentence"], split, model)
            notices += [cut] if cut else []
        while True:
            overrides = tuple(sorted((name, value) for name, value in values.items() if self._of_config(name)))
            own = {name: value for name, value in values.items() if not self._of_config(name)}
            try:
                return self._scene(**own, overrides=overrides), tuple(notices)
            except (SceneError, ConfigError) as error:
                at_fault = (error.field,) if isinstance(error, SceneError) else error.fields
                code = error.code if isinstance(error, SceneError) else "conflict"
                for name in [name for name in at_fault if name in values] or [*values]:
                    key = self._key(name, query)
                    notices.append(self.wrong(key, query.get(key, ""), code))
                    values.pop(name)

    def _untrained(self, model: str, values: dict[str, Any]) -> list[Notice]:
        """Take from `values` what asks a trained model for other sizes or parameters; a Notice for each."""
        preset, notices = find(model), list[Notice]()
        if preset is None or not preset.trained:
            return notices
        for name in filter(self._of_config, [*values]):
            if (name, values[name]) in TAKEN_OUT:
                continue  # a model can do without a part
            try:
                fits = preset.fits(preset.config.replace(**{name: values[name]}))
            except ConfigError:
                continue  # it is found later, by the Scene
            if not fits:
                notices.append(self.wrong(name, values.pop(name), "trained"))
        return notices

    def _of_config(self, name: str) -> bool:
        return self.texts[name].field == "overrides"

    def _key(self, name: str, query: Mapping[str, str]) -> str:
        """The name under which a query says what is written as `name` today."""
        return next((key for key in query if key in self.texts and self.texts[key].name == name), name)


# ------------------------------------------------------------------------------------------------- the pinned Scene


def write_pin(pinned: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """The query of a pinned Scene, beside the present one's: only where they differ. "" stands for a default."""
    other = [name for name in (*pinned, *present) if pinned.get(name) != present.get(name)]
    return {"pin": "1"} | {PIN + name: pinned.get(name, "") for name in other}


def read_pin(query: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str] | None:
    """The pinned Scene's own query, whole again; None where nothing is pinned. present: the present Scene's."""
    if query.get("pin") != "1":
        return None
    shared = {name: text for name, text in present.items() if name not in SPELLED}
    shared |= {name: str(query[name]) for name in SPELLED if name in query}
    own = {name.removeprefix(PIN): str(value) for name, value in query.items() if name.startswith(PIN)}
    return {name: value for name, value in {**shared, **own}.items() if value}
