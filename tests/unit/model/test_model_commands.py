import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from admin.model_commands import app
from domain.errors import ConfigurationInvalid
from model.classifier import packaged_weights
from model.dataset import LabelledImage
from tests.unit.model.conftest import SAMPLES, SHIPPED

_FIGURES = {
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "roc_auc",
    "pr_auc",
    "brier",
    "ece",
    "n",
    "confusion",
}


def _run(*arguments: str) -> str:
    """Run a command that must end well, and give its standard output."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def _fails(*arguments: str) -> str:
    """Run a command that must be refused, and give its words."""
    with pytest.raises(ConfigurationInvalid) as refused:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    return str(refused.value)


@pytest.fixture
def folder(tmp_path: Path, samples: list[LabelledImage]) -> Path:
    """The sample X-rays as a folder of labelled images that is not the training data."""
    for sample in samples:
        target = tmp_path / ("PNEUMONIA" if sample.label else "NORMAL") / sample.path.name
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(sample.path)
    return tmp_path


def test_list_names_the_shipped_version() -> None:
    """`list --json` gives each version with its recipe."""
    assert {"version": SHIPPED, "recipe": "robust"}.items() <= json.loads(_run("list", "--json"))[0].items()
    assert SHIPPED in _run("list")


def test_card_shows_the_whole_card() -> None:
    """`card --json` is the card as it lies in the version's folder; the table shows its limits."""
    stored = json.loads((packaged_weights() / SHIPPED / "card.json").read_text())
    assert json.loads(_run("card", SHIPPED, "--json")) == stored
    assert "Not a medical device" in _run("card", SHIPPED)


def test_card_of_an_unknown_version_is_refused() -> None:
    """A version that is not there is named in the refusal."""
    assert "robust-9" in _fails("card", "robust-9")


def test_evaluate_measures_all_of_a_foreign_folder(folder: Path) -> None:
    """Every image of a folder that is not the training data counts, with all the figures as JSON."""
    answer = json.loads(_run("evaluate", "--data", str(folder), "--version", SHIPPED, "--json"))
    assert set(answer) >= _FIGURES
    assert answer["n"] == 12
    assert sum(answer["confusion"].values()) == 12
    assert set(answer["confusion"]) == {"tp", "fp", "tn", "fn"}
    assert set(answer["operating_points"]) == {"high_sensitivity", "balanced"}


def test_evaluate_prints_table_3_and_the_confusion_at_each_threshold(folder: Path) -> None:
    """Accuracy beside the averages and the counts, at 0.5 and at each operating point, for people as in JSON."""
    answer = json.loads(_run("evaluate", "--data", str(folder), "--json"))
    printed = _run("evaluate", "--data", str(folder))
    for name in ("at 0.5", "high_sensitivity", "balanced"):
        table = answer["per_class"][name]
        assert list(table) == ["NORMAL", "PNEUMONIA", "accuracy", "macro avg", "weighted avg"]
        rates = answer if name == "at 0.5" else answer["operating_points"][name]
        assert table["accuracy"] == pytest.approx(rates["accuracy"])
        assert table["PNEUMONIA"]["recall"] == pytest.approx(rates["recall"])
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    confusion = answer["confusion"]
    assert ["accuracy", "-", "-", f"{answer['accuracy']:.3f}", "12"] in cells
    assert ["NORMAL", str(confusion["tn"]), str(confusion["fp"])] in cells
    assert ["PNEUMONIA", str(confusion["fn"]), str(confusion["tp"])] in cells


def test_evaluate_measures_validation_patients_only(tmp_path: Path, folder: Path) -> None:
    """In training data only the version's validation patients count: held-out samples alone are nothing to measure."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "train").symlink_to(folder)
    assert "no image of the patients" in _fails("evaluate", "--data", str(data), "--version", SHIPPED)
    assert json.loads(_run("evaluate", "--data", str(data), "--version", SHIPPED, "--all", "--json"))["n"] == 12


def test_train_refuses_an_unknown_recipe(folder: Path, tmp_path: Path) -> None:
    """A recipe that does not exist stops the command before it writes anything."""
    run = tmp_path / "run"
    assert "known: paper" in _fails("train", "--data", str(folder), "--run-dir", str(run), "--recipe", "x")
    assert not run.exists()


def test_train_excludes_the_sample_patients(folder: Path, tmp_path: Path) -> None:
    """By default the sample X-rays' patients are left out: with no others, nothing remains to train on."""
    words = _fails("train", "--data", str(folder), "--run-dir", str(tmp_path / "run"))
    assert "no images left" in words


def test_missing_train_extra_says_what_to_install(tmp_path: Path) -> None:
    """Without Keras, `train` names the make target that installs it, and `list` works all the same."""
    code = (
        "import sys\n"
        "sys.modules.update({'keras': None, 'tensorflow': None, 'sklearn': None})\n"
        "from admin.model_commands import app\n"
        "from domain.errors import ConfigurationInvalid\n"
        "app(['list', '--json'], standalone_mode=False)\n"
        "try:\n"
        f"    app(['train', '--data', '.', '--run-dir', {str(tmp_path)!r}], standalone_mode=False)\n"
        "except ConfigurationInvalid as refused:\n"
        "    print(refused)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SAMPLES.parent)
    assert SHIPPED in done.stdout
    assert "make venv-train" in done.stdout


def test_gate_judges_chests_and_what_is_none(folder: Path) -> None:
    """`gate --json` counts the samples as admitted, and drawn negatives and turned chests not as they stand."""
    told = json.loads(_run("gate", "--data", str(folder), "--every", "6", "--negatives", "1", "--json"))
    assert told["chests"]["as they are"]["count"] == 12
    assert told["chests"]["as they are"]["admitted"] == 1.0
    assert sum(row["refused"] for row in told["no chest"].values()) >= len(told["no chest"]) - 2
    assert all(row["admitted"] == 0.0 for row in told["every 6th chest, stored with"].values())
    assert "refused" in _run("gate", "--data", str(folder), "--every", "12", "--negatives", "1")


def test_the_card_in_the_docs_is_that_of_the_shipped_version() -> None:
    """docs/model-card.md is what `model card --markdown` prints, so a new version cannot leave the old page behind."""
    page = Path(__file__).parents[3] / "docs" / "model-card.md"
    assert page.read_text() == _run("card", "--markdown")


def test_evaluate_writes_every_plot(folder: Path, tmp_path: Path) -> None:
    """`evaluate --plots` leaves curves, ROC, precision-recall, calibration, confusion and examples as pictures."""
    target = tmp_path / "plots"
    _run("evaluate", "--data", str(folder), "--plots", str(target))
    sizes = {path.name: Image.open(path).size for path in target.iterdir()}
    names = ("curves", "roc", "precision-recall", "calibration", "confusion", "examples")
    assert set(sizes) == {f"{name}.png" for name in names}
    assert min(width for width, _ in sizes.values()) >= 600
