import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from domain.errors import ConfigurationInvalid
from domain.finding import Assessment
from model.classifier import Classifier, OnnxNetwork, packaged_weights
from model.dataset import LabelledImage
from tests.unit.model.conftest import SHIPPED

Tensors = npt.NDArray[np.float32]


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_black_and_white_give_finite_probabilities(classifier: Classifier, level: float) -> None:
    """Even at the ends of the range the answer is one float64 probability in [0, 1]."""
    probabilities = classifier.predict(np.full((1, 150, 150, 1), level, np.float32))
    assert probabilities.shape == (1,)
    assert probabilities.dtype == np.float64
    assert 0.0 <= probabilities[0] <= 1.0


def test_batch_equals_single(classifier: Classifier, sample_tensors: Tensors) -> None:
    """An image's probability does not depend on the company in which it comes."""
    single = [classifier.predict(tensor[np.newaxis])[0] for tensor in sample_tensors]
    np.testing.assert_allclose(classifier.predict(sample_tensors), single, atol=1e-6)


def test_empty_batch_gives_nothing(classifier: Classifier) -> None:
    """No tensors, no probabilities, no heat maps, no error."""
    empty = np.empty((0, 150, 150, 1), np.float32)
    assert classifier.predict(empty).shape == (0,)
    reading = classifier.read(empty)
    assert (reading.features.shape, reading.heat_maps.shape) == ((0, 128), (0, 150, 150))


def test_reading_says_what_the_single_answers_say(classifier: Classifier, sample_tensors: Tensors) -> None:
    """Probabilities and logits of a reading are those of `predict` and `logits`; shapes and types are as promised."""
    reading = classifier.read(sample_tensors)
    np.testing.assert_array_equal(reading.probabilities, classifier.predict(sample_tensors))
    np.testing.assert_array_equal(reading.logits, classifier.network.logits(sample_tensors))
    np.testing.assert_array_equal(reading.features, classifier.network.features(sample_tensors))
    assert (reading.probabilities.dtype, reading.logits.dtype) == (np.float64, np.float64)
    assert (reading.features.dtype, reading.features.shape) == (np.float32, (12, 128))
    assert (reading.heat_maps.dtype, reading.heat_maps.shape) == (np.float32, (12, 150, 150))
    assert min(reading.features.min(), reading.heat_maps.min()) >= 0.0


def test_threads_may_share_a_classifier(classifier: Classifier, sample_tensors: Tensors) -> None:
    """Calls from several threads at once give what calls in turn give."""
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(classifier.predict, [sample_tensors[:3]] * 8))
    for answer in answers:
        np.testing.assert_allclose(answer, answers[0], atol=1e-6)


def test_probability_is_the_calibrated_logit(classifier: Classifier, sample_tensors: Tensors) -> None:
    """The probability is sigmoid(logit / temperature + bias), by the card's calibration."""
    calibration = classifier.card.calibration
    scaled = classifier.network.logits(sample_tensors) / calibration.temperature + calibration.bias
    np.testing.assert_allclose(classifier.predict(sample_tensors), 1 / (1 + np.exp(-scaled)), atol=1e-12)


def test_sample_x_rays_are_mostly_read_right(
    classifier: Classifier, samples: list[LabelledImage], sample_tensors: Tensors
) -> None:
    """At least ten of the twelve held-out sample X-rays fall on their side of the default operating point."""
    point = classifier.card.operating_point()
    suspected = [point.assess(p) is Assessment.SUSPECTED for p in classifier.predict(sample_tensors)]
    right = sum(called == bool(sample.label) for called, sample in zip(suspected, samples, strict=True))
    assert right >= 10


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (np.zeros((150, 150, 1), np.float32), r"not \(150, 150, 1\)"),
        (np.zeros((1, 150, 150), np.float32), r"not \(1, 150, 150\)"),
        (np.zeros((1, 151, 150, 1), np.float32), "151"),
        (np.zeros((1, 150, 150, 1), np.float64), "float64"),
        (np.full((1, 150, 150, 1), np.nan, np.float32), "outside"),
        (np.full((1, 150, 150, 1), 255.0, np.float32), "outside"),
        (np.full((1, 150, 150, 1), -0.01, np.float32), "outside"),
    ],
)
def test_wrong_tensors_are_the_callers_mistake(classifier: Classifier, tensors: Tensors, words: str) -> None:
    """A wrong shape, type or range is a ValueError that says so, never a probability."""
    with pytest.raises(ValueError, match=words):
        classifier.predict(tensors)
    with pytest.raises(ValueError, match=words):
        classifier.read(tensors)


_SHAPES: dict[str, list[int | str]] = {
    "logit": ["N", 1],
    "probability": ["N", 1],
    "features": ["N", 128],
    "heat_map": ["N", 150, 150],
}


def _graph(shape: list[int | str], outputs: dict[str, list[int | str]] = _SHAPES) -> bytes:
    """Build a graph of these shapes whose outputs are all the mean grey level."""
    value, constant = helper.make_tensor_value_info, helper.make_tensor
    given = [value("tensor", TensorProto.FLOAT, shape)]
    gives = [value(name, TensorProto.FLOAT, sizes) for name, sizes in outputs.items()]
    nodes, constants = [helper.make_node("ReduceMean", ["tensor"], ["mean"], axes=[1, 2, 3])], []
    for name, sizes in outputs.items():
        constants += [
            constant(f"{name}_ones", TensorProto.INT64, [len(sizes)], [-1] + [1] * (len(sizes) - 1)),
            constant(f"{name}_repeats", TensorProto.INT64, [len(sizes)], [1, *sizes[1:]]),
        ]
        nodes += [
            helper.make_node("Reshape", ["mean", f"{name}_ones"], [f"{name}_mean"]),
            helper.make_node("Tile", [f"{name}_mean", f"{name}_repeats"], [name]),
        ]
    graph = helper.make_graph(nodes, "other", given, gives, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (b"", "cannot read"),
        (b"no graph at all", "cannot read"),
        (_graph(["N", 224, 224, 3]), "224"),
        (_graph([1, 150, 150, 1]), "any N"),
        (_graph(["N", 150, 150, 1], {"score": ["N", 1]}), "score"),
        (_graph(["N", 150, 150, 1], {name: _SHAPES[name] for name in ("logit", "probability")}), "export it again"),
        (_graph(["N", 150, 150, 1], _SHAPES | {"features": ["N", 8, 8]}), "features"),
        (_graph(["N", 150, 150, 1], _SHAPES | {"heat_map": ["N", 10, 10]}), "10, 10"),
    ],
)
def test_other_graphs_are_refused(graph: bytes, words: str) -> None:
    """A file that is no graph, or a graph of another shape, cannot become the network."""
    with pytest.raises(ConfigurationInvalid, match=words):
        OnnxNetwork.from_bytes(graph)


def test_a_graph_with_all_outputs_is_taken() -> None:
    """The refusals above are about the one thing that each graph does differently."""
    assert OnnxNetwork.from_bytes(_graph(["N", 150, 150, 1]))


def test_live_path_never_imports_training_libraries() -> None:
    """Loading and asking the shipped version leaves TensorFlow, Keras and scikit-learn unimported."""
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from model.classifier import Classifier\n"
        "from model.image_file import read_image\n"
        "from model.preprocess import preprocess\n"
        f"classifier = Classifier.load(Path({str(packaged_weights())!r}), {SHIPPED!r})\n"
        "classifier.predict(np.zeros((1, 150, 150, 1), np.float32))\n"
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'onnx', 'tf2onnx'} & set(sys.modules)))\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
