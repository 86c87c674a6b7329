"""What a reader is told of a link, or of a text, that was not taken as it was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """Something that was wrong with a query and what was done.

    code: "default" (the value is not what the field takes), "conflict" (it does not fit the other values), "misplaced"
    (the model or the sentence has no such place), "sourceless" and "unlike" (a patch without the sentence that it is
    taken from, or from one of another length), "gone" (a model that lived in a session that is over), "absent" (a real
    model that this server has not) and "trained" (not a size of this trained model), all shown by the field's default
    instead; "cut" (too many tokens), "long" (too many characters) and "long_target" (a continuation of too many); of
    what a reader typed, "blank" (an empty sentence) and "cell" (token `field`, dimension `right`, is no number);
    "unpatched" (what was turned left the patch no place); "lesson_gone" (a lesson that lived in a session that is
    over); and "nowhere" (no page has this name, so that called `right` stands).
    """

    code: str
    field: str
    value: str
    right: str

    def __str__(self) -> str:
        if self.code in ("cut", "long", "long_target"):
            what = "tokens" if self.code == "cut" else "characters"
            return f"{self.field}: {self.value} {what} were cut to {self.right}"
        if self.code in ("gone", "lesson_gone"):
            return f"{self.field}: {self.value!r} is gone; the default is shown"
        if self.code == "absent":
            return f"{self.field}: {self.value!r} is not on this server; the default is shown"
        if self.code == "trained":
            return f"{self.field}: {self.value!r} is not what this model was trained with, which is shown"
        if self.code == "unpatched":
            return f"{self.field}: has no place here any more, and is gone"
        if self.code in ("sourceless", "unlike"):
            needed = "a patch_source" if self.code == "sourceless" else "a patch_source of as many tokens"
            return f"{self.field}: {self.value!r} needs {needed}; the default is shown"
        if self.code == "misplaced":
            return f"{self.field}: {self.value!r} has no place here; the default is shown"
        if self.code == "conflict":
            return f"{self.field}: {self.value!r} does not fit the rest; the default is shown"
        return f"{self.field}: {self.value!r} is not {self.right}; the default is shown"
