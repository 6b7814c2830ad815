# for tests/test_prose.py; needs: import numpy as np; from sidebyside.checks import checks_of
# from sidebyside.references import hierarchical_regression, load_reference


def test_chapter_08_describes_its_settings_and_priors():
    notebook, prose = chapter("08_hierarchical_regression")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    chains, warmup, draws = map(int, re.search(r"chains, warmup, draws = (\d+), (\d+), (\d+)", code).groups())
    assert chains == 4 and f"four chains, {draws:,} draws each after {warmup} steps of adaptation" in prose
    assert "\ndraws = 2000\n" in code and "draw 2,000 times a chain" in prose
    assert "that is 0.4 and 20 pCi/L" in prose
    assert np.exp(stats.norm(1, 1).interval(0.95)) == pytest.approx([0.4, 20], rel=0.05)


def test_chapter_08_says_what_the_survey_says():
    _, prose = chapter("08_hierarchical_regression")
    houses = hierarchical_regression.data()
    counts = np.bincount(houses.county)
    assert "between 1 and 116 houses" in prose and (counts.min(), counts.max()) == (1, 116)
    assert "Only one house in six" in prose and houses.floor.mean() == pytest.approx(1 / 6, abs=0.01)
    readings = np.unique(np.exp(houses.y))
    assert "the smallest reading that is not zero" in prose and readings[0] == pytest.approx(0.1)
    own = np.linalg.lstsq(np.column_stack([np.eye(85)[houses.county], houses.floor]), houses.y)[0]
    pooled = np.linalg.lstsq(np.column_stack([np.ones_like(houses.y), houses.floor]), houses.y)[0]
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")
    assert "nearly five times the limit" in prose and 4.6 < np.exp(own[here]) / 4 < 5
    assert "just below the agency's limit" in prose and 3.6 < np.exp(pooled[0]) < 4
    upstairs = np.bincount(houses.county, houses.floor)
    mixed = np.flatnonzero((upstairs > 0) & (upstairs < counts))
    lines = [np.polyfit(houses.floor[houses.county == j], houses.y[houses.county == j], 1) for j in mixed]
    assert "we would have found one, clearly negative" in prose and np.corrcoef(np.transpose(lines))[0, 1] < -0.3


def test_chapter_08_says_what_its_posterior_says():
    _, prose = chapter("08_hierarchical_regression")
    posterior = load_reference("radon_intercepts").parameters
    with_uranium, without = posterior["sigma_alpha"]["mean"], checks_of("08")["08-no-uranium"].right()
    assert "Twice as much as with uranium" in prose and without / with_uranium == pytest.approx(2, abs=0.2)
    assert "about three quarters of the *variance*" in prose
    assert 1 - (with_uranium / without) ** 2 == pytest.approx(0.75, abs=0.04)
    assert "the textbook's value for this model is 0.33" in prose and without == pytest.approx(0.33, abs=0.01)
    assert "a factor of two up or down" in prose and np.exp(posterior["sigma_y"]["mean"]) == pytest.approx(2, abs=0.2)
    assert "Eight percent" in prose and checks_of("08")["08-weight"].right() == pytest.approx(0.08, abs=0.005)
