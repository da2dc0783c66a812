"""How the site is built: ``make docs``; pages are Markdown, examples are run."""

from __future__ import annotations

import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

import harmonium  # noqa: E402

project = "harmonium"
author = "the authors of harmonium"
copyright = author
release = version = harmonium.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "sg_execution_times.rst", "**/sg_execution_times.rst"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_attributes_as_param_list = False
add_module_names = False
toc_object_entries_show_parents = "hide"

#: Whether examples are run: their pictures are part of pages.
RUN = os.environ.get("HARMONIUM_GALLERY", "1") == "1"
# What is inherited from scikit-learn refers to labels of its pages.
suppress_warnings = [
    "config.cache",
    "ref.ref",
    *([] if RUN else ["image.not_readable"]),
]

sphinx_gallery_conf = {
    "examples_dirs": [str(ROOT / "examples")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/plot_",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 10_000,
    "plot_gallery": RUN,
    "parallel": os.cpu_count() or 1,
    "abort_on_example_error": True,
    "within_subsection_order": "FileNameSortKey",
    "copyfile_regex": r".*\.rst",
    "write_computation_times": False,
}
warnings.filterwarnings("ignore", category=UserWarning, message=".*is non-interactive.*")

html_theme = "pydata_sphinx_theme"
html_title = "harmonium"
html_math_renderer = "mathml"
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "harmonium"},
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 5,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
html_sidebars = {
    page: [] for page in ("index", "start", "which", "theory", "benchmarks", "programs")
}


_TYPE = re.compile(
    r"\{|(?:int|float|bool|str|list|dict|tuple|array|ndarray|sequences?|mapping|callable|frame|rows"
    r"|fitted|matplotlib|bool array|arrays|noisy|Graph|Palette|RBM|Markov|estimator|Joint|\()"
)


def _plain_entries(lines: list[str]) -> list[str]:
    """``name : what it is`` as numpydoc reads it: what it is is no type, unless a sentence follows.

    The house writes a parameter's meaning behind its name; numpydoc wants it on the next line.
    """
    found: list[str] = []
    for index, line in enumerate(lines):
        entry = re.match(r"^(\*{0,2}\w+(?:, \w+)*) : (.+)$", line)
        after = lines[index + 1] if index + 1 < len(lines) else ""
        told = after.startswith("    ") and not after.strip()[:1].islower()
        if entry is None or (told and _TYPE.match(entry[2]) and not entry[2].endswith(".")):
            found.append(line)
        else:
            found += [entry[1], f"    {entry[2]}"]
    return found


def _read(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    lines[:] = _plain_entries(lines)


def _math(self: Any, node: Any) -> None:
    """Formulas are MathML, which browsers set without help and without a network."""
    shown = convert(
        node.astext(), display="block" if isinstance(node, nodes.math_block) else "inline"
    )
    self.body.append(f'<div class="formula">{shown}</div>' if 'display="block"' in shown else shown)
    raise nodes.SkipNode


def _listed(app: Any, docname: str, source: list[str]) -> None:
    """Tables of contents name pages that may be there, as ``serve*``."""

    def there(found: re.Match[str]) -> str:
        return found[0] if any(Path(app.srcdir).glob(f"{found[1]}*.md")) else ""

    source[0] = re.sub(r"^(\w+)\*\n", there, source[0], flags=re.M)


def setup(app: Any) -> None:
    """Docstrings are read before numpydoc does; formulas are written without a network."""
    app.connect("source-read", _listed)
    app.add_html_math_renderer("mathml", (_math, None), (_math, None))
    app.connect("autodoc-process-docstring", _read, priority=100)
