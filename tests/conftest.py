"""One seed for every test, and a headless Chromium for those that look at pages; without one they are skipped."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCREENSHOTS = Path(__file__).resolve().parents[1] / "results" / "screenshots"


@pytest.fixture(autouse=True)
def seed():
    """The same random input in every run, so that a test that passed here passes there."""
    random.seed(0), np.random.seed(0), torch.manual_seed(0)  # noqa: NPY002, the old interface is what libraries draw from


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium or Chrome, or the one that `playwright install chromium` brought."""
    from playwright.sync_api import Error, sync_playwright

    system = next(filter(None, map(shutil.which, NAMES)), None)
    flags = [
        "--no-sandbox",
        "--autoplay-policy=no-user-gesture-required",
    ]  # root in a container; a sound without a click
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=system, args=flags)
        except Error as error:
            pytest.skip(f"no Chromium to look with (apt-get install chromium): {str(error).splitlines()[0]}")
        yield opened
        opened.close()


@pytest.fixture
def screenshot():
    """`screenshot(page, name)` keeps what a person would see as results/screenshots/name.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=SCREENSHOTS / f"{name}.png")
