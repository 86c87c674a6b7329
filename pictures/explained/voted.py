"""What Generate draws of the last stream: what each part of the model adds to a token's logit, what the heads brought
of it from each word, and what a layer would say if it were the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, same, the_sum
from core.interpret import into_heads, is_sum, read_stream, reading_direction
from core.ops.softmax import softmax
from core.params import unembedding
from pictures.explained.kinds import OWN, Derived, Place, heads_on, layer_of, weighed

if TYPE_CHECKING:
    from pictures.explained.world import World

STREAM = r"blocks\.0\.resid_pre|blocks\.\d+\.resid_post"
WRITTEN = r"embed|pos_embed|ln_embed\.out|blocks\.\d+\.mlp_out|blocks\.\d+\.attn\.b_O|ln_final\.b|unembed\.b_U"


def _direction(here: World, token: int) -> np.ndarray:
    """[pos, d_model]: what a token's logit is the dot product of the last stream with."""
    s = here.subject
    return reading_direction(s.trace, s.params, s.config, token)[0]


def _vote(here: World, of: str, index: Place) -> Made:
    """One vector that was written to the last stream, or a bias: its dot product with the direction that is read."""
    s, (token,) = here.subject, index
    if of == "unembed.b_U":
        return same("b_t", s.cell(of, token))
    direction = _direction(here, token)[-1]
    if of == "ln_final.b":  # it is added behind the norm
        direction = unembedding(s.params, s.config).T[token]
    x = s.row(of) if s[of].ndim == 1 else s.row(of, len(here.tokens) - 1)
    return the_sum(r"\sum_d r_d\,x_d", weighed(x, direction))


def _vote_of_head(here: World, of: str, index: Place) -> Made:
    """A head's output, through its own rows of W_O, in that direction."""
    s, (head, token) = here.subject, index
    back = into_heads(_direction(here, token), s.trace, s.params, s.config, layer_of(of))[head, -1]
    z = s.row(of, head, len(here.tokens) - 1)
    return the_sum(r"\sum_e \rho_e\,z_e", weighed(z, back))


def _brought(here: World, of: str, index: Place) -> Made:
    """What all heads brought to a logit from one word: their weights on it, each times what its values say."""
    s, (key, token), terms = here.subject, index, []
    direction, last = _direction(here, token), len(here.tokens) - 1
    for layer in range(s.config.n_layers):
        at = f"blocks.{layer}.attn."
        back = into_heads(direction, s.trace, s.params, s.config, layer)[:, -1]  # [head, d_head]
        values = np.repeat(s[at + "v"], s.config.n_heads // s.config.kv_heads, axis=0)[:, key]
        said = (back * values).sum(-1).tolist()
        terms += [Term((s.cell(at + "pattern", head, last, key),), said[head]) for head in heads_on(s, layer)]
    return the_sum(r"\sum_{l,h} A^{l,h}_{q,k}\,(\rho^{l,h} \cdot v^{l,h}_k)", terms or [Term((), 0.0)])


def _early(here: World, of: str, index: Place) -> Made:
    """The probability that the stream would give a token if it were the last."""
    s, (position, token) = here.subject, index

    def rule(x: np.ndarray) -> float:
        return float(softmax(read_stream(x, s.params, s.config))[token])

    formula = r"\mathrm{softmax}(\mathrm{norm}(x)\,W_U)_t"
    return Made(formula, "function", tuple(s.row(of, position)), rule=rule)


def _surprise(here: World, of: str, index: Place) -> Made:
    """The cross-entropy of one token: of the one that stands behind this position."""
    s, (position,) = here.subject, index
    assert s.ids is not None, "it has a shape"
    name, place = f"probability.{of}", (position, int(s.ids[position + 1]))
    probability = Operand(name, place, here.value((name, place)))
    return Made(r"-\ln p", "function", (probability,), rule=lambda p: float(-np.log(p[0])))


def _probability(here: World, of: str, index: Place) -> Made:
    position, token = index

    def rule(x: np.ndarray) -> float:
        return float(softmax(x)[token])

    return Made(r"e^{x_t} / \sum_j e^{x_j}", "function", tuple(here.subject.row(of, position)), rule=rule)


def _followed(here: World, of: str) -> Place:
    """Of one text whose tokens are foretold: all but the last."""
    if here.subject.ids is None or here.subject.config.n_encoder_layers or len(here.tokens) < 2:
        raise ConfigError("name: here no token is foretold", "name")
    return (len(here.subject[of]) - 1,)


def _sum_of_parts(here: World) -> int:
    """How many tokens there are. Raises: ConfigError where no last stream of this page is a sum that is read."""
    c = here.subject.config
    if here.drawn is None or c.n_encoder_layers or not c.unembed or not is_sum(c):
        raise ConfigError("name: only the page that writes has votes, and only of a stream that is a sum", "name")
    return c.vocab_size


def _voting(here: World, of: str) -> Place:
    here.subject[of]  # asked, for there may be no such part
    return (_sum_of_parts(here),)


def _lensed(here: World, of: str) -> Place:
    c = here.subject.config
    if here.drawn is None or not c.unembed or not c.residual:
        raise ConfigError("name: only the page that writes reads a stream early, and only where there is one", "name")
    return len(here.subject[of]), c.vocab_size


VOTED = {
    "vote": Derived(WRITTEN, ("vocab",), _voting, _vote),
    "vote_head": Derived(
        OWN + "z", ("head", "vocab"), lambda here, of: (here.subject[of].shape[0], _sum_of_parts(here)), _vote_of_head
    ),
    "brought": Derived(
        "logits", ("pos", "vocab"), lambda here, of: (len(here.subject[of]), _sum_of_parts(here)), _brought
    ),
    "surprise": Derived("logits", ("pos",), _followed, _surprise),
    "probability": Derived(
        "logits",
        ("pos", "vocab"),
        lambda here, of: here.subject[of].shape,
        _probability,
    ),
    "lens": Derived(STREAM, ("pos", "vocab"), _lensed, _early),
}
