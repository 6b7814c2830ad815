"""The countdowns of a deck in a browser: by key and by click, in the deck's window and in the speaker view."""

import re

import pytest
from conftest import build_deck, reached

SLIDES = (
    "# Toy",
    '## Task\n\n<time class="countdown" datetime="PT2M"></time>',
    '## Long\n\n<time class="countdown" datetime="PT1H30M"></time>',
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder of a deck of three slides, two of them with a countdown."""
    return build_deck(tmp_path_factory.mktemp("countdown"), SLIDES)


@pytest.fixture(params=["http", "file"])
def address(request, built):
    """Return the deck's address, once at a local server, once in the folder."""
    with reached(built, request.param) as start:
        yield f"{start}/toy.html"


@pytest.fixture
def deck(address, make_reader):
    """Return the deck's page, at the slide with two minutes; its clock goes on by ``page.clock`` alone."""
    page = make_reader().page
    page.clock.install()
    page.goto(f"{address}#/1")
    for _ in range(100):
        if page.evaluate("Boolean(window.Reveal?.isReady() && document.querySelector('time').textContent)"):
            return page
        page.clock.run_for(200)
    pytest.fail("the deck did not start")


def shown(page):
    """Return what the countdown on the slide shows, and its state."""
    node = page.locator("section.present .countdown")
    return node.inner_text(), node.get_attribute("data-state")


def running(page, most):
    """Say whether the countdown runs and shows ``most`` seconds, or a few less, as the test takes time too."""
    text, state = shown(page)
    minutes, seconds = map(int, text.split(":"))
    return state == "running" and most - 5 < 60 * minutes + seconds <= most + 1  # drawn five times a second


def test_a_key_starts_pauses_and_sets_back(deck):
    assert shown(deck) == ("2:00", "still")
    deck.keyboard.press("c")
    deck.clock.run_for(60_000)
    assert running(deck, 60)
    deck.keyboard.press("c")
    stands = shown(deck)
    assert stands[1] == "still"
    deck.clock.run_for(30_000)
    assert shown(deck) == stands
    deck.keyboard.press("c")
    deck.clock.run_for(40_000)
    assert running(deck, 20)
    deck.clock.run_for(21_000)
    assert shown(deck) == ("0:00", "over")
    deck.keyboard.press("r")
    assert shown(deck) == ("2:00", "still")


def test_a_click_does_it_too_and_other_slides_go_on(deck):
    deck.locator("section.present .countdown").click()
    deck.keyboard.press("ArrowRight")
    assert shown(deck) == ("90:00", "still")
    deck.clock.run_for(10_000)
    assert shown(deck) == ("90:00", "still")
    deck.keyboard.press("ArrowLeft")
    assert running(deck, 110)


def test_without_a_countdown_the_keys_do_nothing(deck):
    deck.keyboard.press("ArrowLeft")
    assert deck.locator("section.present h1").inner_text() == "Toy"
    for key in "cr":
        deck.keyboard.press(key)
    deck.keyboard.press("ArrowRight")
    assert shown(deck) == ("2:00", "still")


def test_it_is_a_timer_that_says_its_keys(deck):
    timer = deck.get_by_role("timer")
    assert timer.count() == 1
    assert timer.get_attribute("title") == "C starts and pauses, R sets back"


def test_the_speaker_view_keeps_the_same_time(address, make_reader):
    """Real time: C in the speaker view starts it there and in the deck; so does C in the deck, and R sets both back."""
    reader = make_reader()
    page = reader.page
    page.goto(f"{address}#/1")
    page.wait_for_function("() => window.Reveal?.isReady() && document.querySelector('time').textContent")
    page.keyboard.press("c")
    page.locator("section.present .countdown", has_text="1:5").wait_for()
    with reader.context.expect_page() as opened:
        page.keyboard.press("s")
    view = opened.value
    there = view.frame_locator("#current-slide iframe").locator("section.present .countdown")
    here = page.locator("section.present .countdown")
    there.filter(has_text=re.compile("1:[45]")).wait_for()  # a newcomer hears how it stands
    view.locator("body").press("c")
    for place in (page.locator(".present"), view.frame_locator("#current-slide iframe").locator(".present")):
        place.locator(".countdown[data-state=still]").wait_for()
    assert here.inner_text() == there.inner_text()
    view.locator("body").press("r")
    for node in (here, there):
        node.filter(has_text="2:00").wait_for()
    page.keyboard.press("c")
    there.filter(has_text=re.compile("1:5")).wait_for()
