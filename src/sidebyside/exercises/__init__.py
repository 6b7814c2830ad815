"""Self-checks of the exercises: ``sbs.check("02-positive", answer)`` tells right from wrong, with a hint.

Each chapter's checks stand in ``chapter_NN.py`` as ``EXERCISES``, a dictionary of :class:`Exercise` by name. Right
answers and likely mistakes are computed, never typed: there, where it takes a line of arithmetic, and else by
``make_references/answers.py``, which stores them in ``answers.json``. No message ever holds the right answer, and no
check needs the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np

NOT_ANSWERED = "Not answered yet: put your answer in the place of the three dots."


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and the hint that helps: ``hint`` must not hold the right answer.

    An answer within ``tolerance`` of ``answer`` gets the hint; within the exercise's tolerance, where that is None.
    """

    answer: Callable[[], float | Sequence[float] | str]
    hint: str
    tolerance: float | None = None


@dataclass(frozen=True)
class Exercise:
    """One exercise's check.

    Attributes
    ----------
    right : computes the right answer when it is needed: a number, a sequence of numbers, or the letter of a choice
    tolerance : largest distance from ``right`` that passes, in the answer's unit (not used for a choice)
    asks : what is asked, unit included, to end the sentence "This asks for ..."
    praise : what is said of a right answer, in a sentence that adds something to it
    hint : what helps whoever is wrong in a way that nobody foresaw
    drawn : whether the answer comes from random draws
    low, high : ends of the range in which an answer makes sense at all
    mistakes : wrong answers that people give; the first within its tolerance of the answer gives its hint
    """

    right: Callable[[], float | Sequence[float] | str]
    asks: str
    praise: str
    hint: str
    tolerance: float = 0.0
    drawn: bool = True
    low: float = -np.inf
    high: float = np.inf
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a check says: ``right`` is True, False, or None where nothing was answered."""

    right: bool | None
    message: str

    def __bool__(self) -> bool:
        return bool(self.right)

    def __repr__(self) -> str:
        return self.message

    def _repr_markdown_(self) -> str:
        first, _, rest = self.message.partition(" ")
        return self.message if self.right is None else f"**{first}** {rest}"


class UnknownExerciseError(KeyError):
    """No exercise has this name."""

    def __str__(self) -> str:
        return self.args[0]


def exercises_of(chapter: str) -> dict[str, Exercise]:
    """Return the checks of a chapter, given its two digits; none if it has none."""
    module = f"sidebyside.exercises.chapter_{chapter}"
    return import_module(module).EXERCISES if chapter.isdigit() and find_spec(module) else {}


def check(name: str, answer) -> Verdict:
    """Say whether ``answer`` is right, with a hint if it is not. Never raises for a wrong answer, of whatever kind.

    Parameters
    ----------
    name : the exercise, as its cell names it: the chapter's two digits, a dash and a word
    answer : a number, a sequence (or array, or Series) of numbers, or the letter of a choice, as the exercise asks;
        ``...`` for not answered yet

    Raises
    ------
    UnknownExerciseError, with the names that exist, if no exercise is called ``name``.
    """
    known = exercises_of(str(name)[:2])
    if name not in known:
        names = ", ".join(sorted(known)) or "none in that chapter; a name begins with two digits, as in '02-'"
        raise UnknownExerciseError(f"There is no exercise called {name!r}. There are: {names}.")
    return judge(known[name], answer)


def judge(exercise: Exercise, answer) -> Verdict:
    """Hold ``answer`` against one exercise."""
    if answer is ... or answer is None:
        return Verdict(None, NOT_ANSWERED)
    right = exercise.right()
    if isinstance(right, str):
        return _judge_choice(exercise, right, answer)
    values, given = _numbers(answer)
    shape = np.shape(right)
    if values is None or values.shape != shape:
        wanted = f"{shape[0]} numbers, in a list" if shape else "one number"
        if isinstance(answer, list | tuple) and answer and all(isinstance(one, str) for one in answer):
            given += " of texts: leave out the quotes"
        return Verdict(False, f"Not yet. This asks for {exercise.asks}: {wanted}. You gave {given}.")
    if not np.all(np.isfinite(values)):
        return Verdict(False, "Not yet. Your answer is not a finite number (NaN or infinite): look where it arises.")
    if np.all(np.abs(values - right) <= exercise.tolerance):
        return Verdict(True, f"Right. {exercise.praise}")
    if np.any(values < exercise.low) or np.any(values > exercise.high):
        return Verdict(
            False,
            f"Not yet. This asks for {exercise.asks}, between {exercise.low:g} and {exercise.high:g}; "
            "yours is outside.",
        )
    for mistake in exercise.mistakes:
        within = exercise.tolerance if mistake.tolerance is None else mistake.tolerance
        if np.all(np.abs(values - mistake.answer()) <= within):
            return Verdict(False, f"Not yet. {mistake.hint}")
    if np.all(np.abs(values - right) <= 3 * exercise.tolerance):
        slip = "round too early, or use too few draws" if exercise.drawn else "round too early"
        return Verdict(False, f"Not yet, but close. Did you {slip}?")
    return Verdict(False, f"Not yet. {exercise.hint}")


def _judge_choice(exercise: Exercise, right: str, answer) -> Verdict:
    """Hold the letter of a choice against the right one."""
    if not isinstance(answer, str) or len(answer.strip()) != 1:
        return Verdict(
            False,
            f'Not yet. This asks for {exercise.asks}: one letter in quotes, as in "a". You gave {_numbers(answer)[1]}.',
        )
    letter = answer.strip().lower()
    if letter == right:
        return Verdict(True, f"Right. {exercise.praise}")
    hints = [mistake.hint for mistake in exercise.mistakes if mistake.answer() == letter]
    return Verdict(False, f"Not yet. {hints[0] if hints else exercise.hint}")


def _numbers(answer) -> tuple[np.ndarray | None, str]:
    """Return an answer as an array of float, None if it is no number at all, and what it is, in words.

    A single number has shape (). Texts, truth values, complex numbers and dates are no numbers here, although NumPy
    would make numbers of some of them.
    """
    kind = type(answer).__name__
    kind = f"an {kind}" if kind[0] in "aeiouAEIOU" else f"a {kind}"
    if isinstance(answer, np.ndarray):
        kind = f"an array of {answer.dtype}"
    try:
        # The learner's object may be of any library, and its conversion may raise anything.
        raw = np.asarray(answer.detach().cpu() if hasattr(answer, "detach") else answer)
        values = raw.astype(float) if raw.dtype.kind in "iufOV" else None
    except (TypeError, ValueError):
        return None, kind
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(".: ")
        return None, f"{kind} that could not be read as numbers ({reason})"
    if values is None:
        return None, kind
    if values.size == 1 and values.ndim <= 1:
        return values.reshape(()), "one number"
    return values, f"an array of shape {values.shape}"
