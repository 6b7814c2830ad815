"""PyStan and stanli run the same Stan programs: every program of the chapters has one density on both."""

import ast
import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import arviz_base
import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import sidebyside as sbs
from sidebyside import density, stan_engine
from sidebyside.libraries import TAGS

pystan = pytest.importorskip("stan", reason="PyStan is not installed")
stanli = pytest.importorskip("stanli", reason="stanli is not installed")
stan_on_stanli = pytest.importorskip("sidebyside.stan_on_stanli", reason="stanli is not installed")

ROOT = Path(__file__).parents[1]
CHAPTERS = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if "stan.build(" in path.read_text()]
REFERENCES = [path.stem for path in sorted((ROOT / "src/sidebyside/references").glob("*.json"))]
POSTERIORS = {
    "two_proportions": "04_five_libraries",
    "penguins_line": "05_linear_regression",
    "robust_student_t": "06_robust_regression",
    "robust_mixture": "06_robust_regression",
    "both_errors": "07_measurement_noise",
    "accident_counts": "07_measurement_noise",
}
TOLERANCE = 1e-6  # largest difference of two log densities, in natural-log units


# ---- the chapters' programs ------------------------------------------------------------------


def stan_statements(chapter: str) -> list[ast.stmt]:
    """Return the top-level statements of a chapter's cells that its Stan notebook keeps."""
    cells = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", 4).cells
    others = set(TAGS) - {"stan"}
    kept = [cell.source for cell in cells if cell.cell_type == "code" and not others & set(cell.metadata.get("tags", []))]
    return [statement for source in kept for statement in ast.parse(TransformerManager().transform_cell(source)).body]


def names_in(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the names that a statement uses, and those that it may define or change."""
    used, made = set(), set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            made |= {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
    for node in ast.walk(statement):
        if isinstance(node, ast.AugAssign):
            used |= {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
    return used, made


def builds(statement: ast.stmt, builders: set[str]) -> bool:
    """Return whether a statement names ``stan.build``, or a function of the chapter that does."""
    return bool({ast.unparse(node) for node in ast.walk(statement) if isinstance(node, ast.Name | ast.Attribute)} & builders)


def what_builds(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that build Stan programs, and those that they depend on, in order."""
    builders, wanted = {"stan.build"}, []
    for statement in statements:
        wanted.append(builds(statement, builders))
        if wanted[-1] and isinstance(statement, ast.FunctionDef):
            builders.add(statement.name)
    needed, chosen = set(), []
    for statement, build in zip(reversed(statements), reversed(wanted), strict=True):
        used, made = names_in(statement)
        if build or made & needed:
            chosen.append(statement)
            needed |= used
    return chosen[::-1]


def texts(statements: list[ast.stmt]) -> set[str]:
    """Return the strings among the statements that are Stan programs."""
    strings = {
        node.value
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in strings if "generated quantities {" in text or "\nmodel {" in text}


@dataclass(frozen=True)
class Built:
    """What came of running the statements of a chapter: models on stanli, and every text that was translated."""

    models: list
    translated: set[str]
    texts: set[str]


@cache
def built(chapter: str) -> Built:
    """Run on stanli what a chapter needs to build its Stan programs."""
    statements = stan_statements(chapter)
    models = {}

    def build(*arguments, **named):
        model = stan_on_stanli.build(*arguments, **named)
        models.setdefault(model.program_code, model)
        return model

    stan_on_stanli._translated.cache_clear()  # programs that an earlier chapter has too
    code = compile(ast.Module(what_builds(statements), []), chapter, "exec")
    with (
        mock.patch.object(stanli, "stan_to_mir", wraps=stanli.stan_to_mir) as translate,
        mock.patch.object(pystan, "build", build),
        contextlib.chdir(ROOT / "notebooks"),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        exec(code, {"__name__": "__main__"})
    return Built(list(models.values()), {call.args[0] for call in translate.call_args_list}, texts(statements))


@cache
def on_pystan(chapter: str) -> list:
    """Return the models of a chapter, built by PyStan with the same data."""
    with sbs.quiet():
        return [pystan.build(model.program_code, data=model.data, random_seed=1) for model in built(chapter).models]


def is_a_posterior_of(model, reference: sbs.Reference) -> bool:
    """Return whether a program's density is a reference's, up to a constant."""
    if not len(reference.points):
        return False
    try:
        found = density.stan(model, reference.points)
    except (density.ParameterNamesError, RuntimeError):  # other names, other shapes
        return False
    return np.allclose(found - found[0], reference.log_density - reference.log_density[0], rtol=0, atol=TOLERANCE)


def points_of(model) -> list[list[float]]:
    """Return unconstrained values: those of every reference with the same parameters, and four at random."""
    size = len(model.grad_log_prob(np.zeros(model._model.param_unc_num())))
    found = list(np.random.default_rng(1).normal(0, 0.5, (4, size)).tolist()) if size else []
    for name in REFERENCES:
        with contextlib.suppress(RuntimeError):  # other names, other shapes
            found += [model.unconstrain_pars(point) for point in sbs.load_reference(name).points]
    return found


def test_the_chapters_that_use_stan_are_found():
    assert len(CHAPTERS) >= 13


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_stan_program_of_a_chapter_is_looked_at(chapter):
    found = built(chapter)
    assert found.models
    assert found.texts - found.translated == set()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_program_has_one_density_on_both_engines(chapter):
    for one, other in zip(built(chapter).models, on_pystan(chapter), strict=True):
        assert one.param_names == tuple(name for name, shape in zip(other.param_names, other.dims, strict=True) if 0 not in shape)
        assert one.constrained_param_names == other.constrained_param_names
        points = points_of(one)
        for adjust in (True, False):
            here, there = ([model.log_prob(at, adjust_transform=adjust) for at in points] for model in (one, other))
            np.testing.assert_allclose(np.diff(here), np.diff(there), rtol=0, atol=TOLERANCE)
        for at in points:
            np.testing.assert_allclose(one.grad_log_prob(at), other.grad_log_prob(at), rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("name", POSTERIORS)
def test_draws_on_stanli_are_the_reference_s_posterior(name):
    """On PyStan the chapters' own checks look at the draws."""
    reference = sbs.load_reference(name)
    [model] = [model for model in built(POSTERIORS[name]).models if is_a_posterior_of(model, reference)]
    fit = model.sample(num_chains=4, num_samples=1000, num_warmup=1000, delta=0.95)
    posteriors = {"Stan": arviz_base.from_pystan(fit)}
    sbs.check_sampling(posteriors)
    sbs.check_agreement(posteriors, reference)
