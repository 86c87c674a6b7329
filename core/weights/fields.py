"""The fields of a config.json: each is implemented, known not to change the numbers, or refused by name."""

from __future__ import annotations

from typing import Any, NoReturn

from .. import limits
from ..errors import WeightsError
from ..strict_json import quoted

# transformers' names for what Config.activation names.
ACTIVATIONS = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "silu": "silu",
    "swish": "silu",
}

# Why a field does not enter the forward pass of a trained model: the fields of which that is so.
DO_NOT_MATTER = {
    "tells where the file comes from, or how to keep it": """
        model_type transformers_version torch_dtype dtype _name_or_path name_or_path _commit_hash _from_model_config
        tokenizer_class language license model_max_length transformers.js_config name custom_pipelines custom_pipeline
        unsloth_version unsloth_fixed sentence_transformers sbert_ce_default_activation_function""",
    "chooses another way to the same numbers, or which of them to show": """
        use_cache chunk_size_feed_forward gradient_checkpointing torchscript return_dict output_attentions
        output_hidden_states attn_implementation _attn_implementation _attn_implementation_autoset
        _attn_implementation_internal _flash_attn_2_enabled tf_legacy_loss use_bfloat16 output_past xla_device
        use_return_dict keys_to_ignore_at_inference""",
    "names a token": """
        bos_token_id eos_token_id pad_token_id unk_token_id sep_token_id cls_token_id mask_token_id
        decoder_start_token_id""",
    "is of training": """
        initializer_range initializer_factor attention_dropout attention_probs_dropout_prob attn_pdrop embd_pdrop
        resid_pdrop hidden_dropout hidden_dropout_prob dropout classifier_dropout neftune_noise_alpha""",
    "is of a task after the last hidden state": """
        id2label label2id num_labels _num_labels problem_type finetuning_task task_specific_params prefix""",
    "is of generation, after the logits": """
        max_length min_length max_new_tokens do_sample early_stopping num_beams num_beam_groups diversity_penalty
        temperature top_k top_p typical_p repetition_penalty length_penalty no_repeat_ngram_size
        encoder_no_repeat_ngram_size bad_words_ids num_return_sequences output_scores return_dict_in_generate
        forced_bos_token_id forced_eos_token_id remove_invalid_values exponential_decay_length_penalty suppress_tokens
        begin_suppress_tokens""",
}
HARMLESS = frozenset(name for names in DO_NOT_MATTER.values() for name in names.split())

# What would change the numbers in every family, unless it has the value given here.
INERT: dict[str, Any] = {
    "is_encoder_decoder": False,
    "add_cross_attention": False,
    "tie_encoder_decoder": False,
    "cross_attention_hidden_size": None,
    "pruned_heads": {},
}


class Fields:
    """Reads a config.json field by field, then refuses what was not read.

    A field that is absent, or null, has transformers' default. without_head: what stands over the last hidden state is
    left out, whatever it is. within: the name of the object that these fields stand in, if not the file itself.
    Raises: WeightsError naming the field, for a value of a wrong type, or one that is not implemented.
    """

    def __init__(self, values: dict[str, Any], without_head: bool = False, within: str = ""):
        self._at = f"config.json: {within}: " if within else "config.json: "
        self._values = values
        self._without_head = without_head
        self._read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """The value as it is in the file."""
        self._read.add(name)
        value = self._values.get(name)
        return default if value is None else value

    def is_null(self, name: str) -> bool:
        """Is the field in the file, and null? For the few whose default is another."""
        return name in self._values and self._values[name] is None

    def size(self, name: str, default: int) -> int:
        """A whole number from 1."""
        value = self.get(name, default)
        if not (type(value) is int and 1 <= value <= limits.PARAMETERS):
            self.refuse(name, f"a whole number in 1..{limits.PARAMETERS:,}")
        return value

    def size_if_any(self, name: str) -> int | None:
        """A whole number from 1; None where the file does not say it."""
        return None if self.get(name) is None else self.size(name, 1)

    def index(self, name: str, default: int) -> int:
        """A whole number from 0."""
        value = self.get(name, default)
        if not (type(value) is int and 0 <= value <= limits.PARAMETERS):
            self.refuse(name, f"a whole number in 0..{limits.PARAMETERS:,}")
        return value

    def layers(self, name: str, default: int) -> int:
        """How many blocks there are: few enough to list their parameters before anything else is known."""
        value = self.size(name, default)
        if value > limits.WEIGHTS_LAYERS:
            self.refuse(name, f"at most {limits.WEIGHTS_LAYERS}")
        return value

    def number(self, name: str, default: float) -> float:
        """A finite number above 0."""
        value = self.get(name, default)
        # Integers are compared as they are: those past 1e308 have no float.
        if type(value) not in (int, float) or not 0 < value <= 1e300:
            self.refuse(name, "a finite number above 0")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """true or false."""
        value = self.get(name, default)
        if type(value) is not bool:
            self.refuse(name, "true or false")
        return value

    def activation(self, name: str, default: str) -> str:
        """The non-linearity, as Config names it."""
        value = self.get(name, default)
        if not isinstance(value, str) or value not in ACTIVATIONS:
            self.refuse(name, "one of " + ", ".join(ACTIVATIONS))
        return ACTIVATIONS[value]

    def must_be(self, name: str, right: Any) -> None:
        """Refuse any other value than `right` (or null)."""
        value = self.get(name)
        if value is not None and (isinstance(value, bool) != isinstance(right, bool) or value != right):
            self.refuse(name, f"only {quoted(right)}")

    def has_head(self, base: str, *with_head: str) -> bool:
        """Does `architectures` say that there are logits? base, with_head: the class names without and with.

        A config.json that says nothing is taken to have what its family can have.
        """
        names = self.get("architectures", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self.refuse("architectures", "a list of names")
        if self._without_head:
            return False
        for name in names:
            if name != base and name not in with_head:
                raise WeightsError(
                    f"config.json: architectures: the head of {quoted(name)} is not implemented; "
                    "load_pretrained(folder, without_head=True) loads what is under it"
                )
        return bool(with_head) and base not in names

    def harmless(self, *names: str) -> None:
        """Let these fields be whatever they are: in this family they do not enter the forward pass."""
        self._read.update(names)

    def refuse(self, name: str, right: str) -> NoReturn:
        """Raise WeightsError: `name` should be `right`."""
        raise WeightsError(f"{self._at}{name}: {quoted(self._values.get(name))} is not implemented; {right} is")

    def finish(self) -> None:
        """Refuse every field that was not read, is not null, and is not known to be harmless."""
        for name, value in INERT.items():
            if name not in self._read:
                self.must_be(name, value)
        for name, value in self._values.items():
            if value is not None and name not in self._read and name not in HARMLESS:
                raise WeightsError(f"config.json: {quoted(name)}: {quoted(value)}: no such field is implemented")
