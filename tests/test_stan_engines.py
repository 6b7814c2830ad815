"""PyStan and stanli run the same Stan programs: every program of the chapters has one density on both."""

import ast
import contextlib
import dataclasses
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import arviz_base
import nbformat
import numpy as np
import pandas as pd
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import sidebyside as sbs
from sidebyside import density, installed, stan_engine
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
    "accident_counts": "07c_counts",
}
TOLERANCE = 1e-6  # largest difference of two log densities, in natural-log units
# Of two gradients. For a truncated normal distribution stanli 0.24 takes the derivative of Stan's normal_lcdf, which is
# an approximation: up to 8e-5 off, by 40-digit arithmetic, where PyStan's is exact. The densities agree.
GRADIENT, GRADIENT_TRUNCATED = 1e-6, 1e-4


# ---- the chapters' programs ------------------------------------------------------------------


def stan_statements(chapter: str) -> list[ast.stmt]:
    """Return the top-level statements of a chapter's cells that its Stan notebook keeps."""
    cells = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", 4).cells
    others = set(TAGS) - {"stan"}
    kept = [
        cell.source for cell in cells if cell.cell_type == "code" and not others & set(cell.metadata.get("tags", []))
    ]
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
    """Return whether a statement names one of ``builders``: what translates, or a chapter's function that does."""
    return bool(
        {ast.unparse(node) for node in ast.walk(statement) if isinstance(node, ast.Name | ast.Attribute)} & builders
    )


def what_builds(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that build Stan programs, and those that they depend on, in order."""
    builders, wanted = {"stan.build", "stanli.stan_to_mir"}, []
    declared = {word for text in texts(statements) for word in re.findall(r"\w+", text)}  # entries of data among them
    for statement in statements:
        wanted.append(builds(statement, builders))
        if wanted[-1] and isinstance(statement, ast.FunctionDef):
            builders.add(statement.name)
    needed, keys, chosen = set(), set(), []
    for statement, build in zip(reversed(statements), reversed(wanted), strict=True):
        used, made = names_in(statement)
        if build or (made & needed and key_set(statement) in keys | declared | {None}):
            chosen.append(statement)
            needed |= used
            keys |= {node.value for node in ast.walk(statement) if isinstance(node, ast.Constant)}
    return chosen[::-1]


def key_set(statement: ast.stmt) -> str | None:
    """Return the text that a statement like ``table["residual"] = ...`` sets an entry for, None of any other."""
    match statement:
        case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(key)))]):
            return key
    return None


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
        assert one.param_names == tuple(
            name for name, shape in zip(other.param_names, other.dims, strict=True) if 0 not in shape
        )
        assert one.constrained_param_names == other.constrained_param_names
        points = points_of(one)
        for adjust in (True, False):
            here, there = ([model.log_prob(at, adjust_transform=adjust) for at in points] for model in (one, other))
            np.testing.assert_allclose(np.diff(here), np.diff(there), rtol=0, atol=TOLERANCE)
        atol = GRADIENT_TRUNCATED if re.search(r"\bT\[", one.program_code) else GRADIENT
        for at in points:
            np.testing.assert_allclose(one.grad_log_prob(at), other.grad_log_prob(at), rtol=1e-7, atol=atol)


@pytest.mark.parametrize("name", POSTERIORS)
def test_draws_on_stanli_are_the_reference_s_posterior(name):
    """On PyStan the chapters' own checks look at the draws."""
    reference = sbs.load_reference(name)
    [model] = [model for model in built(POSTERIORS[name]).models if is_a_posterior_of(model, reference)]
    fit = model.sample(num_chains=4, num_samples=1000, num_warmup=1000, delta=0.95)
    posteriors = {"Stan": arviz_base.from_pystan(fit)}
    sbs.check_sampling(posteriors)
    sbs.check_agreement(posteriors, reference)


# ---- which engine ----------------------------------------------------------------------------


def python(code: str, **environment: str) -> subprocess.CompletedProcess:
    """Run code in a process of its own, with these environment variables."""
    return subprocess.run([sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True)


def test_sidebyside_loads_no_engine():
    done = python("import sys, sidebyside; print(sorted({'stan', 'stanli', 'bridgestan'} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stderr


def test_stanli_is_named_in_one_line():
    done = python("import sidebyside, stan; print(stan.__version__)", SIDEBYSIDE_STAN="stanli")
    line, version = done.stdout.splitlines()
    assert line.startswith(f"Stan runs on {version}, because SIDEBYSIDE_STAN asks for it.") and "young" in line
    assert version == f"stanli {stanli.__version__}"


def test_without_a_compiler_stan_runs_on_stanli():
    done = python("import sidebyside, stan", CXX="/nowhere/g++", SIDEBYSIDE_STAN="")
    assert "because PyStan needs a C++ compiler, and /nowhere/g++ is not found" in done.stdout, done.stderr


def test_pystan_can_be_asked_for():
    done = python("import sidebyside, stan; print(stan.__file__)", CXX="/nowhere/g++", SIDEBYSIDE_STAN="pystan")
    assert "site-packages" in done.stdout and "stanli" not in done.stdout, done.stderr


def test_another_value_of_the_switch_is_an_error():
    done = python("import sidebyside, stan", SIDEBYSIDE_STAN="cmdstan")
    assert done.stderr.strip().endswith("SIDEBYSIDE_STAN is 'cmdstan'; it can be stanli or pystan, or not set.")


def test_the_engine_depends_on_what_is_installed(monkeypatch):
    monkeypatch.delenv(stan_engine.SWITCH, raising=False)
    monkeypatch.setattr(stan_engine.shutil, "which", lambda name: name)
    assert stan_engine.why_stanli() is None and stan_engine.engine() == "pystan"
    monkeypatch.setattr(stan_engine.PathFinder, "find_spec", lambda name: None)
    assert stan_engine.why_stanli() == "PyStan is not installed" and stan_engine.engine() == "stanli"
    assert stan_engine.StanFinder.find_spec("stan").origin == stan_on_stanli.__file__
    monkeypatch.setattr(stan_engine, "find_spec", lambda name: None)  # stanli is not installed either
    assert stan_engine.StanFinder.find_spec("stan") is None and stan_engine.engine() == "pystan"
    monkeypatch.setenv(stan_engine.SWITCH, "stanli")
    with pytest.raises(stan_engine.StanEngineError, match=r"stanli is not installed .*pip install stanli"):
        stan_engine.StanFinder.find_spec("stan")


@pytest.mark.parametrize(
    ("system", "machine", "version", "httpstan", "broken"),
    [
        ("linux", "x86_64", (3, 13), "4.17.0", True),
        ("linux", "x86_64", (3, 13), "4.18.0", False),
        ("linux", "x86_64", (3, 12), "4.17.0", False),
        ("darwin", "arm64", (3, 13), "4.17.0", False),
    ],
)
def test_pystan_is_broken_on_linux_with_python_3_13(monkeypatch, system, machine, version, httpstan, broken):
    monkeypatch.delenv(stan_engine.SWITCH, raising=False)
    monkeypatch.setattr(installed.platform, "machine", lambda: machine)
    monkeypatch.setattr(stan_engine, "version_of", lambda name: httpstan)
    here = mock.Mock(wraps=sys, platform=system, version_info=(*version, 0))
    monkeypatch.setattr(installed, "sys", here)
    assert stan_engine.pystan_is_broken() is broken
    assert (
        stan_engine.why_stanli() == "PyStan does not load on Linux x86-64 with Python 3.13 (httpstan 4.17.0)"
    ) is broken


# ---- the calls -------------------------------------------------------------------------------

PROGRAM = """
data { int none; vector[3] y; }
parameters { real mu; real<lower=0> sigma; simplex[3] share; vector[none] left_out; }
transformed parameters { matrix[2, 3] table = mu + [[1, 2, 3], [4, 5, 6]]; }
model { // a } in a comment, and
  print("{ in a string");
  mu ~ normal(1, 2); sigma ~ normal(0, 3);
  { y ~ normal(mu, sigma); }
}
generated quantities { vector[3] y_rep = to_vector(normal_rng(rep_vector(mu, 3), sigma)); }
"""
DATA = {"none": 0, "y": np.array([0.3, -1.2, 2.1])}
POINT = {"mu": 0.5, "sigma": 2.0, "share": [0.2, 0.3, 0.5]}


@pytest.fixture(scope="module")
def both():
    with sbs.quiet():
        return [engine.build(PROGRAM, data=DATA, random_seed=1) for engine in (stan_on_stanli, pystan)]


def test_transforms_and_densities_are_pystan_s(both):
    here, there = both
    assert here.param_names == tuple(name for name in there.param_names if name != "left_out")
    at = here.unconstrain_pars(POINT | {"no_parameter": 1})
    np.testing.assert_allclose(at, there.unconstrain_pars(POINT), rtol=1e-12)
    for tparams in (True, False):
        values = here.constrain_pars(at, include_tparams=tparams, include_gqs=False)
        np.testing.assert_allclose(
            values, there.constrain_pars(at, include_tparams=tparams, include_gqs=False), rtol=1e-12
        )
    assert len(here.constrain_pars(at)) == 2 + 3 + 6 + 3
    for adjust in (True, False):
        changes = [model.log_prob(at, adjust) - model.log_prob([0.0] * 4, adjust) for model in both]
        assert changes[0] == pytest.approx(changes[1], abs=1e-9)


def test_an_inits_mistakes_are_pystan_s(both):
    for model in both:
        with pytest.raises(RuntimeError, match="variable name=sigma;"):
            model.unconstrain_pars({"mu": 1, "share": [0.2, 0.3, 0.5]})
        with pytest.raises(RuntimeError, match="Lower bounded variable is -1"):
            model.unconstrain_pars(POINT | {"sigma": -1})


def test_a_fit_has_pystan_s_shapes(both):
    asked = {"num_chains": 2, "num_samples": 30, "num_warmup": 20, "num_thin": 3, "save_warmup": True}
    asked |= {"init": [POINT | {"left_out": []}] * 2, "delta": 0.9, "max_depth": 5}
    with sbs.quiet():
        here, there = (model.sample(**asked) for model in both)
    assert here._draws.shape == there._draws.shape
    assert here.sample_and_sampler_param_names == there.sample_and_sampler_param_names
    for name in [*here, "lp__", "divergent__"]:
        assert here[name].shape == there[name].shape
    assert list(here.to_frame().columns) == list(there.to_frame().columns) and "table" in here
    np.testing.assert_allclose(here["table"][1, 2], here["mu"][0] + 6)
    np.testing.assert_allclose(here["share"].sum(axis=0), 1)
    tree = arviz_base.from_pystan(here, posterior_predictive="y_rep", observed_data="y", posterior_model=both[0])
    mu = tree["posterior"]["mu"]
    assert mu.shape == (2, 10 + 7 - 7) and tree["posterior_predictive"]["y_rep"].shape == (2, 10, 3)
    np.testing.assert_allclose(tree["posterior"]["table"].values[..., 1, 2], mu.values + 6)


def test_generated_quantities_without_sampling():
    program = """
    data { int n; }
    generated quantities {
      real a = normal_rng(4, 1.5);
      array[n] real y = normal_rng(rep_vector(a, n), 1);
    }
    """
    drawn = stan_on_stanli.build(program, {"n": 3}, random_seed=3).fixed_param(num_chains=2, num_samples=2000)
    assert drawn["a"].shape == (1, 4000) and drawn["y"].shape == (3, 4000)
    assert drawn["a"].mean() == pytest.approx(4, abs=0.1) and drawn["a"].std() == pytest.approx(1.5, abs=0.1)
    assert np.corrcoef(drawn["a"][0], drawn["y"][0])[0, 1] == pytest.approx(1.5 / np.hypot(1.5, 1), abs=0.05)
    assert not np.array_equal(drawn._draws[..., 0], drawn._draws[..., 1])


def test_fixed_parameters_must_be_given(both):
    here, _ = both
    with pytest.raises(ValueError, match="needs init: the value of every parameter"):
        here.fixed_param(num_chains=1)
    drawn = here.fixed_param(num_chains=1, num_samples=500, init=[POINT])
    assert np.unique(drawn["mu"]) == 0.5 and drawn["y_rep"].std() == pytest.approx(2, abs=0.3)


def test_a_program_s_errors_are_shown_as_by_pystan(capsys):
    for broken, kind, said in (
        ("model { mu ~ normal(0, 1) }", "Syntax error", "Ill-formed"),
        ("model { mu ~ normal(0, 1); }", "Semantic error", '"mu" not in scope'),
    ):
        with pytest.raises(ValueError, match=f"^{kind}$"):
            stan_on_stanli.build(broken)
        assert said in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="y"):
        stan_on_stanli.build(PROGRAM, data={"none": 0})


def test_chapter_04b_shows_what_stanli_says_of_wrong_data():
    """The page asks stanli itself; ``import stan`` on stanli must say the same."""
    cells = nbformat.read(ROOT / "notebooks/04b_error_messages.ipynb", 4).cells
    [shown] = [cell.outputs[0].text for cell in cells if cell.metadata.get("name") == "data-on-stanli"]
    [program] = texts(stan_statements("04b_error_messages"))
    data = {"n_a": 52, "n_b": 55, "deaths_a": 14, "deaths_b": 4, "prior_only": 0}
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    said = []
    for wrong in (data | {"deaths_b": 60}, {name: value for name, value in data.items() if name != "n_b"}):
        with pytest.raises(RuntimeError) as error:
            stan_on_stanli.build(program, data=wrong)
        said.append(f"RuntimeError: {error.value}")
    assert " ".join(shown.split()) == " ".join(said)
    line = "data { int n; vector[n] y; } parameters { real mu; } model { y ~ normal(mu, 1); }"
    for text, wrong, message in (
        (program, data | {"deaths_b": 4.0}, "int variable contained non-int values"),
        (line, {"n": 3, "y": [1.0, 2.0]}, "mismatch in dimension declared and found in context"),
        (line, {"n": 3, "y": [1.0, float("nan"), 3.0]}, "invalid literal; last read: '1.0, N'"),
    ):
        with pytest.raises(RuntimeError, match=re.escape(message)):
            stan_on_stanli.build(text, data=wrong)
        assert message in prose
    stan_on_stanli.build(line, data={"n": 2, "y": pd.Series([1.0, 2.0])})  # PyStan refuses it


def test_an_argument_that_stanli_lacks_is_named(both):
    with pytest.raises(TypeError, match="no argument for metric; sample takes num_samples, "):
        both[0].sample(metric="dense_e")


def test_another_copy_of_a_model_has_its_own_data(both):
    here, _ = both
    other = dataclasses.replace(here, data=here.data | {"y": [10.0, 10.0, 10.0]})
    assert other.log_prob([0.0] * 4) < here.log_prob([0.0] * 4) - 100


def test_versions_name_the_engine(monkeypatch):
    assert list(sbs.versions("Stan").index) == ["pystan"]
    monkeypatch.setenv(stan_engine.SWITCH, "stanli")
    assert list(sbs.versions("Stan").index) == ["stanli"]
