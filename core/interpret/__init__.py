"""What a trace says. Each module has one subject; all that is public comes in by `core.interpret`."""

from core.interpret.attention import attention_distance, entropy, read_row
from core.interpret.space import PCA, pca, relative_change, residual_stages, token_norms

__all__ = [
    "PCA",
    "attention_distance",
    "entropy",
    "pca",
    "read_row",
    "relative_change",
    "residual_stages",
    "token_norms",
]
