"""What a trace says. Each module has one subject; all that is public comes in by `core.interpret`."""

from .ablation import head_effects, key_effects, prediction_effects, without_heads
from .alignment import alignment_score, cross_patterns, cross_rollout
from .attention import attention_distance, entropy, read_row, unevenness
from .habits import Habits, habits, sentence_scores
from .heads import LABELS, head_label, head_scores, rollout, transformed_values, value_weighted
from .induction import (
    Circuit,
    dependency_chance,
    dependency_score,
    find_circuit,
    induction_score,
    previous_token_score,
    probe_induction,
)
from .influence import ANSWERS, Influence, path_gradients, path_nodes, word_influence
from .lens import Attribution, direct_attribution, logit_lens, read_likeliest, read_stream, source_attribution
from .patching import difference, patched_differences
from .sentences import sentence_similarity, sentence_vector, sentence_vectors
from .space import PCA, pca, rank_correlation, relative_change, residual_stages, token_norms
from .stream import order_effect, pair_angles, share_of_zeros, similarity, sine_wave, token_moments

__all__ = [
    "ANSWERS",
    "LABELS",
    "PCA",
    "Attribution",
    "Circuit",
    "Habits",
    "Influence",
    "alignment_score",
    "attention_distance",
    "cross_patterns",
    "cross_rollout",
    "dependency_chance",
    "dependency_score",
    "difference",
    "direct_attribution",
    "entropy",
    "find_circuit",
    "habits",
    "head_effects",
    "head_label",
    "head_scores",
    "induction_score",
    "key_effects",
    "logit_lens",
    "order_effect",
    "pair_angles",
    "patched_differences",
    "path_gradients",
    "path_nodes",
    "pca",
    "prediction_effects",
    "previous_token_score",
    "probe_induction",
    "rank_correlation",
    "read_likeliest",
    "read_row",
    "read_stream",
    "relative_change",
    "residual_stages",
    "rollout",
    "sentence_scores",
    "sentence_similarity",
    "sentence_vector",
    "sentence_vectors",
    "share_of_zeros",
    "similarity",
    "sine_wave",
    "source_attribution",
    "token_moments",
    "token_norms",
    "transformed_values",
    "unevenness",
    "value_weighted",
    "without_heads",
    "word_influence",
]
