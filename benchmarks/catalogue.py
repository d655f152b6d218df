"""The models that are tested, as the folder's own INDEX.md lists them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

FAMILIES = "ACDEFGHIZ"  # B: attention, later; J: float models, which only give errors

OUT_OF_SCOPE = {
    "qonnx_tests/floatquant_act_weight_fp8.onnx": "quantizes to floating-point numbers",
    "qonnx_tests/eltwise_chanlast_testcase.onnx": "its weights are floats",
    "tflm/person_detect__tf2onnx17.onnx": "invalid ONNX (its corrected copy is in scope)",
    "deeploy/Models/Autoencoder1D/network.onnx": "a float model",
    "deeploy/Models/CCT/Int/ICCT/network.onnx": "attention",
    "deeploy/Models/WaveFormer/network.onnx": "attention",
    "deeploy/Models/microLlama/INT8/microLlama1/network.onnx": "attention",
    "deeploy/Kernels/Integer/RMSNorm/network.onnx": "normalization at run time",
    "deeploy/Kernels/Integer/TrueIntegerDiv/network.onnx": "division of what varies",
    "qonnx_tests/qkeras_units/keras_dense_conversion.onnx": "a float model",
}


@dataclass(frozen=True)
class Entry:
    """A model of the folder."""

    family: str
    name: str  # its path in the folder

    def path(self, folder: Path) -> Path:
        return folder / self.name

    @property
    def out_of_scope(self) -> str | None:
        """Why the project does not compile it, None where it must."""
        return OUT_OF_SCOPE.get(self.name)


def models_folder(given: str | None = None) -> Path | None:
    """Where the models are: as given, by QCOMPILE_MODELS, or beside the checkout."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "models"
    found = Path(given or os.environ.get("QCOMPILE_MODELS") or beside)
    return found if (found / "INDEX.md").is_file() else None


def entries(folder: Path) -> list[Entry]:
    """All models of the families, in the order of the index."""
    family, found = "", []
    for line in (folder / "INDEX.md").read_text().splitlines():
        heading = re.match(r"## ([A-Z]) ", line)
        row = re.match(r"\| (\S+\.onnx) \|", line)
        if line.startswith("##"):
            family = heading[1] if heading else ""
        elif row and family in FAMILIES and family:
            found.append(Entry(family, row[1]))
    return found
