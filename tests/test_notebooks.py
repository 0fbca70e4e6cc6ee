"""Notebooks among the examples run from top to bottom, and hold no outputs in the repository."""

import json
import shutil
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs(notebook: Path) -> None:
    document = json.loads(notebook.read_text(encoding="utf-8"))
    cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert set(document["metadata"]) == {"kernelspec", "language_info"}


@pytest.mark.slow
def test_the_notebook_of_figures_gives_two_figures_and_a_table(tmp_path: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    (source,) = [each for each in NOTEBOOKS if each.stem == "figures"]
    notebook = nbformat.read(shutil.copy(source, tmp_path), as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = {cell["id"]: cell.get("outputs", []) for cell in notebook.cells}
    shown = {name: [output for output in found if "data" in output] for name, found in outputs.items()}
    for name in ("intervals", "slices"):
        assert "image/png" in shown[name][0]["data"]
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert "| WordCounter |" in outputs["table"][0]["text"]
    assert r"\toprule" in (tmp_path / "table.tex").read_text(encoding="utf-8")
    assert "WordCounter" in shown["frames"][0]["data"]["text/plain"]
    errors = [output for found in outputs.values() for output in found if output.get("name") == "stderr"]
    assert errors == []
