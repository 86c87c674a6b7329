"""What a number is called: what its array holds, and where in it the number stands, by tokens, heads and dimensions."""

from __future__ import annotations

import re
from functools import lru_cache

from core import NAMES, Config, Scene, interpret
from core.config import ENCODER
from core.explain.subject import GRAD, LENGTH
from core.interpret import ANSWERS, is_sum
from core.limits import MOMENT
from core.scene.fields import Numbered
from pictures import habits, influence, left_out, stacks
from pictures.explained import derived, runs
from pictures.explained.akin import SENTENCES
from pictures.explained.checked import CHECK
from pictures.explained.habitual import HABITS
from pictures.explained.kinds import COMPONENT, LABEL, SENTENCE
from pictures.explained.measured import MOMENTS
from pictures.explained.page_world import ON_MAPS, asked, grammar, pinned_directions
from pictures.explained.scored import SCORE, SCORED
from pictures.explained.world import DRAW, EVERYWHERE, ROW, STEPS, World, bare_of
from pictures.extremes import token_name
from pictures.generate import loss as losses
from pictures.pair import Pair
from pictures.train.curves import part_name
from pictures.words import Words

DRAWN = {"generate": STEPS, "translate": STEPS[:1]}  # pages that draw a token: the shares that they show
PATTERNS = ("blocks.*.attn.pattern", "encoder.blocks.*.attn.pattern")
MADE = {  # pages that draw numbers that no trace holds: those, but for Drift's
    "heads": (
        *(f"{kind}.{of}" for kind in ("mean_entropy", "mean_distance") for of in PATTERNS),
        *("mean_entropy.blocks.*.cross.pattern", "change.blocks.*.cross.z", "reached.encoder.blocks.*.attn.z"),
        *("change.blocks.*.attn.z", "lost.blocks.*.resid_post"),
    ),
    "reading": (
        *("carried.blocks.*.cross.pattern", "carried.encoder.blocks.*.attn.pattern"),
        *("carried.blocks.*.attn.pattern", "rolled.encoder.blocks.*.attn.pattern", "rolled.blocks.*.attn.pattern"),
        *("effect.blocks.*.cross.z", "effect.encoder.blocks.*.attn.z", "effect.blocks.*.attn.z"),
        *("variation.blocks.*.cross.z", "variation.blocks.*.attn.z", "key_effect.blocks.*.cross.pattern"),
        *("key_effect.encoder.blocks.*.attn.pattern", "key_effect.blocks.*.attn.pattern"),
        *(f"{kind}.{of}" for kind in SCORED if kind.startswith(SCORE) for of in reversed(PATTERNS)),
        *(f"probe.{of}" for of in reversed(PATTERNS)),
        *(f"{kind}.blocks.*.attn.pattern" for kind in HABITS),
        *("plane.blocks.*.attn.q", "plane.blocks.*.attn.k", "plane.blocks.*.attn.rot_q", "plane.blocks.*.attn.rot_k"),
        *("plane.blocks.*.cross.q", "plane.blocks.*.cross.k", "plane.encoder.blocks.*.attn.q"),
        *("plane.encoder.blocks.*.attn.k", "plane.encoder.blocks.*.attn.rot_q", "plane.encoder.blocks.*.attn.rot_k"),
    ),
    "translate": (
        *("aligned.blocks.*.cross.pattern", "sharp.blocks.*.cross.pattern", "beam.logits"),
        *("sharp.blocks.*.attn.pattern", "sharp.encoder.blocks.*.attn.pattern"),
    ),
    "fibres": ("probability.logits", "cut.blocks.*.resid_post"),
    "generate": (
        *("vote_head.blocks.*.attn.z", "vote.blocks.*.mlp_out", "vote.embed", "brought.logits"),
        *("lens.blocks.*.resid_post", "spent.logits"),
    ),
    "block": (
        *(f"{kind}.blocks.*.{norm}.out" for norm in ("ln1", "ln_cross", "ln2") for kind in MOMENTS),
        *(f"{kind}.encoder.blocks.*.{norm}.out" for norm in ("ln1", "ln2") for kind in MOMENTS),
        *("zeros.blocks.*.mlp.post", "zeros.encoder.blocks.*.mlp.post", "alike.pos_embed", "alike.encoder.pos_embed"),
    ),
    "cause": (
        "gap.logits",
        "moved_stream.blocks.*.resid_pre",
        "moved_head.blocks.*.attn.z",
        "moved_word.blocks.*.attn.z",
        "moved_mlp.blocks.*.mlp_out",
        "moved_cross.blocks.*.cross.z",
        "moved_encoder.encoder.blocks.*.resid_pre",
    ),
}
OF_A_CHECK = (*CHECK, "along")  # kinds that are told of the page's own weight, or of a parameter
OF_PARTS = ("norm_mean", "norm_taken")  # kinds whose numbers are of a part of the model
OF_SEVERAL = (
    "vote",
    "lens",
    "overall",
    "differs",
    "whole_grad",
)  # kinds whose numbers are of several arrays of a layer
OF_TWO_STACKS = (  # how kinds begin whose numbers a model of two stacks has too
    *("mean_", "variance_", "zeros", "alike", "moved_", "gap", "aligned", "sharp", "beam", "carried."),
    *("change.", "reached.", "lost.", "rolled.", "effect.", "variation.", "key_effect.", "score_", "probe.", "plane."),
)
OF_CROSS = ("aligned", "finds", "moved_cross")  # kinds that are of cross-attention alone
LAYER = re.compile(r"(?:encoder\.)?(?:blocks\.(\d+)\.)?(.*)")


def title(number: Numbered, world: World, words: Words) -> str:
    """The number in words: "attention weight · layer 0, head 1, “tem” → “joelho”"."""
    name, index = number
    where = _place(number, world, words)
    return f"{array(name, words)} · {where}" if index and where else array(name, words)


@lru_cache(maxsize=4096)  # at every turn the form names all arrays of its page
def array(name: str, words: Words, code: bool = False) -> str:
    """What an array holds: "gradient by: query". code: with its name in the trace, for those alike to be told apart."""
    run, name = runs.parted(name)
    if run:
        kind, inner, place = run.partition(".")[0], array(name, words, code), runs.numbers(run)
        if kind.startswith("without"):
            return words(f"explain.{kind}", name=inner, layer=place[0], head=place[1])
        if kind == "told" or kind.startswith("sequence"):
            return words(f"explain.{kind.partition('_')[0]}", name=inner, n=place[0] + 1)
        if kind in (runs.TAKEN, runs.UNSEEN, runs.PROBED):
            return words(f"explain.{kind}", name=inner, n=place[0])
        if kind == runs.AT:
            return words("explain.at_step", name=inner, n=place[0])
        if kind == runs.NUDGED:
            return words(f"explain.{('below', 'above')[place[0] % 2]}", name=inner)
        return words(f"explain.{kind.partition('_')[0]}", name=inner)
    kind, of = derived.kind_of(name)
    if kind:
        made, _, answer = kind.partition("_")
        if made in ("share", "answer") and answer in ANSWERS:
            return words(f"explain.{made}", name=words(f"cause.answers.{answer}"))
        label = words(f"explain.derived.{kind}")
        if kind in OF_PARTS:
            return f"{label}: {part_name(of, words)}"
        if kind in OF_SEVERAL or (kind in OF_A_CHECK and of != "logits"):
            return f"{label}: {array(of, words, code)}"
        if kind in (*MOMENTS, "entering"):
            label = f"{label} ({of.split('.')[-2]})"  # a layer has several norms
        if of.startswith(ENCODER):
            return words("explain.encoder", name=label)
        return words("explain.cross", name=label) if ".cross." in of and kind not in OF_CROSS else label
    for start, key in ((LENGTH, "length"), (GRAD, "gradient")):
        if name.startswith(start):
            return words(f"explain.{key}", name=array(name.removeprefix(start), words, code))
    bare = LAYER.fullmatch(name)[2]  # type: ignore[index]
    if not (known := LABELS.get(bare) or LABELS.get(f"blocks.{{i}}.{bare}")):
        return words("explain.parameter", name=name)
    label = words(f"explain.names.{known}")
    label = f"{label} ({bare})" if code else label
    if name.startswith(ENCODER):
        return words("explain.encoder", name=label)
    return words("explain.cross", name=label) if "cross" in bare else label


def _label(name: str) -> str:
    """What an array has in common with those like it: of every norm, of both kinds of attention."""
    rest = name.removeprefix("blocks.{i}.")
    return re.sub(r"^ln\w*\.", "ln.", rest).replace("cross.", "attn.").replace("_cross", "").replace("cross_", "attn_")


LABELS = {name: _label(name) for name in NAMES if not name.startswith(ENCODER)}
LABELS |= {"position": "position", "mask": "mask", "cross.mask": "mask"}
LABELS |= {name: name for name in (DRAW + step for step in STEPS)}


def families(page: str, scene: Scene) -> list[str]:
    """The arrays whose numbers a page can be asked for, those of every layer as one: `blocks.*.attn.pattern`."""
    if page == "models":
        return [f"akin.{SENTENCES}"]
    config = asked(page, scene).config
    found = [name.format(i="*") for name in recorded(config)]
    if config.n_encoder_layers:
        found += [ENCODER + name.format(i="*") for name in recorded(config.encoder)]
    if page == "backward":
        own = [f"overall.{GRAD}{name}" for name in found if name.endswith((".resid_pre", ".resid_post"))]
        return [*own, *(GRAD + name for name in found)]
    if page == "drift":
        own = [f"drift.{name}" for name in found if name.endswith((".resid_pre", ".resid_post"))]
        own += [] if pinned_directions(scene) else ["variance.embed"]
    elif page == "cause":
        pair = Pair.of(scene)
        own = [one for one in MADE[page] if _is_made(one, config) and (pair.alike or one == "gap.logits")]
        own += [] if influence.silent(pair) else [f"share_{name}.embed" for name in ANSWERS]
    else:
        own = [one for one in MADE.get(page, ()) if _is_made(one, config)]
        own = [one for one in own if stacks.looks(scene).ablated or not one.startswith("lost.")]
        own = [one for one in own if scene.cut or not one.startswith("cut.")]
        own = [one for one in own if habits.offered(scene) or one.partition(".")[0] not in HABITS]
        if page == "generate" and len(losses.joined(asked(page, scene)).tokens) > 1:
            own.append(f"{runs.JUDGED}surprise.logits")
        if page == "translate" and not grammar(asked(page, scene)):
            own = [one for one in own if not one.startswith("aligned")]
        if page in ON_MAPS and (divided := left_out.weights_name(PATTERNS[0], scene)) != PATTERNS[0]:
            own.insert(0, divided)
    return [*(DRAW + step for step in DRAWN.get(page, ())), *own, *found]


def _is_made(name: str, config: Config) -> bool:
    """Whether a page makes such numbers of a model of this Config."""
    bare = bare_of(name)
    if config.n_encoder_layers and not name.startswith(OF_TWO_STACKS):
        return False
    if name.startswith("lens") and not config.residual:
        return False
    if name.startswith(("vote", "brought")) and not is_sum(config):
        return False
    if name.startswith("variation") and not config.unembed:
        return False
    if bare.startswith(ENCODER):
        own = bare.removeprefix(ENCODER)
        return bool(config.n_encoder_layers) and _has(config.encoder, own.replace("*", "{i}"))
    return _has(config, bare.replace("*", "{i}"))


@lru_cache(maxsize=64)  # every turn of a page offers them
def recorded(config: Config) -> tuple[str, ...]:
    """The arrays that a forward of this Config records, as core.NAMES says them."""
    return tuple(name for name in LABELS if name in NAMES and _has(config, name))


def _has(config: Config, name: str) -> bool:
    """Whether a forward of this Config records such an array."""
    rest = name.removeprefix("blocks.{i}.")
    part, _, step = rest.partition(".")
    if part in ("cross", "ln_cross", "cross_out", "resid_mid_cross"):
        return config.cross
    own = {
        "pos_embed": config.positions in ("sinusoidal", "learned"),
        "ln_embed": config.embed_norm,
        "ln_final": config.final_norm,
        "ln1": config.norm != "none",
        "ln2": config.norm != "none" and config.d_mlp > 0,
        "mlp": config.d_mlp > 0 and (config.gated or step not in ("up", "act")),
        "mlp_out": config.d_mlp > 0,
        "logits": config.unembed,
    }
    return own.get(part, config.positions == "rotary" or not step.startswith("rot_"))


def family_of(name: str) -> tuple[str, int | None]:
    """An array's name with a "*" for its layer, and the layer; None where it has none."""
    found = re.search(r"\bblocks\.(\d+)\.", name)
    return (name, None) if found is None else (name.replace(found[0], "blocks.*.", 1), int(found[1]))


def index_at(name: str, world: World, scene: Scene) -> tuple[int, ...]:
    """The place in an array where the reader looks: the chosen head, cell and dimension, inside it."""
    looked = {"step": scene.train_step if scene.train_step is not None else MOMENT[1]} if world.taught else {}
    looked |= {"head": scene.head, "kv_head": scene.head, "key": scene.key, "pos": scene.query, "query": scene.query}
    axes = zip(world.axes(name), world.shape(name), strict=True)
    return tuple(min(looked.get(axis, scene.dimension if axis[:2] == "d_" else 0), size - 1) for axis, size in axes)


def component(place: int) -> str:
    """One of the directions in which Drift draws, as its axes call it."""
    return f"PC{place + 1}"


def pattern(place: int, words: Words) -> str:
    """One of the patterns that have a name."""
    return words(f"reading.names.{interpret.LABELS[place]}")


def _place(number: Numbered, world: World, words: Words) -> str:
    name, index = number
    if (bare := runs.parted(name)[1]) in EVERYWHERE:
        if bare == "position":  # it is told of both texts alike, and of a batch's rows
            alike = world.read is not None or world.within(name)[0].rows is not None
            token = token_name(world.tokens_of(name, "pos"), index[0], words) if not alike else ""
            return token or words("explain.at.pos", n=index[0])
        ends = zip(("query", "key"), index[-2:], strict=True)
        row = index[0] if len(index) > 2 else 0
        return " → ".join(token_name(world.tokens_of(name, axis, row), at, words) for axis, at in ends)
    axes, parts = world.axes(name), []
    row = index[0] if axes[:1] == (ROW,) else 0
    if not all(axes):
        return f"[{', '.join(map(str, index))}]"
    if layer := LAYER.fullmatch(bare_of(name))[1]:  # type: ignore[index]
        parts.append(words("explain.at.layer", n=int(layer)))
    batch = len(index) - len(axes)
    for axis, place in zip(axes, index[batch:], strict=True):
        if axis == "key" and parts:
            parts[-1] += f" → {token_name(world.tokens_of(name, axis, row), place, words)}"
        elif axis in ("pos", "query"):
            parts.append(token_name(world.tokens_of(name, axis, row), place, words))
        elif axis == "vocab":
            parts.append(words("quoted", token=world.within(name)[0].called(place)))
        elif axis == COMPONENT:
            parts.append(component(place))
        elif axis in (SENTENCE, ROW):  # they are counted from 1
            parts.append(words(f"explain.at.{axis}", n=place + 1))
        elif axis == LABEL:
            parts.append(words("quoted", token=pattern(place, words)))
        elif axis != "1":
            parts.append(words(f"explain.at.{axis}", n=place))
    return ", ".join(parts)
