"""The page of nncc report in a browser: nothing fails, every kernel can be chosen, tables sort, names are text, it fits a phone.

Skipped where there is no headless Chromium (Debian: chromium-headless-shell, or chromium).
"""
import argparse
import html
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import models
import nncc

SECONDS, BYTES = 5, 3_000_000
BROWSERS = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome")
# In front of everything that the page does.
LISTEN = """<script>window.problems = [];
addEventListener("error", (event) => problems.push(event.message));
addEventListener("securitypolicyviolation", (event) => problems.push(event.violatedDirective));</script>"""
# Behind it: does what a person does, and leaves what was seen in the page.
PROBE = """<script>(() => {
const report = JSON.parse(document.getElementById("document").textContent), seen = {};
const all = (selector) => [...document.querySelectorAll(selector)];
const text = (selector) => all(selector).map((node) => node.textContent).join(" ");
try {
  const boxes = all("#canvas .box[role=button]");
  seen.boxes = boxes.length;
  seen.wires = all("#canvas .wire").length;
  seen.wrong = report.manifest.kernels.filter((kernel, number) => {
    boxes[number].dispatchEvent(new MouseEvent("click", { bubbles: true }));
    return !text("#detail h3").includes(kernel.name) || !text("#detail pre").includes("nn.kernel") || all(".box.chosen").length !== 1;
  }).map((kernel) => kernel.name);
  seen.detail = text("#detail");
  const search = document.getElementById("search");
  search.value = report.manifest.kernels[0].name;
  search.dispatchEvent(new Event("input"));
  seen.hits = all(".box.hit").length;
  const column = () => all("#times tbody tr").map((row) => row.cells[4].textContent);
  const before = column();
  all("#times th button")[4].click();
  seen.sorts = before.length < 2 || String(before) !== String(column());
  seen.tensors = all("#arena svg rect.clickable").length;
  seen.circles = all("#times circle").length;
  seen.errors = all("#accuracy tbody tr").length;
  seen.title = document.title;
  seen.images = all("img, iframe, object, link").length;
  seen.wide = document.documentElement.scrollWidth - innerWidth;
} catch (error) { problems.push(String(error.stack)); }
seen.problems = problems;
document.body.append(Object.assign(document.createElement("pre"), { id: "probe", textContent: JSON.stringify(seen) }));
})();</script>"""


def find_browser() -> str:
    named = os.environ.get("NNCC_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        print("SKIPPED: there is no headless Chromium; apt-get install chromium-headless-shell has one, NNCC_CHROMIUM names another")
        sys.exit(models.SKIPPED)
    return found


class Browser:
    def __init__(self, program: str, folder: Path):
        self.command = [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--hide-scrollbars"]

    def look(self, page: Path, width: int = 1280) -> dict:
        """What the probe saw of a page in a window of that width."""
        content = page.read_text(encoding="ascii")
        probed = page.with_suffix(".probed.html")
        probed.write_text(content.replace("<style>", LISTEN + "<style>", 1).replace("</body>", PROBE + "</body>", 1))
        done = subprocess.run([*self.command, f"--window-size={width},900", "--dump-dom", probed.as_uri()], capture_output=True, text=True, timeout=120)
        found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
        assert found, f"{page.name}: the probe did not run\n{done.stderr[-2000:]}"
        return json.loads(html.unescape(found[1]))

    def picture(self, page: Path, to: Path, width: int, height: int, is_dark: bool):
        """The whole page, the graph as high as it is on a screen."""
        still = page.with_suffix(".still.html")
        still.write_text(page.read_text().replace("</style>", "#canvas, #detail { height: 620px !important }</style>", 1))
        subprocess.run([*self.command, f"--window-size={width},{height}", f"--screenshot={to.absolute()}", *(["--blink-settings=preferredColorScheme=0"] if is_dark else []),
                        still.as_uri()], check=True, capture_output=True, timeout=120)


def check(seen: dict, document: dict, what: str):
    kernels = document["manifest"]["kernels"]
    assert not seen["problems"], f"{what}: {seen['problems']}"
    assert seen["boxes"] == len(kernels) and not seen["wrong"], f"{what}: {seen}"
    assert seen["wires"] >= sum(len(kernel["sources"]) for kernel in document["kernels"]), f"{what}: {seen}"
    assert seen["hits"] >= 1 and seen["sorts"] and seen["images"] == 0, f"{what}: {seen}"
    assert seen["tensors"] == len(document["manifest"]["arena"]["tensors"]), f"{what}: {seen}"
    assert seen["title"].endswith("nncc report"), f"{what}: {seen['title']}"
    assert seen["wide"] <= 0, f"{what}: the page is {seen['wide']} pixels too wide"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write what the pages look like, light, dark and on a phone")
    parser.add_argument("--network", help="only the page of this network of models.json; it takes at most 5 s and 3 MB")
    options = parser.parse_args()
    browser_path = find_browser()
    with tempfile.TemporaryDirectory(prefix="nncc-report-") as scratch:
        folder = Path(scratch)
        browser = Browser(browser_path, folder)
        np.save(folder / "x.npy", np.random.default_rng(1).random((2, 1, 8, 8), np.float32))
        subprocess.run([sys.executable, Path(__file__).parent / "make_model.py", "hostile-names", folder / "hostile.onnx"], check=True)
        cases = {"plain": [models.model_path("digits"), "--target=aarch64-linux-gnu", "--cpu=cortex-a53"],
                 "measured": [models.model_path("digits"), "--bench", "--rounds=3", f"--data={folder / 'x.npy'}", f"--python={sys.executable}"],
                 "gpu": [models.model_path("digits"), "--target=aarch64-linux-gnu", "--device=mali-g610"],
                 "hostile": [folder / "hostile.onnx"]}
        if options.network:
            try:
                cases = {options.network: [models.model_path(options.network)]}
            except models.MissingModel as missing:
                models.skip_or_fail(missing)
        for what, arguments in cases.items():
            page = folder / f"{what}.html"
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            subprocess.run([options.nncc, "report", *arguments, "-o", page], check=True, cwd=folder)
            size = page.stat().st_size
            seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            assert seconds <= SECONDS and size <= BYTES, f"{what}: {seconds:.1f} s of processor time, {size} bytes"
            document = json.loads(re.search(r'type="application/json">(.*?)</script>', page.read_text(), re.DOTALL)[1])
            for width in (1280, 390):
                seen = browser.look(page, width)
                check(seen, document, f"{what} at {width}")
                if what == "measured":
                    assert seen["errors"] == sum(row["compared"] for row in document["debug"]["tensors"]) + len(document["outputs"]["tensors"]) > 1 and seen["circles"] >= 2, seen
                if what == "hostile":
                    assert '</script><img src=x onerror="document.title=1">\\u202e<!--\\u0001' in seen["detail"], seen["detail"]
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                for look, width, height, is_dark in (("light", 1280, 3000, False), ("dark", 1280, 3000, True), ("phone", 390, 4000, False)):
                    browser.picture(page, options.pictures / f"{what}-{look}.png", width, height, is_dark)
    print(f"ok: {', '.join(cases)}; the last in {seconds:.1f} s of processor time, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    sys.exit(main())
