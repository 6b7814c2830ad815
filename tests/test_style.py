"""The course's figures."""

import pytest
from toy_posteriors import COUNTIES, REFERENCE, county_tree, right_draws, tree_of

import sidebyside as sbs


def test_plot_agreement_draws_an_element_of_an_array():
    import matplotlib.pyplot as plt

    figure = sbs.plot_agreement({"Stan": county_tree()}, COUNTIES, {"theta[2]": "theta of Cook (m)"})
    (line,) = (line for line in figure.axes[0].lines if line.get_marker() == "s")
    assert line.get_xdata()[0] == pytest.approx(2.0, abs=0.2)
    plt.close(figure)


def test_plot_agreement_draws_a_panel_a_parameter():
    import matplotlib.pyplot as plt

    figure = sbs.plot_agreement({"Stan": tree_of(**right_draws())}, REFERENCE, {"mu": "mu (m)", "sigma": "sigma (m)"})
    assert [ax.get_xlabel() for ax in figure.axes if ax.get_visible()] == ["mu (m)", "sigma (m)"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Stan"]
    plt.close(figure)
