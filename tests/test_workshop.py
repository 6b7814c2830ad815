"""The half day's deck and the instructor's guide: their minutes add up, and what they name is in the chapters."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
import yaml

from publish import decks
from sidebyside.exercises import exercises_of
from sidebyside.libraries import TAGS

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "book" / "instructors.md").read_text("utf-8")
PAGES = {"instructors": GUIDE, "workshop": (ROOT / "book" / "workshop.md").read_text("utf-8")}
DECK = nbformat.read(ROOT / "slides" / "workshop.ipynb", as_version=4)
MINUTES = 180
CHECK = r"`(\d\d-[a-z0-9-]+)`"
# "2.1 `02-mammogram` (10)", "6.4 (14)" or "set-up (10)", as a plan's last column has them.
TASK = re.compile(rf"(?P<what>[a-z][a-z -]+|\d+\.\d+)(?: {CHECK})? \((?P<minutes>\d+)\)")


# ---- what the chapters have ------------------------------------------------------------------


def exercises() -> dict[str, tuple[str, str | None]]:
    """Return the chapters' exercises by number (``"2.1"``): the notebook, and the name of the self-check if any."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        parts = re.split(r"^### Exercise (\d+)(?: \(open\))?:", text, flags=re.MULTILINE)[1:]
        chapter = path.stem.partition("_")[0].lstrip("0")
        for number, body in zip(parts[::2], parts[1::2], strict=True):
            check = re.search(r"sbs\.check\(\"(.+?)\"", body)
            found[f"{chapter}.{number}"] = (path.stem, check and check[1])
    return found


EXERCISES = exercises()


# ---- the deck --------------------------------------------------------------------------------


@dataclass
class Slide:
    """One slide: what it shows, its notes, and the seconds from the talk's beginning to its own and to its end."""

    shown: str
    notes: str
    begin: int
    end: int

    @property
    def heading(self) -> str:
        return re.search(r"^##? (.+)$", self.shown, re.MULTILINE)[1]

    @property
    def countdown(self) -> int | None:
        """The countdown's minutes, None where there is none."""
        found = re.search(r'^<time class="countdown" datetime="PT(\d+)M"></time>$', self.shown, re.MULTILINE)
        assert bool(found) == ("<time" in self.shown), self.heading
        return int(found[1]) if found else None


def slides() -> list[Slide]:
    """Return the deck's slides."""
    parts: list[dict[str, str]] = []
    for cell in DECK.cells:
        if decks.starts_slide(cell):
            parts.append({"shown": "", "notes": ""})
        parts[-1]["notes" if decks.slide_type(cell) == "notes" else "shown"] += cell.source + "\n\n"
    times = [decks.seconds(decks.OPENS.match(part["notes"]), part["shown"]) for part in parts]
    times.append(decks.seconds(decks.CLOSES.search(parts[-1]["notes"].strip()), "the end"))
    return [Slide(**part, begin=begin, end=end) for part, (begin, end) in zip(parts, pairwise(times), strict=True)]


SLIDES = slides()
TASKS = [slide for slide in SLIDES if slide.countdown]


def test_the_half_day_is_three_hours_with_two_breaks():
    assert (SLIDES[0].begin, SLIDES[-1].end) == (0, 60 * MINUTES)
    breaks = [slide for slide in SLIDES if slide.heading == "Break"]
    assert [slide.countdown for slide in breaks] == [10, 10]
    sitting = [0, *(time for slide in breaks for time in (slide.begin, slide.end)), 60 * MINUTES]
    assert max(end - begin for begin, end in zip(sitting[::2], sitting[1::2], strict=True)) <= 60 * 60
    assert sum(slide.countdown for slide in TASKS if slide not in breaks) > MINUTES / 3, "people came to do things"


@pytest.mark.parametrize("slide", TASKS, ids=lambda slide: slide.heading)
def test_a_task_has_the_time_that_its_countdown_promises(slide):
    assert slide.end - slide.begin >= 60 * slide.countdown + 60
    assert slide.countdown >= 8, "a beginner needs this long"


@pytest.mark.parametrize("slide", TASKS, ids=lambda slide: slide.heading)
def test_a_task_says_where_to_work(slide):
    """A QR code to the chapter's page; the exercise by its number and its self-check's name."""
    (page,) = re.findall(r"\(qr:site:(\S+)\.html\)", slide.shown)
    named = re.search(rf"^Chapter (\d+), exercise (\d+)(?:: {CHECK})?$", slide.shown, re.MULTILINE)
    if named:
        assert EXERCISES[f"{named[1]}.{named[2]}"] == (Path(page).stem, named[3])
        assert "get stuck" in slide.notes
    elif slide.heading != "Set-up check":
        number = re.search(r"hapter (\d+)", slide.shown)[1]
        assert page.startswith(f"notebooks/{int(number):02}_")


def test_every_exercise_with_a_self_check_is_solved_on_the_next_slide():
    solved = 0
    for task, after in pairwise(SLIDES):
        if found := re.search(rf"^Chapter \d+, exercise \d+: {CHECK}$", task.shown, re.MULTILINE):
            name = found[1].partition("-")[2]
            assert after.heading.endswith(": a solution")
            for block in ("python", "output"):
                assert re.search(rf"^```{block}\n# chapter:\w+#{name}-solution\b", after.shown, re.MULTILINE), name
            solved += 1
    assert solved >= 4


def test_a_slide_holds_few_words_beside_where_to_work():
    for slide in SLIDES:
        bare = re.sub(
            r"^```.*?^```$|\$\$.*?\$\$|!\[.*?\]\(.*?\)|<[^>]*>", "", slide.shown, flags=re.DOTALL | re.MULTILINE
        )
        bare = re.sub(r"(?m)^\d\. |^Chapter \d+, exercise .*$", "", bare)
        words = re.findall(r"[\w'.,-]*[A-Za-z0-9][\w'.,-]*", bare)
        assert len(words) <= 34, f"{slide.heading}: {len(words)} words"


def test_notes_say_what_to_do_when_late():
    assert sum("If you are late" in slide.notes for slide in SLIDES) >= 8
    assert [slide.heading for slide in SLIDES if len(slide.notes) < 100] == []


# ---- the guide's plans -----------------------------------------------------------------------


@dataclass
class Row:
    """A row of a plan: from which minute, for how many, what, and the tasks in it with their minutes."""

    begin: int
    minutes: int
    what: str
    tasks: list[re.Match]


def plans() -> dict[str, tuple[list[Row], int]]:
    """Return the guide's plans by name: their rows, and the minutes that the plan says it takes."""
    found = {}
    marked = re.compile(r"<!-- plan: (.+?) -->\n(.+?)<!-- end of plan: (\d+) minutes -->", re.DOTALL)
    for name, table, total in marked.findall(GUIDE):
        rows = []
        for line in table.strip().splitlines()[2:]:
            begin, minutes, what, tasks = (part.strip() for part in line.strip("|").split("|"))
            matches = list(TASK.finditer(tasks))
            assert ", ".join(match[0] for match in matches) == tasks, f"{name}: cannot read {tasks!r}"
            rows.append(Row(int(begin), int(minutes), what, matches))
        found[name] = (rows, int(total))
    return found


PLANS = plans()


def test_the_guide_has_three_plans():
    assert {name: total for name, (_, total) in PLANS.items()} == {"half day": 180, "day 1": 450, "day 2": 450}


@pytest.mark.parametrize("plan", PLANS)
def test_minutes_add_up(plan):
    rows, total = PLANS[plan]
    clock = 0
    for row in rows:
        assert row.begin == clock, row.what
        assert sum(int(task["minutes"]) for task in row.tasks) <= row.minutes - 2, row.what
        clock += row.minutes
    assert clock == total


@pytest.mark.parametrize("plan", PLANS)
def test_nobody_sits_too_long(plan):
    rows, total = PLANS[plan]
    pauses = [row for row in rows if row.what in {"Break", "Lunch"}]
    sitting = [0, *(time for row in pauses for time in (row.begin, row.begin + row.minutes)), total]
    assert max(end - begin for begin, end in zip(sitting[::2], sitting[1::2], strict=True)) <= 125


@pytest.mark.parametrize("plan", PLANS)
def test_a_row_s_chapter_is_that_of_its_exercises(plan):
    for row in PLANS[plan][0]:
        for chapter, target in re.findall(r"\[Chapter (\d+)\]\(\.\./notebooks/(.+?)\.ipynb\)", row.what):
            assert target.startswith(f"{int(chapter):02}_")
            for task in row.tasks:
                assert not task["what"][0].isdigit() or task["what"].partition(".")[0] == chapter, row.what


def test_the_half_day_s_plan_is_the_deck():
    begins = {slide.begin: slide for slide in SLIDES}
    rows, _ = PLANS["half day"]
    for row, end in zip(rows, [*(row.begin for row in rows[1:]), MINUTES], strict=True):
        assert 60 * row.begin in begins, f"no slide begins when {row.what!r} does"
        within = [slide for slide in TASKS if 60 * row.begin <= slide.begin < 60 * end and slide.heading != "Break"]
        assert [int(task["minutes"]) for task in row.tasks] == [slide.countdown for slide in within], row.what
        for task, slide in zip(row.tasks, within, strict=True):
            if task["what"][0].isdigit():
                chapter, number = task["what"].split(".")
                assert f"Chapter {chapter}, exercise {number}" in slide.shown
        assert (row.what == "Break") == (begins[60 * row.begin].heading == "Break")


def test_every_exercise_that_the_guide_names_is_there():
    named = re.findall(rf"\b(\d+\.\d+) {CHECK}", GUIDE)
    assert len(named) > 60
    assert [pair for pair in named if EXERCISES.get(pair[0], ("", None))[1] != pair[1]] == []
    without = [task["what"] for rows, _ in PLANS.values() for row in rows for task in row.tasks if not task[2]]
    unchecked = {number for number, (_, check) in EXERCISES.items() if not check}
    assert {number for number in without if number[0].isdigit()} <= unchecked
    for check in re.findall(CHECK, GUIDE):
        assert check in exercises_of(check[:2])


def test_every_planned_exercise_has_a_row_that_says_where_people_get_stuck():
    stuck = GUIDE[GUIDE.index("## Where people get stuck") : GUIDE.index("## Feedback")]
    rows = set(re.findall(r"^\| (\d+\.\d+)\b", stuck, re.MULTILINE))
    planned = {task["what"] for rows, _ in PLANS.values() for row in rows for task in row.tasks}
    missing = {number for number in planned if number[0].isdigit()} - rows
    # A short one, in which nothing typical goes wrong beyond what its hints say.
    assert missing <= {"9.1"}, missing


@pytest.mark.parametrize("page", PAGES)
def test_addresses_and_commands_are_the_course_s(page):
    text = PAGES[page]
    repository = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]["url"]
    for address in re.findall(r"https://github\.com/\S+?(?=[)\s#]|$)", text, re.MULTILINE):
        assert address.removesuffix("/issues") == repository
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    commands = re.findall(r"(?:^|`|=\w+ )make ([a-z-]+)", text, re.MULTILINE)
    assert commands
    assert set(commands) <= targets
    for libraries in re.findall(r'LIBS="([a-z ]+)"', text):
        assert set(libraries.split()) <= set(TAGS)
    for target in re.findall(r"\]\(([^)#:\s]+\.(?:md|ipynb))\)", text):
        assert (ROOT / "book" / target).is_file(), target
