"""The course's data: complete, and with its source."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

import sidebyside as sbs


def test_hogg_data_is_complete_and_says_where_it_comes_from():
    points = sbs.load_hogg()
    assert list(points.columns) == ["x", "y", "sigma_y", "sigma_x", "rho_xy"]
    assert list(points.index) == list(range(1, 21))
    # sums of the columns as printed in the paper's table 1: a digit changed by mistake changes one of them
    assert points.sum().round(2).tolist() == [3463.0, 8389.0, 540.0, 131.0, -0.94]
    assert "1008.4686" in points.attrs["source"] and points.attrs["units"] == "arbitrary"


def test_penguins_are_complete_and_say_where_they_come_from():
    penguins = sbs.load_penguins()
    # the counts of birds and of gaps are those that the data's own documentation gives
    assert penguins.shape == (344, 8)
    assert penguins["species"].value_counts().to_dict() == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}
    assert penguins.isna().sum()[["flipper_length_mm", "body_mass_g", "sex"]].tolist() == [2, 2, 11]
    assert penguins["flipper_length_mm"].mean() == pytest.approx(200.915, abs=0.001)
    assert penguins["body_mass_g"].mean() == pytest.approx(4201.754, abs=0.001)
    assert "pone.0090081" in penguins.attrs["source"] and penguins.attrs["licence"].startswith("CC0")


def test_co2_is_the_record_and_says_where_it_comes_from():
    co2 = sbs.load_co2()
    # 1958-03 to 2001-12 are 526 months; five have no reading (one of 1958 and 1964's gap among them)
    months = pd.period_range("1958-03", "2001-12", freq="M").astype(str)
    assert co2.shape == (521, 2) and set(co2["month"]) < set(months) and co2["month"].is_monotonic_increasing
    assert co2["co2_ppm"].iloc[[0, -1]].tolist() == [316.1, 371.02]  # the file's first week; the mean of its last month
    assert co2["co2_ppm"].mean() == pytest.approx(339.8225, abs=1e-3)
    assert co2.attrs["licence"] == "public domain" and "Keeling" in co2.attrs["source"]


def test_radon_is_the_data_of_the_published_analyses():
    radon = sbs.load_radon()
    # 919 houses, 85 counties, 153 detectors on the first floor, mean log radon 1.22: as in Gelman and Hill's chapter 12
    assert radon.shape == (919, 4) and radon["county"].nunique() == 85 and radon["floor"].sum() == 153
    assert (radon["radon_pci_l"] == 0).sum() == 3 and not radon.isna().any().any()
    assert np.log(radon["radon_pci_l"].clip(lower=0.1)).mean() == pytest.approx(1.2246, abs=1e-4)
    assert (radon.groupby("county")["uranium_ppm"].nunique() == 1).all()
    assert "public domain" in radon.attrs["licence"]


def test_matches_are_the_same_on_every_machine_and_follow_the_skills():
    matches, skill = sbs.simulate_matches(60, 1500, 20113)
    again, _ = sbs.simulate_matches(60, 1500, 20113)
    assert matches.equals(again) and list(matches.columns) == ["winner", "loser"] and len(skill) == 60
    # chapter 13's reference posterior belongs to these very matches
    assert (matches["winner"] * np.arange(1500)).sum() == 37_846_417
    many, skill = sbs.simulate_matches(50, 100_000, 1)
    assert (many["winner"] != many["loser"]).all() and set(many.stack().unique()) <= set(range(50))
    best, worst = np.argmax(skill), np.argmin(skill)
    played = np.bincount(many.to_numpy().ravel(), minlength=50)
    assert played[best] / played[worst] == pytest.approx(np.exp(skill[best] - skill[worst]), rel=0.5)
    first, second = np.argsort(played)[-2:]
    won = ((many["winner"] == first) & (many["loser"] == second)).sum()
    lost = ((many["winner"] == second) & (many["loser"] == first)).sum()
    assert won / (won + lost) == pytest.approx(special.expit(skill[first] - skill[second]), abs=0.05)
    with pytest.raises(ValueError, match="two players"):
        sbs.simulate_matches(1, 10, 1)
