"""What the compression steps cost and buy on spoken keywords: python benchmarks/keywords.py [--write].

Trains examples/keyword-spotting if that has not been done, builds it with each of STEPS for Cortex-M4, and prints a
table, which --write puts into the example's README.  Accuracy is that of the emulated core on all test recordings, of
voices that training has not heard.  Results are files in build/bench-keywords: an interrupted run goes on there.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "keyword-spotting"
TRAINED = ROOT / "build" / "keyword-spotting"
OUT = ROOT / "build" / "bench-keywords"

TUNED = "epochs = 15, learning_rate = 0.002, distill = 0.7"
STEPS = {
    "int8": '[{ quantize = "int8" }]',
    "2x4 blocks 50 %": f'[{{ prune = {{ pattern = "2x4", sparsity = 0.5, {TUNED} }} }}]',
    "2x4 blocks 75 %": f'[{{ prune = {{ pattern = "2x4", sparsity = 0.75, {TUNED} }} }}]',
    "channels, half the MACs": f'[{{ prune = {{ pattern = "channels", layers = "auto", {TUNED} }} }}]',
    "cluster 16 a channel": "[{ cluster = { clusters = 16, epochs = 5, distill = 0.7 } }]",
    "QAT": '[{ quantize = { precision = "int8_qat", epochs = 3, distill = 0.7 } }]',
    "distill: half as wide": "[{ distill = { width = 0.5, epochs = 30 } }]",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the example's README")
    options = parser.parse_args()
    if not (TRAINED / "model.keras").is_file():
        subprocess.run([sys.executable, EXAMPLE / "train.py"], check=True)
    OUT.mkdir(parents=True, exist_ok=True)
    lines = [
        "| | accuracy on the device | points against float | .tflite | flash | RAM | instructions |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row, steps in STEPS.items():
        found = measure(row, steps)
        accuracy = found["accuracy"]
        drop = 100 * (accuracy["device"] - accuracy["float"])
        lines.append(
            f"| {row} | {accuracy['device']:.2%} | {drop:+.2f} | {found['model']['tflite_bytes']:,} | "
            f"{found['flash']['total']:,} | {found['ram']['total']:,} | {found['emulation']['instructions']:,} |"
        )
    text = "\n".join(lines)
    print(text)
    if options.write:
        page = EXAMPLE / "README.md"
        before, rest = page.read_text().split("<!-- figures -->\n")
        after = rest.split("<!-- end of figures -->")[1]
        page.write_text(f"{before}<!-- figures -->\n{text}\n<!-- end of figures -->{after}")


def measure(row, steps):
    """The report of one build, from its file or made."""
    name = re.sub(r"\W+", "-", row)
    path = OUT / f"{name}.json"
    if path.is_file():
        return json.loads(path.read_text())
    text = (EXAMPLE / "edgebuild.toml").read_text().replace("../../build/", "../")
    text = re.sub(r"steps = \[.*?^\]", lambda _: f"steps = {steps}", text, flags=re.DOTALL | re.MULTILINE)
    text = text.replace("accuracy_drop = 0.02", "accuracy_drop = 1.0")
    config = OUT / f"{name}.toml"
    config.write_text(text.replace('output = "../keyword-spotting"', f'output = "{name}"'))
    command = [sys.executable, "-m", "edgebuild", "--config", config, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stdout)
    path.write_text(done.stdout)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
