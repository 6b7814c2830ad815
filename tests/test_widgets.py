"""Chapter 2's explorer is alive where a person runs it: a slider that moves redraws the figure."""

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


def shown(client: BlockingKernelClient, code: str) -> list[dict]:
    """Run ``code`` and return what it displays or prints, by MIME type, in order."""
    outputs = []

    def keep(message: dict) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            outputs.append({content["name"]: content["text"]})
        elif message["msg_type"] in {"display_data", "execute_result"}:
            outputs.append(content["data"])

    reply = client.execute_interactive(code, output_hook=keep, timeout=120)
    assert reply["content"]["status"] == "ok", reply["content"]
    return outputs


@pytest.fixture(scope="module")
def explorer() -> Iterator[tuple[BlockingKernelClient, list[dict]]]:
    """Run the explorer's cells live, and give the kernel and what the explorer showed."""
    environment = {name: value for name, value in os.environ.items() if name != "SIDEBYSIDE_STORING"}
    manager, client = start_new_kernel(
        kernel_name="python3", env=environment, cwd=str(NOTEBOOKS), extra_arguments=["--log-level=ERROR"]
    )
    try:
        code = [
            cell for cell in nbformat.read(NOTEBOOKS / "02_bayes_theorem.ipynb", 4).cells if cell.cell_type == "code"
        ]
        named = {cell.metadata.get("name"): cell.source for cell in code}
        shown(client, code[0].source)
        yield client, shown(client, named["explorer"])
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_explorer_shows_sliders_and_a_figure(explorer):
    _, first = explorer
    assert sum(WIDGET in output for output in first) == 1
    assert sum("image/png" in output for output in first) == 1


def test_a_slider_redraws_the_figure(explorer):
    client, first = explorer
    (before,) = [output["image/png"] for output in first if "image/png" in output]
    (after,) = shown(client, "sliders['negative'].value = 100")
    assert after["image/png"] != before
    (later,) = shown(client, "sliders['a'].value = 50")
    assert later["image/png"] not in {before, after["image/png"]}
