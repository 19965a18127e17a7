"""Loads what peft_roundtrip.ts wrote in transformers and PEFT and compares the logits: see there. Exit code 1 above the bound."""
import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.utils import logging

BOUND = 1e-4
logging.disable_progress_bar()
warnings.simplefilter("error", UserWarning)  # PEFT warns of keys that are missing or left over.
worst, cases = 0.0, sorted(Path(sys.argv[1]).glob("*/case.json"))
for file in cases:
    case, ours = json.loads(file.read_text()), load_file(file.parent / "ours.safetensors")
    model, report = AutoModelForCausalLM.from_pretrained(
        case["checkpoint"], dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(report[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    eos = json.loads((Path(case["checkpoint"]) / "generation_config.json").read_text())["eos_token_id"]
    assert GenerationConfig.from_pretrained(case["checkpoint"]).eos_token_id == eos
    with torch.no_grad():
        base = model(ours["input_ids"]).logits[0]
        adapted = PeftModel.from_pretrained(model, case["adapter"])(ours["input_ids"]).logits[0]
    effect = (adapted - base).abs().max().item()
    deltas = [(base - ours["base"]).abs().max().item(), (adapted - ours["adapted"]).abs().max().item()]
    worst = max(worst, *deltas)
    print(f"{file.parent.name}: base max |Δ| {deltas[0]:.1e}, adapted {deltas[1]:.1e} (the adapter moves logits by {effect:.1e})")
ok = bool(cases) and worst <= BOUND
print(f"{len(cases)} adapters, worst {worst:.1e}, bound {BOUND:.0e}: {'ok' if ok else 'NOT OK'}")
sys.exit(0 if ok else 1)
