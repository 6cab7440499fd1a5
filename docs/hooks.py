"""mkdocs: pages of the site that lie elsewhere in the repository, with their links rewritten."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Path of a document in the repository -> its page in the site."""
LINK = re.compile(r"(\]\()([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents of `PAGES`."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=rewrite_links(text, posixpath.dirname(source))))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let pages of docs/ link to the documents of `PAGES`."""
    generated = page.file.src_uri in PAGES.values()
    return markdown if generated else rewrite_links(markdown, "docs")


def rewrite_links(text: str, folder: str) -> str:
    """`text` of a document in `folder` of the repository, with links relative to docs/."""

    def rewrite(found: re.Match[str]) -> str:
        target = found[2]
        if ":" in target:
            return found[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        return found[1] + PAGES.get(path, posixpath.relpath(path, "docs"))

    return LINK.sub(rewrite, text)
