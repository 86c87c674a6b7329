"""What core raises. Every message names the field, the value, and what would be right."""

from __future__ import annotations


class FibraError(ValueError):
    """Base of all errors that core raises on purpose."""


class ConfigError(FibraError):
    """A Config, or an argument beside it, that cannot be computed. `fields` names the ones at fault."""

    def __init__(self, message: str, *fields: str):
        super().__init__(message)
        self.fields = fields


class SceneError(FibraError):
    """A Scene that cannot be shown. `field` names what is at fault; code: why, as a Notice says it."""

    def __init__(self, message: str, field: str = "", code: str = "default"):
        super().__init__(message)
        self.field, self.code = field, code


class WeightsError(FibraError):
    """A weights file or folder that is damaged, hostile, or not implemented."""


class CheckError(FibraError):
    """A check, or an expression in one, that cannot be computed or is not allowed."""

    field = "check"


class TextError(ConfigError):
    """A text that cannot be learned from. code: "long", "short", "encoding", "file" (it is none) or "lost"."""

    def __init__(self, message: str, code: str):
        super().__init__(message, "text")
        self.code = code
