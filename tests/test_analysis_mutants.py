"""Random mutants of a page's analysis: what is changed, what is left alone, and what a run finds."""

import nbformat
import pytest
from analysis_mutants import Changes, Page, Runner, choose, difference
from nbformat.v4 import new_code_cell, new_notebook, new_output


def changed(source, **options):
    return {change.of(source) for place in Changes(source, **options).places for change in place}


@pytest.mark.parametrize(
    "source, expected",
    [
        ("a = 3.5", {"a = 7.0"}),
        ("a = 3", {"a = 6", "a = 4"}),
        ("a = 0", {"a = 1"}),
        ("a = b[0]", {"a = b[1]"}),
        ("a = b + c", {"a = b - c", "a = (b)", "a = (c)"}),
        ("a = b - c", {"a = b + c", "a = (b)"}),
        ("a = (b * c)", {"a = (b / c)", "a = ((b))", "a = ((c))"}),
        ("a = (b) / (c)", {"a = (b) * (c)", "a = (b)"}),
        ("a = b < c", {"a = b > c"}),
        ("a = b >= c", {"a = b <= c"}),
        ("a = not b", {"a = (b)"}),
        ("a = True", {"a = False"}),
        ("a = np.mean(b)", {"a = np.median(b)"}),
        ("a = b.std()", {"a = b.var()"}),
        ("a = d.sf(b)", {"a = d.cdf(b)"}),
        ("a = np.max(b, axis=0)", {"a = np.min(b, axis=0)", "a = np.max(b, axis=1)"}),
        ("a = np.quantile(b, 0.975)", {"a = np.quantile(b, 0.95)"}),
        ('a = f"β = {b + c} error bars"', {f'a = f"β = {{{new}}} error bars"' for new in ("b - c", "(b)", "(c)")}),
        ("a = b * 1", set()),  # the factor 1: dropped or divided by, the same value
    ],
)
def test_changes(source, expected):
    found = changed(source)
    assert expected <= found if source.endswith("* 1") else found == expected


def test_rest_of_the_cell_stays_byte_identical():
    source = "# α comment,   spaced\nb = ( 1.5 +  c )  # π\n\nd = 'x'\n"
    for place in Changes(source).places:
        for change in place:
            assert change.of(source).startswith("# α comment,   spaced\nb = ( ")
            assert change.of(source).endswith(" )  # π\n\nd = 'x'\n")


@pytest.mark.parametrize(
    "source",
    [
        "ax.plot(x, y, alpha=0.3, lw=2)",
        "fig, axes = plt.subplots(1, 2, figsize=(8, 3.4))",
        "axes[1].legend(loc='upper center')",
        "az.plot_forest(tree, figure_kwargs={'figsize': (6, 3)})",
        "draw_points(ax, [1, 2, 3])",
        "SEED = 2014",
        "rng = np.random.default_rng(2014)",
        "a = sample(b, random_state=3)",
        "from a import b",
        "sbs.prepare(3)",
        "assert a < 4",
        "table.round(2)",
        'a = "200"  # 300',
    ],
)
def test_cosmetics_seeds_and_guards_are_left_alone(source):
    assert changed(source, drawing={"draw_points"}) == set()


def write(folder, *cells):
    """Write a page of (source, tags, printed text) and return its path."""
    notebook = new_notebook()
    for number, (source, tags, printed) in enumerate(cells):
        outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
        notebook.cells.append(
            new_code_cell(source, metadata={"tags": tags, "name": f"cell-{number}"}, outputs=outputs, execution_count=1)
        )
    path = folder / "06_toy.ipynb"
    nbformat.write(notebook, path)
    return path


def test_cells_of_libraries_and_of_nothing_but_figures_are_not_mutated(tmp_path):
    path = write(
        tmp_path,
        ("a = 1", ["pymc"], ""),
        ("b = 2", ["numpyro"], ""),
        ("c = 3\nax.plot(c)", ["hide-input"], ""),
        ("d = 4\nax.plot(d)", ["hide-input"], ""),
        ("e = d + 0.5", ["solution"], ""),
        ("f = 6", ["setup"], ""),
        ("c = 7\ng = c + 1", [], ""),
    )
    page = Page.read(path, "NumPyro")
    assert [cell.source for cell in page.cells if "numpyro" in cell.tags] == ["b = 2"]
    assert [cell.name for cell in page.analysis()] == ["cell-3", "cell-4", "cell-6"]  # the last binds c anew


def test_choice_is_seeded_and_no_place_is_chosen_twice(tmp_path):
    path = write(tmp_path, ("a = 1.5\nb = 2.5\nc = 3.5\nd = 4.5", [], ""))
    page = Page.read(path, "NumPyro")
    assert choose(page, 2, 1) == choose(page, 2, 1)
    assert len({choose(page, 2, seed)[0][1] for seed in range(20)}) > 1
    lines = [difference(cell.source, source)[0] for cell, source in choose(page, 4, 1)]
    assert sorted(lines) == ["a = 1.5", "b = 2.5", "c = 3.5", "d = 4.5"]


def test_what_depends_on_a_mutant_runs_again(tmp_path):
    path = write(
        tmp_path,
        ("x = 1", [], ""),
        ("def twice():\n    return 2 * x", [], ""),
        ("y = twice()", [], ""),
        ("z = 5", [], ""),
        ("def noise():\n    return rng.normal()", [], ""),
        ("u = noise()", [], ""),
        ("v = noise()", [], ""),
        ("x = 3", [], ""),
        ("w = x", [], ""),
    )
    page = Page.read(path, "NumPyro")
    cells = page.cells
    assert page.run_again(cells[0], set()) == {1, 2, 3}  # the eighth binds x anew
    assert page.run_again(cells[5], {"rng"}) == {6, 7}


def test_cells_that_nothing_needs_are_left_out(tmp_path):
    path = write(
        tmp_path,
        ("import numpy as np\nrng = np.random.default_rng(1)", [], ""),
        ("x = np.ones(3)", [], ""),
        ("ax.plot(x)", ["hide-input"], ""),
        ("ax.plot(rng.normal(size=3))", ["hide-input"], ""),
        ("slow = sum(x)", [], ""),
        ("never = 1", [], ""),
        ("mutated = slow + x", [], ""),
        ("other = 3", [], ""),
        ("print(mutated, rng.normal())", [], ""),
    )
    page = Page.read(path, "NumPyro")
    again = page.run_again(page.cells[6], {"rng"})
    assert again == {7, 9}
    assert page.needed(again, set(), {"rng"}) == {1, 2, 4, 5, 7, 9}  # the fourth draws numbers before the ninth does


def test_name_error_is_believed_only_of_the_whole_page(tmp_path, monkeypatch):
    path = write(tmp_path, ("globals()['a'] = 1", [], ""), ("b = 2", [], ""), ("c = a + b", [], ""))
    page = Page.read(path, "NumPyro")
    runner = Runner(page, tmp_path)
    assert runner.run(page.cells[1], "b = 4") is None
    assert runner.run(page.cells[1], "d = 2").message.startswith("NameError")


def test_run_finds_who_died_of_what_and_who_lived(tmp_path, monkeypatch):
    monkeypatch.setattr("analysis_mutants.SLOW", 0.3)
    path = write(
        tmp_path,
        ("import time\nimport numpy as np\nrng = np.random.default_rng(3)", [], ""),
        ("n = 10\nunguarded = 5", [], ""),
        ("runs = 'not run again'", [], ""),
        ("time.sleep(0.4)\nslow = n + rng.integers(1)\nstarted = [n]", [], ""),
        ("print(slow)", ["nbval-check-output"], "10\n"),
        ("assert started == [10], 'another n'", [], ""),
    )
    page = Page.read(path, "NumPyro")
    runner = Runner(page, tmp_path)
    assert [cell.name for cell, _ in runner.record()] == ["cell-3"]
    assert runner.generators == {"rng"}
    assert runner.run() is None
    mutated = page.cells[1]
    died = runner.run(mutated, "n = 20\nunguarded = 5")
    assert (died.cell.name, died.message) == ("cell-4", "prints '20', stored '10'")
    assert runner.run(mutated, "n = 10\nunguarded = 10") is None
    mutated = page.cells[3]
    died = runner.run(mutated, mutated.source.replace("[n]", "[2 * n]"))
    assert (died.cell.name, died.message) == ("cell-5", "AssertionError: another n")
