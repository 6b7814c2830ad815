"""The exercises' self-checks: right, nearly right, foreseen, and absurd answers; and that chapters use them truly."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import sidebyside as sbs
from make_references.answers import ANSWERS, STORE
from sidebyside import exercises
from sidebyside.exercises import NOT_ANSWERED, Exercise, Mistake, UnknownExerciseError, judge

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
ALL = {name: exercise for path in NOTEBOOKS for name, exercise in exercises.exercises_of(path.stem[:2]).items()}
ABSURD = [1e12, -1e12, float("nan"), float("inf"), "banana", "", list(range(12)), {}, object(), True]
each = pytest.mark.parametrize("name", sorted(ALL))


def right_answer(name):
    answer = ALL[name].right()
    return answer if isinstance(answer, str) else np.asarray(answer, dtype=float)


@each
def test_the_right_answer_is_right_and_its_neighbours_are_not(name):
    exercise, right = ALL[name], right_answer(name)
    assert judge(exercise, right).right and judge(exercise, right).message.startswith("Right. ")
    if isinstance(right, str):
        assert judge(exercise, f" {right.upper()} ").right
        return
    assert judge(exercise, right.tolist()).right
    assert exercise.tolerance > 0 and np.all(np.abs(right) < 1e9), "give the check a tolerance"
    assert judge(exercise, right + 0.9 * exercise.tolerance).right
    for factor in (1.1, -1.1, 2.5, 50):
        assert judge(exercise, right + factor * exercise.tolerance).right is False


@each
def test_a_foreseen_mistake_gets_its_own_hint(name):
    for mistake in ALL[name].mistakes:
        verdict = judge(ALL[name], mistake.answer())
        assert verdict.right is False and verdict.message == f"Not yet. {mistake.hint}"


@each
def test_absurd_answers_get_a_sentence_and_no_error(name):
    for answer in ABSURD:
        verdict = judge(ALL[name], answer)
        assert verdict.right is False and verdict.message.startswith("Not yet"), answer
    assert judge(ALL[name], ...).right is None


@each
def test_no_message_gives_the_answer_away(name):
    exercise, right = ALL[name], right_answer(name)
    said = [exercise.hint, exercise.asks, *(mistake.hint for mistake in exercise.mistakes)]
    if isinstance(right, str):
        assert not any(re.search(rf"(?<!\w)[\"'(]?{right}[\"')](?!\w)", text) for text in said)
        return
    for text in said:
        numbers = [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", ""))]
        for value in np.ravel(right):
            near = [number for number in numbers if abs(number - value) <= exercise.tolerance and value not in (0, 1)]
            assert not near, f"{name}: {text!r} holds {near}"


@pytest.mark.parametrize(("name", "answer"), [("02-doors", [0.7, 0.5]), ("02-mammogram", 0.1)])
def test_a_right_answer_that_was_rounded_is_told_so(name, answer):
    verdict = judge(ALL[name], answer)
    assert verdict.right is False and "rounded" in verdict.message and "decimals" in verdict.message


def test_a_number_needed_to_treat_may_be_whole():
    assert judge(ALL["04-treat"], 6).right and judge(ALL["04-treat"], right_answer("04-treat")).right
    assert "raw shares" in judge(ALL["04-treat"], 5.09).message


@pytest.mark.parametrize(("answer", "right", "said"), [
    (14, False, "safe whole number"), (15, False, "a little more than a tenth"), (13.9, False, "factor is 0.9"),
    (14.6, True, "Right"), (14.67, True, "Right"), (14.7, True, "Right"),
])  # fmt: skip
def test_a_ruler_is_asked_to_one_decimal(answer, right, said):
    verdict = judge(ALL["07-ruler"], answer)
    assert verdict.right is right and said in verdict.message


@pytest.mark.parametrize("chapter", sorted({path.stem[:2] for path in NOTEBOOKS}))
def test_each_exercise_is_asked_once_and_solved_once(chapter):
    """Open, the check says that nothing was answered; in the solution it says "Right". A chapter may have two parts."""
    asked, solved = {}, {}
    parts = [path for path in NOTEBOOKS if path.stem.startswith(chapter)]
    for cell in (cell for path in parts for cell in nbformat.read(path, 4).cells):
        if cell.cell_type != "code":
            continue
        for name in re.findall(r"sbs\.check\(\s*\"([^\"]+)\"", cell.source):
            shown = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
            kind = solved if "solution" in cell.metadata.get("tags", []) else asked
            assert name not in kind, f"{name} stands twice"
            kind[name] = shown
    assert set(asked) == set(solved) == set(exercises.exercises_of(chapter))
    assert all(text == NOT_ANSWERED for text in asked.values()), asked
    assert all(text.startswith("Right. ") for text in solved.values()), solved


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_stored_answer_is_computed_anew(name):
    assert json.loads(STORE.read_text())[name] == pytest.approx(ANSWERS[name](), rel=1e-9)


def test_every_stored_answer_is_made_and_used():
    chapters = {path.stem[-2:]: path.read_text() for path in Path(exercises.__file__).parent.glob("chapter_*.py")}
    used = {name for text in chapters.values() for name in re.findall(r"stored\(\s*f?\"([^\"]+)\"", text)}
    models = {name.format(model=model) for name in used for model in ("pooled", "hierarchical")}
    assert set(json.loads(STORE.read_text())) == set(ANSWERS) == models
    assert all(name in text for number, text in chapters.items() for name in used if name.startswith(number))


# ---- the machinery, on exercises made up for it ---------------------------------------------------

SLOPE = Exercise(
    right=lambda: 2.0,
    tolerance=0.05,
    asks="the slope in g per mm",
    praise="That is the slope.",
    hint="Draw it first.",
    low=-10,
    high=10,
    mistakes=(Mistake(lambda: -2.0, "Look at the sign."),),
)
PAIR = Exercise(right=lambda: [0.1, 0.9], tolerance=0.01, asks="two shares", praise="Yes.", hint="They add up to one.")
EXACT = replace(SLOPE, drawn=False, mistakes=(Mistake(lambda: 0.6, "That is the factor.", tolerance=0.03),))
CHOICE = Exercise(
    right=lambda: "b",
    asks="your choice",
    praise="Indeed.",
    hint="Read again.",
    mistakes=(Mistake(lambda: "c", "That is the prior."),),
)


@pytest.mark.parametrize(
    ("exercise", "answer", "right", "said"),
    [
        (SLOPE, 2.04, True, "Right. That is the slope."),
        (SLOPE, np.float32(2.0), True, "Right."),
        (SLOPE, np.array([2.0]), True, "Right."),
        (SLOPE, 2.1, False, "close"),
        (SLOPE, -2.0, False, "Look at the sign."),
        (SLOPE, 5.0, False, "Draw it first."),
        (SLOPE, 50.0, False, "between -10 and 10; yours is outside"),
        (SLOPE, [2.0, 2.0], False, "one number. You gave an array of shape (2,)"),
        (SLOPE, "2.0", False, "You gave a str"),
        (SLOPE, np.nan, False, "not a finite number"),
        (SLOPE, ..., None, NOT_ANSWERED),
        (PAIR, (0.1, 0.9), True, "Right."),
        (PAIR, pd.Series([0.1, 0.9]), True, "Right."),
        (PAIR, [0.9, 0.1], False, "They add up to one."),
        (PAIR, 0.1, False, "2 numbers, in a list. You gave one number"),
        (PAIR, ["0.1", "0.9"], False, "leave out the quotes"),
        (EXACT, 2.1, False, "round too early?"),
        (EXACT, 0.62, False, "That is the factor."),
        (CHOICE, "B", True, "Right."),
        (CHOICE, "c", False, "That is the prior."),
        (CHOICE, "a", False, "Read again."),
        (CHOICE, 2, False, "one letter in quotes"),
    ],
)
def test_a_verdict_says_what_helps(exercise, answer, right, said):
    verdict = judge(exercise, answer)
    assert verdict.right is right and bool(verdict) == bool(right) and said in verdict.message
    assert repr(verdict) == verdict.message
    assert verdict._repr_markdown_().replace("*", "") == verdict.message


@pytest.mark.parametrize(
    "answer", [[None], [np.nan], Decimal("NaN"), pd.Series([pd.NA], dtype="Int64"), np.array([None]), -np.inf]
)
def test_what_numpy_reads_as_nan_or_infinite_is_told_so(answer):
    verdict = judge(SLOPE, answer)
    assert verdict.right is False and "not a finite number" in verdict.message


class Hostile:
    """Raises whatever one asks it for."""

    def __init__(self, error):
        self.error = error

    def __array__(self, *_, **__):
        raise self.error


def nested():
    endless = []
    endless.append(endless)
    return endless


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        pytest.param(
            10**400,
            "an int that could not be read as numbers (OverflowError: int too large to convert to float)",
            id="huge int",
        ),
        ([10**400], "a list that could not be read as numbers (OverflowError"),
        (Fraction(10**400), "a Fraction that could not be read as numbers (OverflowError"),
        (Fraction(10**400, 3), "a Fraction that could not be read as numbers (OverflowError"),
        (Hostile(RuntimeError("not now.\nAnd a page more.")), "a Hostile that could not be read as numbers (Runtime"),
        (Hostile(NotImplementedError()), "a Hostile that could not be read as numbers (NotImplementedError)"),
        (Hostile(KeyError("x")), "a Hostile that could not be read as numbers (KeyError: 'x')"),
        (Hostile(ZeroDivisionError("0")), "a Hostile that could not be read as numbers (ZeroDivisionError: 0)"),
        (Hostile(TypeError("no")), "a Hostile."),
        (Decimal("sNaN"), "a Decimal."),
        (nested(), "a list"),
        ([[1], [2, 3]], "a list."),
        ([[2.0, 2.0], [1.0, 3.0]], "an array of shape (2, 2)."),
        ([...], "a list."),
        ({2.0}, "a set."),
        ({"slope": 2.0}, "a dict."),
        ((value for value in [2.0]), "a generator."),
        (lambda: 2.0, "a function."),
        (2 + 0j, "a complex."),
        (np.array([2 + 1j]), "an array of complex128."),
        (np.True_, "a bool."),
        ([True], "a list."),
        (["2.0"], "a list"),  # of texts
        (np.array(["2.0"]), "an array of <U3."),
        (b"2", "a bytes."),
        (np.datetime64("2026-01-01"), "a datetime64."),
        (np.array([(1, "x")], dtype=[("a", int), ("b", "U1")]), "an array of [("),
        (pd.NA, "a NAType."),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "an array of shape (2, 2)."),
        (pd.Timestamp("2026-01-01"), "a Timestamp."),
        (xr.Dataset({"a": 1.0}), "a Dataset."),
        (ValueError("an error"), "a ValueError."),
        (np, "a module."),
    ],
)
def test_an_answer_of_any_kind_gets_a_sentence_that_says_what_was_given(answer, given):
    for exercise in (SLOPE, PAIR, CHOICE):
        verdict = judge(exercise, answer)
        assert verdict.right is False and verdict.message.startswith("Not yet. This asks for ")
        assert f"You gave {given}" in verdict.message and "\n" not in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        Fraction(2),
        Decimal("2.01"),
        np.array(2),
        np.array([2], dtype=object),
        [Fraction(2)],
        np.float16(2),
        pd.Series([2]),
        pd.Series([2], dtype="Int64"),
        xr.DataArray([2.0], dims="draw"),
        xr.DataArray(2.0),
    ],
)
def test_a_number_of_any_kind_is_a_number(answer):
    assert judge(SLOPE, answer).right


def test_numbers_of_the_five_libraries_are_numbers():
    torch = pytest.importorskip("torch")
    assert judge(SLOPE, torch.tensor(2.0, requires_grad=True)).right
    assert judge(SLOPE, torch.tensor([2.0], requires_grad=True)).right
    assert judge(PAIR, torch.nn.Parameter(torch.tensor([0.1, 0.9]))).right
    assert judge(SLOPE, torch.tensor(2.0, dtype=torch.float64)).right
    assert judge(SLOPE, torch.tensor(2.0, dtype=torch.bfloat16)).right is False, "NumPy has no such numbers"
    assert judge(PAIR, torch.ones(3, requires_grad=True)).message.endswith("You gave an array of shape (3,).")
    assert judge(SLOPE, torch.ones(2).to_sparse()).right is False
    assert judge(SLOPE, torch.ones(1, device="meta")).right is False
    jnp = pytest.importorskip("jax.numpy")
    assert judge(SLOPE, jnp.array(2.0)).right and judge(PAIR, jnp.array([0.1, 0.9])).right
    assert judge(SLOPE, jnp.array(2.0, dtype=jnp.bfloat16)).right


def test_a_traced_array_is_no_number():
    jax = pytest.importorskip("jax")
    verdicts = []
    jax.jit(lambda x: verdicts.append(judge(SLOPE, x)))(2.0)
    assert verdicts[0].right is False and "Tracer" in verdicts[0].message


def test_tensorflows_tensors_and_variables_are_numbers():
    tf = pytest.importorskip("tensorflow")
    assert judge(SLOPE, tf.constant(2.0)).right and judge(PAIR, tf.Variable([0.1, 0.9])).right
    verdicts = []
    tf.function(lambda x: verdicts.append(judge(SLOPE, x)))(tf.constant(2.0))
    assert verdicts[0].right is False and "You gave a" in verdicts[0].message


def test_a_mistake_of_ours_is_not_hidden():
    """Only the conversion of the answer is guarded."""

    def broken():
        raise RuntimeError("a mistake of ours")

    for exercise in (replace(SLOPE, right=broken), replace(SLOPE, mistakes=(Mistake(broken, ""),))):
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            judge(exercise, 5.0)


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(UnknownExerciseError, match=r"no exercise called '02-nonsense'\. There are: .*02-"):
        sbs.check("02-nonsense", 1)
    with pytest.raises(UnknownExerciseError, match="a name begins with two digits"):
        sbs.check("slope", 1)


def test_a_gain_with_its_sign_turned_round_gets_a_hint_about_the_sign():
    """Whoever subtracts the truth from the best score finds the right size with a minus."""
    exercise = ALL["01-luck"]
    verdict = judge(exercise, -exercise.right())
    assert verdict.right is False and "sign" in verdict.message
