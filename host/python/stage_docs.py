"""Stages the pages of this repository and the Python packages' docstrings for mkdocs.

    python stage_docs.py FOLDER      writes FOLDER/mkdocs.yml and FOLDER/pages; docs.sh calls it

Pages keep their paths, so that links between them hold; files that pages link to lie beside them.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s#]+)")
# What a reader looks for, in the order of the root's README; the rest follows.
SECTIONS = {
    "Start": ["README.md", "examples/hello/README.md", "examples/notebook/README.md", "examples/mnist/README.md"],
    "Python": ["host/python/README.md", "host/python/cluster.md", "host/python/verify/README.md", "python/zkvm.md",
               "python/zkvm_verify.md"],
    "Models": ["host/import/README.md", "host/import/rules.md", "host/import/trees.md", "guest/include/zk/nn/README.md"],
    "Command line and C++": ["host/README.md", "host/doc/command_line.md", "host/doc/receipt.md", "host/doc/jobs.md",
                             "toolchain/README.md"],
    "Guests": ["guest/"],
    "Examples": ["examples/"],
    "Proof system": ["stark/"],
    "Virtual machine": ["vm/"],
    "More": [""],
}
API = {
    "zkvm": ["model.Model", "model.Outputs", "model.Tensor", "model.Description", "proving.prove", "proving.Receipt",
             "proving.Report", "proving.Progress", "running.run", "running.Run", "running.profile", "running.Profile",
             "running.Spot", "running.Layer", "running.Cost", "running.Trap", "running.Trapped", "importing.import_onnx",
             "importing.Project", "jobs.plan", "jobs.Job", "jobs.Segment", "cluster.prove", "quantize.quantize", "commitment.commit", "commitment.Commitment", "receipts.verify",
             "receipts.Verification", "receipts.Output", "receipts.Error", "receipts.InvalidReceipt", "receipts.InvalidGuest",
             "receipts.InvalidModel", "receipts.blake3"],
    "zkvm_verify": ["receipts.verify", "receipts.Verification", "receipts.Output", "receipts.Error", "receipts.InvalidReceipt",
                    "receipts.InvalidModel", "receipts.blake3"],
}


def tracked():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT,
                            capture_output=True, text=True, check=True)
    return [pathlib.Path(line) for line in listed.stdout.splitlines()]


def stage(folder):
    pages = folder / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    staged = []
    for page in tracked():
        if page.parts[0] == "toolchain" and "template" in page.parts:
            continue  # it is what `zkvm new` writes
        target = pages / page
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / page).read_text()
        target.write_text(text)
        staged.append(page.as_posix())
        for link in LINK.findall(text):
            source = (ROOT / page.parent / link).resolve()
            if "://" in link or not source.is_file() or source.suffix == ".md":
                continue
            copy = pages / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    for package, names in API.items():
        target = pages / f"python/{package}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"# {package}\n\n" + "\n".join(f"::: {package}.{name}\n" for name in names))
        staged.append(f"python/{package}.md")
    return staged


def navigation(staged):
    left = list(staged)
    sections = []
    for title, wanted in SECTIONS.items():
        found = [page for want in wanted for page in left if page == want or (not want or want.endswith("/")) and page.startswith(want)]
        left = [page for page in left if page not in found]
        if found:
            sections.append({title: found})
    return sections


def main(folder):
    staged = stage(folder)
    handler = {"paths": [str(ROOT / "host/python"), str(ROOT / "host/python/verify")],
               "options": {"show_root_heading": True, "show_root_full_path": False, "show_source": False, "heading_level": 2,
                           "merge_init_into_class": True, "signature_crossrefs": False, "filters": ["!^_"]}}
    settings = {
        "site_name": "zkvm", "docs_dir": "pages", "site_dir": "site", "use_directory_urls": False, "nav": navigation(staged),
        "theme": {"name": "material", "font": False, "features": ["navigation.sections", "content.code.copy"],
                  "palette": [{"media": "(prefers-color-scheme: light)", "scheme": "default"},
                              {"media": "(prefers-color-scheme: dark)", "scheme": "slate"}]},
        "plugins": ["search", {"mkdocstrings": {"handlers": {"python": handler}}}],
        "markdown_extensions": ["tables", "fenced_code", {"toc": {"permalink": True}}],
        "validation": {"links": {"not_found": "warn", "anchors": "warn", "absolute_links": "warn", "unrecognized_links": "warn"}},
    }
    (folder / "mkdocs.yml").write_text(json.dumps(settings, indent=1))  # JSON is YAML


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
